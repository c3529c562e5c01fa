"""Structures of any shape for hypothesis, which must be installed, and how many examples a law gets."""

from typing import Final, NamedTuple

import numpy as np
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

EXHAUSTIVE: Final = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
"""Settings of a law that holds for every structure: many examples, the same ones each time."""


class RandomStructure(NamedTuple):
    """Positions (n_atoms, 3) Å, cell (3, 3) Å, pbc (3,), and a cutoff in Å to search with."""

    positions: NDArray[np.float64]
    cell: NDArray[np.float64]
    pbc: NDArray[np.bool_]
    cutoff: float


@st.composite
def random_structures(draw: st.DrawFn) -> RandomStructure:
    """Any periodicity, skew, handedness and size; atoms in and outside the cell; cells below the cutoff."""
    pbc = np.array([draw(st.booleans()) for _ in range(3)])
    entry = st.floats(-1, 1, width=16)
    cell = np.array([[draw(entry) for _ in range(3)] for _ in range(3)]) * draw(st.sampled_from([1.5, 4.0, 9.0]))
    if draw(st.booleans()):
        cell += np.diag([4.0, -3.0, 5.0])
    if draw(st.booleans()):
        cell[~pbc] = 0.0
    assume(np.linalg.svd(cell[pbc], compute_uv=False).min(initial=9.0) > 0.7)
    place = st.floats(-10, 10, width=32)
    n_atoms = draw(st.integers(1, 5))
    positions = np.array([[draw(place) for _ in range(3)] for _ in range(n_atoms)])
    return RandomStructure(positions, cell, pbc, draw(st.floats(0.5, 5.0)))
