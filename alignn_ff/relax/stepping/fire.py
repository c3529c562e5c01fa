"""FIRE for many structures at once: E. Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006), with the numbers of ASE."""

from typing import Final, NamedTuple

import numpy as np
from ase.optimize.optimize import Optimizer

from alignn_ff.relax.stepping.stepper import Chosen, PerSlot, Slots, dot, with_rows

FIRST_STEP: Final = 0.1
LONGEST_STEP: Final = 1.0
FASTER: Final = 1.1
SLOWER: Final = 0.5
MIXING: Final = 0.1
LESS_MIXING: Final = 0.99
STEPS_BEFORE: Final = 5
"""Steps downhill before the time step grows."""

MOST_MOVED_A: Final[float] = Optimizer.defaults["maxstep"]


class FireSlot(NamedTuple):
    """What FIRE keeps of one structure between steps.

    Attributes:
        velocity: (n_rows, 3).
        time_step, mixing: of the next step.
        n_downhill: steps since the last one uphill.
        moves: whether a step was made.
    """

    velocity: Slots
    time_step: float
    mixing: float
    n_downhill: int
    moves: bool


class ManyFire:
    """One FIRE per slot; a step that leads uphill is kept and stops the motion, as in ASE."""

    def __init__(self, n_slots: int) -> None:
        self._velocity: Slots = np.zeros((n_slots, 0, 3))
        self._time_step = np.full(n_slots, FIRST_STEP)
        self._mixing = np.full(n_slots, MIXING)
        self._n_downhill = np.zeros(n_slots, dtype=np.int64)
        self._moves = np.zeros(n_slots, dtype=bool)

    def begin(self, slot: int, *, n_rows: int) -> None:
        """See :class:`Stepper`."""
        self._velocity = with_rows(self._velocity, n_rows)
        self._velocity[slot] = 0.0
        self._time_step[slot], self._mixing[slot] = FIRST_STEP, MIXING
        self._n_downhill[slot], self._moves[slot] = 0, False

    def held(self, slot: int, *, n_rows: int) -> FireSlot:
        """What is kept of a structure."""
        numbers = (float(self._time_step[slot]), float(self._mixing[slot]), int(self._n_downhill[slot]))
        return FireSlot(self._velocity[slot, :n_rows].copy(), *numbers, bool(self._moves[slot]))

    def put(self, slot: int, held: FireSlot) -> None:
        """Go on with what :meth:`held` gave."""
        self._velocity[slot, : len(held.velocity)] = held.velocity
        self._time_step[slot], self._mixing[slot] = held.time_step, held.mixing
        self._n_downhill[slot], self._moves[slot] = held.n_downhill, held.moves

    def retry(self, x: Slots, value: PerSlot, asked: Chosen) -> tuple[Chosen, Slots]:  # noqa: ARG002
        """See :class:`Stepper`; none is taken back."""
        return asked[:0], x[:0]

    def step(self, x: Slots, value: PerSlot, gradient: Slots, chosen: Chosen) -> Slots:  # noqa: ARG002
        """See :class:`Stepper`."""
        force = -gradient[chosen]
        self._turn(force, chosen)
        self._moves[chosen] = True
        time_step = self._time_step[chosen, None, None]
        self._velocity[chosen] += time_step * force
        moved = time_step * self._velocity[chosen]
        length = np.sqrt(dot(moved, moved))
        shorter = np.divide(MOST_MOVED_A, length, out=np.ones_like(length), where=length > MOST_MOVED_A)
        return np.asarray(x[chosen] + shorter[:, None, None] * moved)

    def _turn(self, force: Slots, chosen: Chosen) -> None:
        """Turn velocities towards the forces where that leads downhill, and stop them elsewhere."""
        downhill = dot(force, self._velocity[chosen]) > 0.0
        down, up = chosen[downhill], chosen[~downhill & self._moves[chosen]]
        towards, velocity = force[downhill], self._velocity[down]
        mixing = self._mixing[down, None, None]
        speed = np.sqrt(dot(velocity, velocity) / dot(towards, towards))
        self._velocity[down] = (1.0 - mixing) * velocity + mixing * speed[:, None, None] * towards
        faster = down[self._n_downhill[down] > STEPS_BEFORE]
        self._time_step[faster] = np.minimum(self._time_step[faster] * FASTER, LONGEST_STEP)
        self._mixing[faster] *= LESS_MIXING
        self._n_downhill[down] += 1
        self._velocity[up], self._mixing[up], self._n_downhill[up] = 0.0, MIXING, 0
        self._time_step[up] *= SLOWER
