"""Committees and last layers of tiny models with random weights."""

from collections.abc import Sequence
from pathlib import Path

import torch
from ase import Atoms

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header, Member
from alignn_ff.execution import features_of, means_of
from alignn_ff.graph import build_graph, edge_vectors, system_from_atoms
from alignn_ff.models import Committee, EnergyModel, LastLayer, LastLayerRecord, Products, posterior_factor
from alignn_ff.potential import Potential
from tests.support.tiny_models import tiny_header, tiny_model

CPU = torch.device("cpu")


def committee_header(n_members: int, header: Header | None = None) -> Header:
    """Header of a committee whose members have the same statistics."""
    header = header or tiny_header()
    return header.model_copy(update={"members": (Member(header.statistics),) * n_members})


def tiny_committee(seeds: Sequence[int] = (0, 1, 2), header: Header | None = None, **settings: object) -> Potential:
    """A committee of tiny models, one per seed."""
    header = committee_header(len(seeds), header)
    model = Committee([tiny_model(header.model_copy(update={"members": ()}), seed=seed) for seed in seeds])
    return Potential("committee", header, model.eval(), device=CPU, dtype=torch.float64, **settings)  # type: ignore[arg-type]


def write_committee(path: Path, seeds: Sequence[int] = (0, 1, 2), header: Header | None = None) -> Path:
    """A model file of a committee."""
    potential = tiny_committee(seeds, header)
    checkpoint.save(path, potential.header, potential.model.state_dict())
    return path


def with_last_layer(
    training: Sequence[Atoms], header: Header | None = None, *, seed: int = 0, regulariser: float = 1e-6
) -> Potential:
    """A tiny model with the matrix of its last layer, made of some structures."""
    header = header or tiny_header()
    model = tiny_model(header, seed=seed)
    features = torch.cat([structure_features(model, atoms) for atoms in training])
    record = LastLayerRecord(features.shape[1], 1.0, regulariser, len(training), 1)
    model.last_layer = LastLayer(record)
    seen = Products(features.T @ features, torch.zeros(len(features[0]), len(features[0])))
    for each in model.last_layer.buffers():
        each.copy_(posterior_factor(seen, regulariser))
    header = header.model_copy(update={"last_layer": record})
    return Potential("last layer", header, model, device=CPU, dtype=torch.float64)


def structure_features(model: EnergyModel, atoms: Atoms) -> torch.Tensor:
    """(1, n_features) mean over the atoms of the inputs of the last layer."""
    system = system_from_atoms(atoms)
    graph = build_graph(system, model.recipe)
    with torch.no_grad():
        return means_of(features_of(model.double(), graph, edge_vectors(system, graph)), graph)
