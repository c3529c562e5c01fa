"""What an optimiser of many structures is: arrays with a slot per structure, padded with rows of zeros.

In: coordinates, values and gradients of all slots. Out: the next coordinates. The numbers of a slot do not depend on
those of other slots, except for the order of sums over padded rows, which changes the last bits.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.float64]
"""(n_slots, n_rows, 3): coordinates or their gradient; a slot has fewer rows than there are, and zeros in the rest."""

PerSlot = NDArray[np.float64]
"""(n_slots,)."""

Chosen = NDArray[np.intp]
"""Numbers of slots."""


class Stepper(Protocol):
    """Moves many structures, each as if it were alone."""

    def begin(self, slot: int, *, n_rows: int) -> None:
        """Forget what a slot held: a new structure begins there."""

    def retry(self, x: Slots, value: PerSlot, asked: Chosen) -> tuple[Chosen, Slots]:
        """The slots among ``asked`` whose last step is taken back, and their next coordinates.

        Args:
            x: coordinates of all slots.
            value: what is minimised, at these coordinates, eV.
            asked: slots that were evaluated.
        """

    def step(self, x: Slots, value: PerSlot, gradient: Slots, chosen: Chosen) -> Slots:
        """Next coordinates of the chosen slots, (n_chosen, n_rows, 3)."""


def dot(one: Slots, other: Slots) -> PerSlot:
    """Inner product per slot."""
    return np.asarray(np.einsum("sri,sri->s", one, other))


def longest_row(rows: Slots) -> PerSlot:
    """Length of the longest row per slot."""
    return np.asarray(np.sqrt(np.einsum("sri,sri->sr", rows, rows).max(axis=1, initial=0.0)))


def with_rows(slots: Slots, n_rows: int) -> Slots:
    """The same with at least so many rows, the second-last axis; new ones are zero."""
    missing = n_rows - slots.shape[-2]
    if missing <= 0:
        return slots
    padding = [(0, 0)] * (slots.ndim - 2) + [(0, missing), (0, 0)]
    return np.pad(slots, padding)
