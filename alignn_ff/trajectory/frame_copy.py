"""Copies of a structure that can be kept and written: results instead of a calculator."""

from collections.abc import Sequence
from typing import Final

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.trajectory.quantities import QUANTITIES, QuantityName

KEPT_RESULTS: Final = ("energy", "forces", "stress")
"""Results of the calculator that a copy holds where nothing else is chosen."""


def bare_copy(atoms: Atoms, *, results: Sequence[str] = KEPT_RESULTS) -> Atoms:
    """Copy of a structure with those results that the calculator has for these positions."""
    copy: Atoms = atoms.copy()
    if atoms.calc is not None and not atoms.calc.check_state(atoms):
        present = {name: atoms.calc.results[name] for name in results if name in atoms.calc.results}
        copy.calc = SinglePointCalculator(copy, **present)
    return copy


def chosen_copy(atoms: Atoms, quantities: Sequence[QuantityName]) -> Atoms:
    """Copy of a structure with its energy and the chosen quantities, as far as they were computed."""
    chosen = [QUANTITIES[name] for name in quantities]
    copy = bare_copy(atoms, results=("energy", *(row.result for row in chosen if row.result is not None)))
    kept = {row.array for row in chosen}
    for row in QUANTITIES.values():
        if row.array is not None and row.array not in kept:
            copy.arrays.pop(row.array, None)
    return copy
