"""Whether energies differ from those of a model by a constant for each element: another code, functional or zero.

In: labels beside predictions. Out: the constants, and the error that remains without them.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from ase.data import chemical_symbols

from alignn_ff.train.metrics import Comparison
from alignn_ff.train.records.element_energies import energies_of_elements, fit_robustly_per_element
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.statistics import counts_of, elements_of

FEWEST_PER_ELEMENT: Final = 3
"""Structures per element below which constants are not told apart from errors."""

LEAST_MEV: Final = 300.0
"""Mean errors below this may be those of the model, meV/atom."""

MOST_LEFT: Final = 0.3
"""Part of the mean error that may remain where constants explain it."""

NAMED: Final = 8
"""Elements whose constants the sentence has."""


class EnergyZero(NamedTuple):
    """Labels are predictions plus a constant for each atom, and a small rest.

    Attributes:
        mean_shift_eV_per_atom: label less prediction, mean over the structures.
        shifts_eV: symbol → label less prediction, eV per atom of the element; empty where the compositions of the data
            do not tell the elements apart.
        remaining_MAE_meV_per_atom: mean error without the constants.
    """

    mean_shift_eV_per_atom: float
    shifts_eV: dict[str, float]
    remaining_MAE_meV_per_atom: float

    @property
    def sentence(self) -> str:
        """For the user."""
        named = [f"{symbol} {shift:+.3f} eV" for symbol, shift in self.shifts_eV.items()]
        more = [f"{len(named) - NAMED} more"] if len(named) > NAMED else []
        what = f"for each element ({', '.join(named[:NAMED] + more)})" if named else "for each element"
        return (
            f"Most of the error of the energies, {self.mean_shift_eV_per_atom:+.3f} eV/atom in the mean, is a constant "
            f"{what}; without it {self.remaining_MAE_meV_per_atom:.3g} meV/atom remain. Another code, functional or "
            "zero of energies can cause this; a fine-tuning moves the zero by itself"
        )


def energy_zero(records: Sequence[Record], comparisons: Sequence[Comparison]) -> EnergyZero | None:
    """Constants per element that explain most of the errors of the energy; None where they do not.

    Args:
        records: the structures.
        comparisons: labels beside predictions, in the same order.
    """
    pairs = [(record, item) for record, item in zip(records, comparisons, strict=True) if item.pair("energy").size]
    off_per_atom = np.array([float(item.pair("energy")[0, 0] - item.pair("energy")[1, 0]) for _, item in pairs])
    if not pairs or 1000.0 * np.abs(off_per_atom).mean() < LEAST_MEV:
        return None
    elements = elements_of(record for record, _ in pairs)
    if len(pairs) < FEWEST_PER_ELEMENT * len(elements):
        return None
    composition = np.array([counts_of(record.atoms, elements) for record, _ in pairs], dtype=np.int16)
    n_atoms = composition.sum(axis=1)
    shifts = fit_robustly_per_element(composition, off_per_atom * n_atoms)
    remaining = off_per_atom - energies_of_elements(composition, shifts) / n_atoms
    if np.abs(remaining).mean() > MOST_LEFT * np.abs(off_per_atom).mean():
        return None
    told_apart = np.linalg.matrix_rank(composition / n_atoms[:, None]) == len(elements)
    named = {chemical_symbols[z]: float(shift) for z, shift in zip(elements, shifts, strict=True)}
    return EnergyZero(
        mean_shift_eV_per_atom=float(off_per_atom.mean()),
        shifts_eV=named if told_apart else {},
        remaining_MAE_meV_per_atom=1000.0 * float(np.abs(remaining).mean()),
    )
