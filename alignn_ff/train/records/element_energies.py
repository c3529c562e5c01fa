"""Energies of elements that add up to the energies of structures: fits, and the sums themselves.

In: how many atoms of each element structures have, and their energies. Out: an energy per element, eV.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int16]

BLOCK: Final = 1 << 16
"""Structures whose composition is held in float64 at a time."""

ROUNDS: Final = 30
"""Most turns of the fit of smallest absolute deviations."""

SMALL_EV: Final = 1e-4
"""Deviations per atom below which it does not tell structures apart."""

FAR_TIMES, FAR_EV = 10.0, 1.0
"""Deviations per atom of structures that a robust fit leaves out: multiple of the median, and at least, eV."""


def fit_per_element(composition: Counts, energies: Array, weights: Array | None = None) -> Array:
    """Energy of each element by least squares of minimum norm over energies per atom, eV; zero without energies.

    Args:
        composition: (n_structures, n_elements) number of atoms.
        energies: (n_structures,) eV; NaN where there is none.
        weights: (n_structures,) of the squares; None: all alike.
    """
    known = np.flatnonzero(np.isfinite(energies))
    if not known.size:
        return np.zeros(composition.shape[1])
    rows = np.zeros((0, composition.shape[1] + 1))
    for start in range(0, known.size, BLOCK):
        chosen = known[start : start + BLOCK]
        n_atoms = composition[chosen].sum(axis=1, dtype=np.float64)
        block = np.column_stack([composition[chosen] / n_atoms[:, None], energies[chosen] / n_atoms])
        if weights is not None:
            block *= np.sqrt(weights[chosen])[:, None]
        rows = block if known.size <= BLOCK else np.asarray(np.linalg.qr(np.vstack([rows, block]), mode="r"))
    solution, *_ = np.linalg.lstsq(rows[:, :-1], rows[:, -1], rcond=None)
    return np.asarray(solution, dtype=np.float64)


def fit_robustly_per_element(composition: Counts, energies: Array) -> Array:
    """As :func:`fit_per_element`, without structures that are far off.

    A model evaluated far from what it knows may be off by 10⁵ eV, and one such structure would move its elements by
    hundreds. So deviations are made smallest in their absolute values first (by weighted least squares, in turns),
    and the structures that then deviate by more than ten times the median, and by 1 eV/atom, are left out.

    Args:
        composition: (n_structures, n_elements) number of atoms.
        energies: (n_structures,) eV; NaN where there is none.
    """
    n_atoms = composition.sum(axis=1, dtype=np.float64)
    fitted = fit_per_element(composition, energies)
    for _ in range(ROUNDS):
        off = np.abs(energies - energies_of_elements(composition, fitted)) / n_atoms
        before, fitted = fitted, fit_per_element(composition, energies, 1.0 / np.maximum(off, SMALL_EV))
        if np.abs(fitted - before).max(initial=0.0) < SMALL_EV:
            break
    off = np.abs(energies - energies_of_elements(composition, fitted)) / n_atoms
    if not np.isfinite(off).any():
        return fitted
    far = off > max(FAR_TIMES * float(np.nanmedian(off)), FAR_EV)
    return fit_per_element(composition, np.where(far, np.nan, energies))


def energies_of_elements(composition: Counts, references: Sequence[float] | Array) -> Array:
    """(n_structures,) sum of the reference energies of their atoms, eV."""
    weights = np.asarray(references, dtype=np.float64)
    blocks = [composition[start : start + BLOCK] @ weights for start in range(0, len(composition), BLOCK)]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def spread_over_elements(composition: Counts, energies: Array, *, most: int, each: int) -> NDArray[np.intp]:
    """Rows of structures with energies, ascending: all of them, or about ``most`` at equal distances.

    Of an element of which that leaves less than ``each``, further structures are taken, at equal distances too.

    Args:
        composition: (n_structures, n_elements) number of atoms.
        energies: (n_structures,) eV; NaN where there is none.
        most: structures without the further ones.
        each: structures of an element, where there are as many.
    """
    known = np.flatnonzero(np.isfinite(energies))
    if known.size <= most:
        return known
    taken = np.zeros(len(energies), dtype=bool)
    taken[_evenly(known, most)] = True
    for element in np.argsort([np.count_nonzero(composition[known, z]) for z in range(composition.shape[1])]):
        holding = known[composition[known, element] > 0]
        missing = min(each, holding.size) - int(taken[holding].sum())
        if missing > 0:
            taken[_evenly(holding[~taken[holding]], missing)] = True
    return np.flatnonzero(taken)


def _evenly(values: NDArray[np.intp], number: int) -> NDArray[np.intp]:
    """``number`` of the values, at equal distances."""
    return values[np.arange(number) * values.size // number]
