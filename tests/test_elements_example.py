"""examples/elements: the training file of a model of one element, and stresses off the slope of the energies."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

FOLDER = Path(__file__).parents[1] / "examples" / "elements"
MISSING_EV = -0.18


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """The modules of the example: prepare and pulay."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import prepare  # type: ignore[import-not-found]
    import pulay  # type: ignore[import-not-found]

    yield prepare, pulay
    for name in ("prepare", "pulay"):
        sys.modules.pop(name)


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    """Copper stretched along each axis, with stresses that lack a virial per atom."""
    found = []
    for axis in range(3):
        for strain in np.linspace(-0.05, 0.05, 9):
            atoms = bulk("Cu", a=3.6, cubic=True)
            cell = np.eye(3)
            cell[axis, axis] += strain
            atoms.set_cell(atoms.cell.array @ cell, scale_atoms=True)
            atoms.calc = EMT()
            volume = atoms.get_volume()
            stress = atoms.get_stress() - MISSING_EV * len(atoms) / volume * np.array([1, 1, 1, 0, 0, 0])
            labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces(), "stress": stress}
            atoms.calc = SinglePointCalculator(atoms, **labels)
            atoms.info["config_type"] = "Elastic"
            found.append(atoms)
    return found


def test_the_missing_virial_is_found(
    modules, frames: list[Atoms], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, pulay = modules
    write(tmp_path / "Cu.extxyz", frames)
    monkeypatch.setattr(sys, "argv", ["pulay.py", str(tmp_path / "Cu.extxyz")])
    pulay.main()
    lines = capsys.readouterr().out.splitlines()
    assert [float(line.split()[4]) for line in lines] == pytest.approx([MISSING_EV] * 3, abs=2e-3)


def test_a_virial_is_added_to_dft_stresses_and_the_teacher_loses_its_own(
    modules, frames: list[Atoms], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, _ = modules
    dense = bulk("Cu", "bcc", a=2.6)
    dense.calc = EMT()
    labels = {"energy": dense.get_potential_energy(), "forces": dense.get_forces(), "stress": dense.get_stress()}
    dense.calc = SinglePointCalculator(dense, **labels)
    low = frames[4].copy()
    low.calc = SinglePointCalculator(low, **frames[4].calc.results)
    for name, some in (("dft", frames), ("teacher", [dense, low])):
        write(tmp_path / f"{name}.extxyz", some)
    words = [
        "--dft",
        "dft.extxyz",
        "--distilled",
        "teacher.extxyz",
        "--output",
        "Cu.extxyz",
        "--pulay",
        str(MISSING_EV),
    ]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["prepare.py", "Cu", *words])
    prepare.main()
    *dft, teacher = read(tmp_path / "Cu.extxyz", ":")
    assert "stress" not in teacher.calc.results
    for atoms in dft:
        assert atoms.get_stress() == pytest.approx(_of_emt(atoms), abs=1e-6)


def _of_emt(atoms: Atoms) -> np.ndarray:
    same = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    same.calc = EMT()
    return same.get_stress()
