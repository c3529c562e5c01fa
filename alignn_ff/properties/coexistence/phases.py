"""Which phase is gone: the order of slabs over a stretch of time in, the phase and when it vanished out.

One frame does not decide. The order is averaged over blocks of about 1 ps, and a phase is gone if it has almost no slab
in any of the last blocks.
"""

from math import ceil
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.properties.coexistence.order import Waves, disorder, order_of_slabs
from alignn_ff.trajectory import Snapshot

Array = NDArray[np.float64]
Phase = Literal["crystal", "liquid"]
BLOCK_PS: Final = 1.0
"""Shortest time over which the order of a slab is averaged."""
BLOCK_FRAMES: Final = 2
"""Fewest frames of a block."""
N_BLOCKS: Final = 5
"""Consecutive blocks without a phase after which it is gone."""
GONE: Final = 0.05
"""Part of the slabs below which a phase is not there."""


class Lost(NamedTuple):
    """A phase that is gone.

    Attributes:
        phase: which one.
        frame: the first without it.
    """

    phase: Phase
    frame: int


class Slabs(NamedTuple):
    """How crystal and liquid are told apart.

    Attributes:
        waves: of the order parameter.
        n_slabs: along the normal of the interface.
        threshold: slabs of more order are crystal.
    """

    waves: Waves
    n_slabs: int
    threshold: float


def slabs_of(waves: Waves, n_slabs: int, n_atoms: int, reached: float) -> Slabs:
    """The slabs of a supercell.

    Args:
        waves: of the order parameter.
        n_slabs: along the normal.
        n_atoms: of the supercell.
        reached: order of the crystal at this temperature; the threshold is half-way from that of a liquid.
    """
    return Slabs(waves, n_slabs, 0.5 * (reached + disorder(n_atoms / n_slabs)))


def frames_of_block(frame_ps: float) -> int:
    """Frames of a block.

    Args:
        frame_ps: time between two frames.
    """
    return max(BLOCK_FRAMES, ceil(BLOCK_PS / frame_ps - 1e-6))


def lost_phase(order: Array, threshold: float, n_frames: int) -> Lost | None:
    """The phase that is gone at the end of a series; None while both are there.

    Args:
        order: (n, n_slabs) of equally spaced frames.
        threshold: slabs of more order are crystal.
        n_frames: of a block; blocks are counted from the end.
    """
    blocks = order[len(order) % n_frames :].reshape(-1, n_frames, order.shape[1])
    crystal = (blocks.mean(axis=1) > threshold).mean(axis=1)
    phases: dict[Phase, Array] = {"crystal": crystal, "liquid": 1.0 - crystal}
    for phase, part in phases.items():
        there = np.flatnonzero(part >= GONE)
        without = len(part) - (there[-1] + 1 if there.size else 0)
        if without >= N_BLOCKS:
            return Lost(phase, len(order) - int(without) * n_frames)
    return None


class OnePhase:
    """An :class:`~alignn_ff.md.Ending`: one of the phases is gone.

    Args:
        slabs: tell crystal and liquid apart.
        every: steps between two frames.
        n_frames: of a block.
    """

    def __init__(self, slabs: Slabs, *, every: int, n_frames: int) -> None:
        self._slabs, self._every, self._n_frames = slabs, every, n_frames
        self._order: list[list[float]] = []
        self._reached = False

    @property
    def reached(self) -> bool:
        """See :class:`~alignn_ff.md.Ending`."""
        return self._reached

    @property
    def state(self) -> dict[str, Any]:
        """See :class:`~alignn_ff.md.Ending`."""
        return {"order": self._order}

    def see(self, snapshot: Snapshot) -> None:
        """See :class:`~alignn_ff.md.Ending`."""
        if snapshot.step % self._every == 0:
            found = order_of_slabs(snapshot.atoms, self._slabs.waves, self._slabs.n_slabs)
            self._take([*self._order, found.tolist()])

    def restore(self, state: dict[str, Any]) -> None:
        """See :class:`~alignn_ff.md.Ending`."""
        self._take(state.get("order", []))

    def _take(self, order: list[list[float]]) -> None:
        self._order = list(order[-N_BLOCKS * self._n_frames :])
        frames = np.reshape(self._order, (-1, self._slabs.n_slabs))
        self._reached = lost_phase(frames, self._slabs.threshold, self._n_frames) is not None
