"""The time of one evaluation as a law of the number of atoms, measured on small cells."""

import time
from math import ceil
from typing import Final, NamedTuple

from ase import Atoms

from alignn_ff.cells import is_bulk
from alignn_ff.properties.work import Work

SMALL: Final = 32
"""A crystal of fewer atoms is measured twice, the second time repeated to about twice this number."""
SHAKE_A: Final = 1e-4
"""Atoms are moved by this, so that no calculator gives back what it has computed before."""

TURNS: Final = 3
LONG_S: Final = 1.0
"""A time is the shortest of ``TURNS``, since other programs only make it longer; of fewer where they take this long."""


class TimeLaw(NamedTuple):
    """Seconds of an evaluation of n atoms: fixed + per_atom · n."""

    fixed_s: float
    per_atom_s: float

    def seconds(self, n_atoms: int) -> float:
        """Of one evaluation."""
        return self.fixed_s + self.per_atom_s * n_atoms


def measured_law(work: Work, sample: Atoms) -> TimeLaw:
    """Measure a structure, and a larger cell of it if it is a small crystal.

    Raises:
        SimulationError: as :meth:`Work.step`.
    """
    work.step("timing", [_shaken(sample, 0)])  # compiles and allocates
    first = _seconds(work, sample)
    if len(sample) >= SMALL or not is_bulk(sample):
        return TimeLaw(0.0, first / len(sample))
    larger = sample.repeat((1, 1, ceil(2 * SMALL / len(sample))))
    slope = max(0.0, _seconds(work, larger) - first) / (len(larger) - len(sample))
    return TimeLaw(max(0.0, first - slope * len(sample)), slope)


def _seconds(work: Work, atoms: Atoms) -> float:
    taken: list[float] = []
    while len(taken) < TURNS and sum(taken) < LONG_S:
        shaken = _shaken(atoms, 1 + len(taken))
        began = time.perf_counter()
        work.step("timing", [shaken])
        taken.append(time.perf_counter() - began)
    return min(taken)


def _shaken(atoms: Atoms, seed: int) -> Atoms:
    moved: Atoms = atoms.copy()
    moved.set_constraint()
    moved.rattle(SHAKE_A, seed=seed)
    return moved
