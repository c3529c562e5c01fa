"""What tests of exports share: eager references, and a model file of any header."""

from pathlib import Path

import torch
from ase import Atoms

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header
from alignn_ff.export.door import Input
from alignn_ff.graph import GraphRecipe, TensorPrediction
from alignn_ff.models import (
    AlignnAtomwiseConfig,
    AlignnAtomwisePureConfig,
    EalignnAtomwiseConfig,
    ModelStatistics,
)
from alignn_ff.potential import Potential
from tests.support import published_headers
from tests.support.layered_headers import HEADERS as LAYERED
from tests.support.tiny_models import CONFIG, PUBLISHED, published_header, tiny_header, tiny_model

MOMENTS = CONFIG.model_copy(update={"moment_channels": 4})

SMOOTH = {
    "smooth": tiny_header(),
    "smooth, free atoms": tiny_header(exact_free_atoms=True),
    "smooth, no ZBL": tiny_header(config=CONFIG.model_copy(update={"use_zbl": False})),
    "smooth, moments": tiny_header(config=MOMENTS, exact_free_atoms=True),
    "smooth, bounded": tiny_header(config=MOMENTS, exact_free_atoms=True, bounded=True),
    "smooth, moments of order 1, no angles": tiny_header(
        config=MOMENTS.model_copy(update={"max_moment": 1, "alignn_layers": 0})
    ),
}

LAYERS = (
    "0 + 0 layers",
    "3 + 2 layers",
    "no line graph",
    "no back-tracking",
    "12 neighbours",
    "whole shells",
    "envelope on lengths",
    "published envelope",
    "no penalty",
    "ealignn",
)

HEADERS: dict[str, Header] = {
    **SMOOTH,
    **published_headers.HEADERS,
    **{f"published, {name}": LAYERED[name] for name in LAYERS},
}


WIDE = {**PUBLISHED, "edge_input_features": 24, "embedding_features": 16, "hidden_features": 16}
"""Fields of a published network that the kernels run."""

TALL = {"alignn_layers": 3, "gcn_layers": 2}
ENVELOPE = {"use_cutoff_function": True, "inner_cutoff": 2.2}

ON_KERNELS: dict[str, Header] = {
    name: published_header(config(**{**WIDE, **fields}), GraphRecipe(cutoff=4.0, **recipe))
    for name, config, fields, recipe in (
        ("3 + 2 layers", AlignnAtomwiseConfig, TALL, {"three_body_cutoff": 3.2, "back_tracking": True}),
        ("2 + 1 layers", AlignnAtomwiseConfig, {"alignn_layers": 2}, {"three_body_cutoff": 3.2}),
        ("1 + 0 layers", AlignnAtomwiseConfig, {"gcn_layers": 0}, {"back_tracking": True}),
        (
            "2 + 0 layers",
            AlignnAtomwiseConfig,
            {"alignn_layers": 2, "gcn_layers": 0},
            {"own_image_angles": False, "back_tracking": True},
        ),
        ("no angles", AlignnAtomwiseConfig, {"alignn_layers": 0, "gcn_layers": 3}, {}),
        ("envelope on lengths", AlignnAtomwiseConfig, ENVELOPE, {}),
        ("envelope on states", AlignnAtomwiseConfig, {**ENVELOPE, "multiply_cutoff": True}, {}),
        ("published envelope", AlignnAtomwiseConfig, {**ENVELOPE, "envelope": "published", "inner_cutoff": 4.0}, {}),
        ("ZBL", AlignnAtomwisePureConfig, {"use_zbl": True}, {}),
        ("ealignn", EalignnAtomwiseConfig, {"inner_cutoff": 3.5}, {}),
    )
}
"""Published force fields in files for pair_style alignn."""


def with_repulsion_ends(header: Header, *ends: tuple[int, int, float]) -> Header:
    """The header of a model whose repulsion ends earlier for some pairs."""
    statistics: ModelStatistics = header.statistics._replace(repulsion_ends=ends)
    return header.model_copy(update={"statistics": statistics})


def eager(header: Header) -> Potential:
    """A tiny model of a header, in float64 on the eager backend."""
    device = torch.device("cpu")
    return Potential("tiny", header, tiny_model(header), device=device, dtype=torch.float64, backend="eager")


def model_file(path: Path, header: Header) -> Path:
    """A model file of the same tiny model."""
    checkpoint.save(path, header, tiny_model(header).state_dict())
    return path


def evaluated(potential: Potential, atoms: Atoms) -> tuple[Input, TensorPrediction]:
    """A structure as hosts hold it, and its prediction."""
    system, graph, _ = potential.prepare(atoms)
    edges = (graph.edge_src, graph.edge_dst, graph.edge_shift)
    given = Input(system.positions, system.cell[0], system.atomic_numbers, *edges)
    return given, potential.evaluate(system, graph)
