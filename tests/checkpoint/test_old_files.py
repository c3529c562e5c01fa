"""Model files that earlier versions wrote still load, with the same numbers."""

import shutil
from pathlib import Path

import ase.io
import pytest
import torch
from ase.build import bulk

from alignn_ff import load_potential
from alignn_ff.checkpoint.format import UPGRADES, VERSION
from tests.support.line_graph import LINE_GRAPH_MODEL

WRITTEN = Path(__file__).parents[1] / "data" / "written_by_0.1.0" / "train"


@pytest.mark.parametrize(
    ("file", "energy_eV", "force_eV_per_A", "stress_eV_per_A3"),
    [
        ("run/best_model.pt", -0.4894472415469162, -1.2572840249668316, -0.10388499461637223),
        ("run/current_model.pt", -0.4894472415469162, -1.2572840249668316, -0.10388499461637223),
        ("whole/best_model.pt", 0.28893383031465747, -1.2495080690134506, -0.10649802437858019),
    ],
)
def test_a_model_file_of_0_1_0_predicts_what_it_did(
    file: str, energy_eV: float, force_eV_per_A: float, stress_eV_per_A3: float
) -> None:
    potential = load_potential(WRITTEN / file, device="cpu", dtype="float64", backend="eager")
    (found,) = potential.predict_tensors([ase.io.read(WRITTEN / "cu.extxyz", 0)])
    assert float(found.energy) == pytest.approx(energy_eV, abs=1e-10)
    assert float(found.forces[0, 1]) == pytest.approx(force_eV_per_A, abs=1e-10)
    assert float(found.stress[0, 0, 0]) == pytest.approx(stress_eV_per_A3, abs=1e-10)


def test_the_trained_model_of_0_1_0_predicts_what_it_did() -> None:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=1)
    (found,) = load_potential(LINE_GRAPH_MODEL, device="cpu", dtype="float64", backend="eager").predict_tensors([atoms])
    assert float(found.energy) == pytest.approx(-42.89301722319986, abs=1e-9)
    assert found.forces[0].tolist() == pytest.approx(
        [-1.5046682230584822, 0.4490987233824304, -0.3493648155605281], abs=1e-9
    )


@pytest.mark.parametrize("version", range(1, VERSION))
def test_every_older_version_has_an_upgrade(tmp_path: Path, version: int) -> None:
    assert version in UPGRADES
    file = Path(shutil.copy(WRITTEN / "run/best_model.pt", tmp_path / "model.pt"))
    torch.save({**torch.load(file, weights_only=True), "version": version}, file)
    assert load_potential(file, device="cpu").header == load_potential(WRITTEN / "run", device="cpu").header
