"""Whether energies differ from those of a model by a constant for each element: another code, functional or zero.

In: labels beside predictions. Out: the constants, and the errors that remain without them.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from ase.data import chemical_symbols

from alignn_ff.train.metrics import Comparison
from alignn_ff.train.records.element_energies import energies_of_elements, fit_robustly_per_element
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.statistics import elements_of

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
        shifts_eV: symbol → label less prediction, eV per atom of the element.
        remaining_MAE_meV_per_atom: mean error without them.
    """

    shifts_eV: dict[str, float]
    remaining_MAE_meV_per_atom: float

    @property
    def sentence(self) -> str:
        """For the user."""
        named = [f"{symbol} {shift:+.3f} eV" for symbol, shift in self.shifts_eV.items()]
        more = [f"{len(named) - NAMED} more"] if len(named) > NAMED else []
        return (
            f"Most of the error of the energies is a constant for each element ({', '.join(named[:NAMED] + more)}): "
            f"without it, it is {self.remaining_MAE_meV_per_atom:.3g} meV/atom. Another code, functional or zero of "
            "energies does that; a fine-tuning moves the zero by itself"
        )


def energy_zero(records: Sequence[Record], comparisons: Sequence[Comparison]) -> EnergyZero | None:
    """Constants per element that explain most of the errors of the energy; None where they do not.

    Args:
        records: the structures.
        comparisons: labels beside predictions, in the same order.
    """
    pairs = [(record, item) for record, item in zip(records, comparisons, strict=True) if item.pair("energy").size]
    elements = elements_of(record for record, _ in pairs)
    if len(pairs) < FEWEST_PER_ELEMENT * max(len(elements), 1):
        return None
    off = np.array([item.n_atoms * float(item.pair("energy")[0, 0] - item.pair("energy")[1, 0]) for _, item in pairs])
    n_atoms = np.array([item.n_atoms for _, item in pairs])
    composition = np.array(
        [[(record.atoms.numbers == z).sum() for z in elements] for record, _ in pairs], dtype=np.int16
    )
    shifts = fit_robustly_per_element(composition, off)
    remaining = off - energies_of_elements(composition, shifts)
    before, after = (1000.0 * float(np.mean(np.abs(errors) / n_atoms)) for errors in (off, remaining))
    if before < LEAST_MEV or after > MOST_LEFT * before:
        return None
    return EnergyZero({chemical_symbols[z]: float(shift) for z, shift in zip(elements, shifts, strict=True)}, after)
