"""Limited-memory BFGS for many structures at once, with the steps of :class:`DownhillLBFGS`.

A step that ends above the lowest value so far is halved, then the history is dropped (J. Nocedal, Math. Comput. 35, 773
(1980), for the two loops).
"""

from typing import Final

import numpy as np
from ase.optimize.optimize import Optimizer

from alignn_ff.relax.ase_optimizers import ENERGY_NOISE_EV, MOST_HALVINGS
from alignn_ff.relax.stepping.stepper import Chosen, PerSlot, Slots, dot, longest_row, with_rows

MEMORY: Final = 100
"""Pairs of steps and changes of the gradient that are kept."""

INVERSE_HESSIAN: Final = 1.0 / 70.0
"""First guess, Å²/eV, as in ASE."""

MOST_MOVED_A: Final[float] = Optimizer.defaults["maxstep"]


class ManyLBFGS:
    """One L-BFGS per slot."""

    def __init__(self, n_slots: int) -> None:
        self._start: Slots = np.zeros((n_slots, 0, 3))
        self._gradient: Slots = np.zeros((n_slots, 0, 3))
        self._steps = np.zeros((n_slots, 0, 0, 3))  # (n_slots, n_pairs, n_rows, 3), as are the changes
        self._changes = np.zeros((n_slots, 0, 0, 3))
        self._inverse = np.zeros((n_slots, 0))  # 1 / (step · change)
        self._n_pairs = np.zeros(n_slots, dtype=np.int64)
        self._lowest = np.full(n_slots, np.inf)
        self._noise = np.zeros(n_slots)
        self._follows = np.zeros(n_slots, dtype=bool)  # whether the last step makes a pair with the next
        self._moved = np.zeros(n_slots, dtype=bool)
        self._n_halvings = np.zeros(n_slots, dtype=np.int64)

    def begin(self, slot: int, *, n_rows: int) -> None:
        """See :class:`Stepper`."""
        for name in ("_start", "_gradient", "_steps", "_changes"):
            setattr(self, name, with_rows(getattr(self, name), n_rows))
        self._steps[slot], self._changes[slot] = 0.0, 0.0
        self._lowest[slot], self._noise[slot] = np.inf, ENERGY_NOISE_EV * np.sqrt(n_rows)
        self._n_pairs[slot], self._n_halvings[slot] = 0, MOST_HALVINGS
        self._follows[slot] = self._moved[slot] = False

    def retry(self, x: Slots, value: PerSlot, asked: Chosen) -> tuple[Chosen, Slots]:
        """See :class:`Stepper`; steps that ended above the lowest value are made shorter."""
        above = value[asked] > self._lowest[asked] + self._noise[asked]
        back = asked[above & (self._n_halvings[asked] < MOST_HALVINGS)]
        start, gradient = self._start[back], self._gradient[back]
        half = 0.5 * (x[back] - start)
        steepest = (self._n_halvings[back] == 1) | (dot(half, gradient) >= 0.0)
        self._forget(back[steepest])
        half[steepest] = 0.5 * _limited(-INVERSE_HESSIAN * gradient[steepest])
        self._n_halvings[back] += 1
        return back, start + half

    def step(self, x: Slots, value: PerSlot, gradient: Slots, chosen: Chosen) -> Slots:
        """See :class:`Stepper`."""
        at, slope = x[chosen], gradient[chosen]
        self._lowest[chosen] = np.minimum(self._lowest[chosen], value[chosen])
        self._remember(at, slope, chosen)
        moved = _limited(-self._times_inverse_hessian(slope, chosen))
        self._start[chosen], self._gradient[chosen] = at, slope
        self._follows[chosen] = self._moved[chosen] = True
        self._n_halvings[chosen] = 0
        return np.asarray(at + moved)

    def _forget(self, slots: Chosen) -> None:
        self._n_pairs[slots], self._follows[slots] = 0, False

    def _remember(self, at: Slots, slope: Slots, chosen: Chosen) -> None:
        """Add the last step to the history; one of negative curvature would direct the next one uphill."""
        step, change = at - self._start[chosen], slope - self._gradient[chosen]
        curvature = dot(step, change)
        self._forget(chosen[self._moved[chosen] & (curvature <= 0.0)])
        new = self._follows[chosen]
        slots = chosen[new]
        self._make_room(slots)
        place = self._n_pairs[slots]
        self._steps[slots, place], self._changes[slots, place] = step[new], change[new]
        self._inverse[slots, place] = 1.0 / curvature[new]
        self._n_pairs[slots] += 1

    def _make_room(self, slots: Chosen) -> None:
        """For one pair more: a longer history, or the oldest pair is dropped."""
        full = slots[self._n_pairs[slots] == MEMORY]
        for history in (self._steps, self._changes, self._inverse):
            history[full, :-1] = history[full, 1:]
        self._n_pairs[full] -= 1
        longest = int(self._n_pairs[slots].max(initial=0))
        if longest < self._inverse.shape[1]:
            return
        more = min(max(8, 2 * longest), MEMORY) - longest
        self._steps, self._changes = (
            np.pad(history, [(0, 0), (0, more), (0, 0), (0, 0)]) for history in (self._steps, self._changes)
        )
        self._inverse = np.pad(self._inverse, [(0, 0), (0, more)])

    def _times_inverse_hessian(self, slope: Slots, chosen: Chosen) -> Slots:
        n_pairs = self._n_pairs[chosen]
        longest = int(n_pairs.max(initial=0))
        steps, changes = self._steps[chosen, :longest], self._changes[chosen, :longest]
        inverse = np.where(np.arange(longest) < n_pairs[:, None], self._inverse[chosen, :longest], 0.0)
        along, found = np.zeros_like(inverse), slope.copy()
        for k in range(longest - 1, -1, -1):
            along[:, k] = inverse[:, k] * dot(steps[:, k], found)
            found -= along[:, k, None, None] * changes[:, k]
        found *= INVERSE_HESSIAN
        for k in range(longest):
            rest = along[:, k] - inverse[:, k] * dot(changes[:, k], found)
            found += rest[:, None, None] * steps[:, k]
        return found


def _limited(step: Slots) -> Slots:
    """Steps whose longest row is at most the limit; the direction is kept."""
    longest = longest_row(step)
    factor = np.divide(MOST_MOVED_A, longest, out=np.ones_like(longest), where=longest >= MOST_MOVED_A)
    return np.asarray(factor[:, None, None] * step)
