"""The pair styles give the numbers of the package: on one process, with ghosts as rows, and on two processes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from alignn_ff.checkpoint import Header
from alignn_ff.export.lammps.file import write
from alignn_ff.export.options import ExportOptions
from alignn_ff.export.torchscript import file as torchscript
from alignn_ff.graph import GraphRecipe, TensorPrediction
from alignn_ff.interfaces.lammps import Lammps
from alignn_ff.models import AlignnAtomwiseConfig, EalignnAtomwiseConfig
from alignn_ff.potential import Potential
from tests.support.exports import ON_KERNELS, SMOOTH, WIDE, eager, with_repulsion_ends
from tests.support.lammps_runs import Case, Evaluated, cases, evaluate
from tests.support.tiny_models import PUBLISHED, published_header, tiny_model

MODELS = {
    "moments": with_repulsion_ends(SMOOTH["smooth, moments"], (8, 14, 1.4)),
    "plain": SMOOTH["smooth"],
    "published": ON_KERNELS["3 + 2 layers"],
    "published, without returns": ON_KERNELS["2 + 1 layers"],
    "ealignn": ON_KERNELS["ealignn"],
    "ZBL": ON_KERNELS["ZBL"],
}
WAYS = {
    "one process": (1, 1, ""),
    "two threads": (1, 2, ""),
    "ghosts as rows": (1, 1, "ghosts"),
    "ghosts as rows, two threads": (1, 2, "ghosts"),
    "two processes": (2, 1, ""),
    "two processes, two threads": (2, 2, ""),
}
"""Name → processes, threads of each, word of the pair style."""
FAST = {"moments": tuple(WAYS), "published": ("one process", "ghosts as rows", "two processes")}
"""The other ways and models are tested by ``-m slow``."""


@pytest.mark.parametrize(
    "name, way",
    [
        pytest.param(name, way, marks=() if way in FAST.get(name, ()) else pytest.mark.slow)
        for name in MODELS
        for way in WAYS
    ],
)
def test_lammps_gives_the_numbers_of_the_package(
    name: str, way: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    potential, (processes, threads, word) = eager(MODELS[name]), WAYS[way]
    write(potential, tmp_path / "model.alignn", ExportOptions())
    chosen, style = cases(), f"alignn {word}"
    count = {"processes": processes, "threads": threads}
    found = evaluate(lammps, plugin, tmp_path, tmp_path / "model.alignn", chosen, **count, style=style)
    agree(chosen, found, potential.predict_tensors([case.atoms for case in chosen.values()]))


def agree(chosen: Mapping[str, Case], found: Mapping[str, Evaluated], predictions: list[TensorPrediction]) -> None:
    """The numbers are those of the package to 1e-10, relative to the largest force, and the virials add up."""
    for (case, given), expected in zip(chosen.items(), predictions, strict=True):
        got = found[case]
        assert expected.forces is not None
        assert expected.stress is not None
        forces, stress = expected.forces.numpy(), expected.stress[0].numpy()
        atol = 1e-10 * max(1.0, float(np.abs(forces).max()))
        np.testing.assert_allclose(got.energy, float(expected.energy[0]), rtol=0, atol=atol, err_msg=case)
        np.testing.assert_allclose(got.atomic_energy, expected.atomic_energy.numpy(), rtol=0, atol=atol, err_msg=case)
        np.testing.assert_allclose(got.forces, forces, rtol=0, atol=atol, err_msg=case)
        if given.atoms.pbc.all():
            np.testing.assert_allclose(got.stress, stress, rtol=0, atol=atol, err_msg=case)
        np.testing.assert_allclose(got.summed_virial, got.pressure, rtol=1e-9, atol=1e-6, err_msg=case)


LAYERS = {**PUBLISHED, "alignn_layers": 2, "gcn_layers": 1}
TORCH_MODELS: dict[str, Header] = {
    "atomwise": published_header(
        AlignnAtomwiseConfig(**LAYERS), GraphRecipe(cutoff=4.0, three_body_cutoff=3.2, back_tracking=True)
    ),
    "ealignn": published_header(EalignnAtomwiseConfig(**LAYERS, inner_cutoff=3.5), GraphRecipe(cutoff=4.5)),
    "smooth": SMOOTH["smooth, moments"],
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TORCH_MODELS)
def test_lammps_with_torch_gives_the_numbers_of_the_package(
    name: str, way: str, lammps: Lammps, torch_plugin: Path, tmp_path: Path
) -> None:
    potential, (processes, threads, word) = eager(TORCH_MODELS[name]), WAYS[way]
    model = tmp_path / "model.pt"
    torchscript.write(potential, model, ExportOptions())
    chosen, style = cases(), f"alignn/torch {word}"
    count = {"processes": processes, "threads": threads}
    found = evaluate(lammps, torch_plugin, tmp_path, model, chosen, **count, style=style)
    agree(chosen, found, potential.predict_tensors([case.atoms for case in chosen.values()]))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_network_in_float32_agrees_to_rounding(processes: int, lammps: Lammps, plugin: Path, tmp_path: Path) -> None:
    header, chosen = SMOOTH["smooth"], {"cubic": cases()["cubic"]}
    narrow = Potential(
        "tiny", header, tiny_model(header), device=torch.device("cpu"), dtype=torch.float32, backend="eager"
    )
    write(narrow, tmp_path / "model.alignn", ExportOptions())
    found = evaluate(lammps, plugin, tmp_path, tmp_path / "model.alignn", chosen, processes=processes)
    (expected,) = eager(header).predict_tensors([chosen["cubic"].atoms])
    assert expected.forces is not None
    difference = np.abs(found["cubic"].forces - expected.forces.numpy()).max()
    assert 0 < difference < 1e-3 * max(1.0, float(expected.forces.abs().max()))


REFUSED = {
    "an atom without neighbours": (GraphRecipe(cutoff=3.0, cutoff_extra=1.0), "lone atom", "", "would grow"),
    "a thin box with ghosts as rows": (
        GraphRecipe(cutoff=4.5, back_tracking=True, own_image_angles=False),
        "two atoms",
        "ghosts",
        "angles with its own images",
    ),
    "a capped graph": (
        GraphRecipe(neighbor_strategy="k-nearest", max_neighbors=12, cutoff=4.5),
        "cubic",
        "",
        "cannot run in LAMMPS: its graph is k-nearest",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
def test_graphs_of_published_models_that_lammps_does_not_have_are_refused_in_words(
    what: str, lammps: Lammps, torch_plugin: Path, tmp_path: Path
) -> None:
    recipe, name, word, words = REFUSED[what]
    potential, model = eager(published_header(AlignnAtomwiseConfig(**PUBLISHED), recipe)), tmp_path / "model.pt"
    torchscript.write(potential, model, ExportOptions())
    refused_with(words, lammps, torch_plugin, model, {name: cases()[name]}, style=f"alignn/torch {word}")


@pytest.mark.parametrize("what", list(REFUSED)[:2])
def test_the_kernels_refuse_them_too(what: str, lammps: Lammps, plugin: Path, tmp_path: Path) -> None:
    recipe, name, word, words = REFUSED[what]
    potential = eager(published_header(AlignnAtomwiseConfig(**WIDE), recipe))
    write(potential, tmp_path / "model.alignn", ExportOptions())
    chosen = {name: cases()[name]}
    refused_with(words, lammps, plugin, tmp_path / "model.alignn", chosen, style=f"alignn {word}")


def refused_with(words: str, lammps: Lammps, plugin: Path, model: Path, chosen: dict[str, Case], *, style: str) -> None:
    with pytest.raises(AssertionError) as ended:
        evaluate(lammps, plugin, model.parent, model, chosen, processes=1, style=style)
    assert words in " ".join(str(ended.value).split())
