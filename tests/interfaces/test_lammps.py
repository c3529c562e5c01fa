"""pair_style alignn gives the numbers of the package: on one process, with ghosts as rows, and on two processes."""

from pathlib import Path

import numpy as np
import pytest

from alignn_ff.export.lammps.file import write
from alignn_ff.export.options import ExportOptions
from alignn_ff.interfaces.lammps import Lammps
from tests.support.exports import SMOOTH, eager, with_repulsion_ends
from tests.support.lammps_runs import cases, evaluate

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
    potential, (processes, style) = eager(MODELS[name]), WAYS[way]
    write(potential, tmp_path / "model.alignn", ExportOptions())
    chosen = cases()
    found = evaluate(lammps, plugin, tmp_path, tmp_path / "model.alignn", chosen, processes=processes, style=style)
    predictions = potential.predict([case.atoms for case in chosen.values()])
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
