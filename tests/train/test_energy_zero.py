"""Energies of another zero are told from errors of a model."""

import numpy as np
import pytest
from ase import Atoms

from alignn_ff.train.energy_zero import energy_zero
from alignn_ff.train.metrics import Comparison
from alignn_ff.train.records.record import Record

SHIFTS = {"Ti": -4.0, "O": 1.5}


def pair(number: int, formula: str, error: float) -> tuple[Record, Comparison]:
    """A structure whose energy per atom is predicted to be zero."""
    atoms = Atoms(formula)
    label = sum(SHIFTS[symbol] for symbol in atoms.symbols) / len(atoms) + error
    record = Record(f"{number}", atoms, label * len(atoms), None, None, "")
    return record, Comparison(f"{number}", "", len(atoms), {"energy": np.array([[label], [0.0]])})


def found(formulas: list[str], *, spread: float):
    errors = spread * np.random.default_rng(2).normal(size=len(formulas))
    pairs = [pair(number, *each) for number, each in enumerate(zip(formulas, errors, strict=True))]
    return energy_zero([record for record, _ in pairs], [item for _, item in pairs])


def test_constants_of_elements_are_found() -> None:
    zero = found(["TiO2", "Ti2O3", "TiO", "Ti", "O2"] * 3, spread=0.02)
    assert zero is not None
    assert zero.shifts_eV == pytest.approx(SHIFTS, abs=0.1)
    assert zero.remaining_MAE_meV_per_atom < 30
    assert "Ti -4.0" in zero.sentence


def test_one_composition_does_not_tell_elements_apart() -> None:
    zero = found(["TiO2"] * 12, spread=0.02)
    assert zero is not None
    assert zero.shifts_eV == {}
    assert zero.mean_shift_eV_per_atom == pytest.approx(-1.0 / 3.0, abs=0.02)


@pytest.mark.parametrize(
    "formulas, spread",
    [(["TiO2", "Ti", "O2"] * 4, 5.0), (["TiO2", "O2"] * 2, 0.0), (["Ti2O5"] * 6 + ["Ti5O14"] * 6, 0.01)],
    ids=["errors that are no constants", "few structures", "small errors"],
)
def test_other_errors_are_not_explained(formulas: list[str], spread: float) -> None:
    assert found(formulas, spread=spread) is None
