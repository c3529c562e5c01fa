"""The pair styles give the numbers of the package: on one process, with ghosts as rows, and on two processes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from alignn_ff.checkpoint import Header
from alignn_ff.export.lammps.file import write
from alignn_ff.export.options import ExportOptions
from alignn_ff.export.torchscript import file as torchscript
from alignn_ff.graph import GraphRecipe, Prediction
from alignn_ff.interfaces.lammps import Lammps
from alignn_ff.models import AlignnAtomwiseConfig, EalignnAtomwiseConfig
from tests.support.exports import SMOOTH, eager, with_repulsion_ends
from tests.support.lammps_runs import Case, Evaluated, cases, evaluate
from tests.support.tiny_models import PUBLISHED, published_header

MODELS = {
    "moments": with_repulsion_ends(SMOOTH["smooth, moments"], (8, 14, 1.4)),
    "plain": SMOOTH["smooth"],
}
WAYS = {"one process": (1, ""), "ghosts as rows": (1, "ghosts"), "two processes": (2, "")}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_lammps_gives_the_numbers_of_the_package(
    name: str, way: str, lammps: Lammps, plugin: Path, tmp_path: Path
) -> None:
    potential, (processes, word) = eager(MODELS[name]), WAYS[way]
    write(potential, tmp_path / "model.alignn", ExportOptions())
    chosen, style = cases(), f"alignn {word}"
    found = evaluate(lammps, plugin, tmp_path, tmp_path / "model.alignn", chosen, processes=processes, style=style)
    agree(chosen, found, potential.predict([case.atoms for case in chosen.values()]))


def agree(chosen: Mapping[str, Case], found: Mapping[str, Evaluated], predictions: list[Prediction]) -> None:
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
    potential, (processes, word) = eager(TORCH_MODELS[name]), WAYS[way]
    model = tmp_path / "model.pt"
    torchscript.write(potential, model, ExportOptions())
    chosen, style = cases(), f"alignn/torch {word}"
    found = evaluate(lammps, torch_plugin, tmp_path, model, chosen, processes=processes, style=style)
    agree(chosen, found, potential.predict([case.atoms for case in chosen.values()]))
