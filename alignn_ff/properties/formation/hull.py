"""The convex hull of energies over compositions: what a phase decomposes into, and how far above it is."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

FloatArray = NDArray[np.float64]

SMALLEST_SHARE = 1e-6
"""A smaller share of a phase in a decomposition is rounding."""


class Decomposition(NamedTuple):
    """The most stable mixture of phases at a composition.

    Attributes:
        energy: eV per atom.
        shares: index of a phase → its share of the atoms.
    """

    energy: float
    shares: Mapping[int, float]


def decompose(composition: FloatArray, compositions: FloatArray, energies: Sequence[float]) -> Decomposition:
    """The mixture of lowest energy with a given composition.

    Minimises Σ_j x_j e_j under Σ_j x_j c_j = c and x_j ≥ 0, which is the lower convex hull at c.

    Args:
        composition: (n_elements,) fractions.
        compositions: (n_phases, n_elements) fractions of the phases; the elements are among them.
        energies: (n_phases,) eV per atom.
    """
    found = linprog(np.asarray(energies), A_eq=compositions.T, b_eq=composition, bounds=(0, None), method="highs")
    shares = {j: float(share) for j, share in enumerate(found.x) if share > SMALLEST_SHARE}
    return Decomposition(float(found.fun), shares)
