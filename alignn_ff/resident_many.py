"""Structures that move together on the device of a potential: many steps, then one word to the host.

In: structures, and a motion that holds where they are and moves them. Out: what the motion reports. Graph, network,
derivatives and motion of a step are on the device, on arrays of fixed sizes, whose operations a CUDA device replays
from a recording. A step whose list of neighbours no longer suffices, or whose arrays are too small, moves nothing, and
neither do those after it; the host reads this with the report, makes list and arrays anew, and the motion goes on. So
no result depends on how many steps are made between two reports.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.execution.replay import Repeat
from alignn_ff.graph import COINCIDENT_A, SKIN_A, AtomicSystem
from alignn_ff.graph.fixed import ManyFixed, fits, fixed_graph, join_lists
from alignn_ff.potential import Potential
from alignn_ff.resident import FEW_EDGES, check_resident

MOST_RENEWALS: Final = 3
"""Lists made one after another without a step between them."""


class Found(NamedTuple):
    """What one evaluation on the device gives.

    Attributes:
        energy: (n_systems,) eV.
        forces: (n_atoms, 3) eV/Å.
        stress: (n_systems, 3, 3) eV/Å³, tension positive; NaN without a volume.
        looks: (n_systems,) bool, whether pairs of atoms call for a look by the host, as for one resident structure.
        valid: () bool; where it is not, nothing of this may be used.
    """

    energy: Tensor
    forces: Tensor
    stress: Tensor
    looks: Tensor
    valid: Tensor


class Motion(Protocol):
    """Where structures are and how they move: tensors of fixed shapes on the device, changed in place."""

    def place(self) -> tuple[Tensor, Tensor]:
        """Positions (n_atoms, 3) and cells (n_systems, 3, 3), Å."""

    def begin(self, step: int) -> None:
        """Called before each step, with its number from 0, and again where it is repeated: draws random numbers."""

    def move(self, found: Found) -> None:
        """Make a step, without a word from the host; nothing changes where ``found`` is not valid."""

    def report(self) -> Tensor:
        """(k,) float64, what the host reads after some steps."""


class ResidentMany:
    """Makes steps of structures on their device.

    Args:
        potential: a network and backend that can keep structures resident.
        systems: one structure each, checked, on the host; their positions and cells are those of the motion.
        motion: on the device of the potential.
        skin_A: how much farther than the cutoff the lists reach.

    Attributes:
        n_lists: how often lists of neighbours were made.

    Raises:
        ConfigError: the network or the backend cannot work so.
    """

    def __init__(
        self, potential: Potential, systems: Sequence[AtomicSystem], motion: Motion, *, skin_A: float = SKIN_A
    ) -> None:
        check_resident(potential)
        self._potential, self._systems, self._motion, self._skin_A = potential, systems, motion, skin_A
        self._alarms = torch.from_numpy(np.maximum(potential.guard.seen.alarms, COINCIDENT_A))
        self._n_valid = torch.zeros((), dtype=torch.float64, device=potential.device)
        self._n_made = self.n_lists = 0
        self._step = self._renewed()

    def run(self, n_steps: int) -> NDArray[np.float64]:
        """Make steps; the report of the motion after them. The host waits once, and once more per new list."""
        target, n_renewals = self._n_made + n_steps, 0
        while True:
            for step in range(self._n_made, target):
                self._motion.begin(step)
                self._step()
            report = torch.cat([self._n_valid[None], self._motion.report()]).cpu().numpy()
            n_renewals = n_renewals + 1 if report[0] == self._n_made else 0
            self._n_made = int(report[0])
            if self._n_made == target:
                return np.asarray(report[1:])
            if n_renewals > MOST_RENEWALS:
                raise AssertionError("lists of structures do not hold their graph where they were made")
            self._step = self._renewed()

    def _renewed(self) -> Repeat:
        """Lists and arrays for where the structures are now."""
        n_atoms = [system.positions.shape[0] for system in self._systems]
        positions, cells = self._motion.place()
        flat = torch.cat([positions.flatten(), cells.flatten()]).cpu()
        parts = flat[: 3 * sum(n_atoms)].view(-1, 3).split(n_atoms)
        cells = flat[3 * sum(n_atoms) :].view(-1, 1, 3, 3)
        self._systems = [system._replace(positions=parts[k], cell=cells[k]) for k, system in enumerate(self._systems)]
        fixed = join_lists(
            self._systems, self._potential.header.graph, self._alarms, self._potential.device, skin_A=self._skin_A
        )
        self.n_lists += 1
        return Repeat(lambda: self._evaluate_and_move(fixed), self._potential.device)

    def _evaluate_and_move(self, fixed: ManyFixed) -> None:
        n_atoms, n_systems = fixed.known.positions.shape[0], fixed.cell.shape[0]
        moved = fixed.moved(*self._motion.place())
        made = fixed_graph(fixed.known, fixed.capacities, self._potential.header.graph, moved)
        predicted = self._potential.executor.program(made.system, made.graph, derivatives=True)
        assert predicted.forces is not None
        assert predicted.stress is not None
        valid = fits(made.status, fixed.capacities) & (made.status[0] >= 0.0)
        found = Found(
            energy=predicted.energy[:n_systems],
            forces=predicted.forces[:n_atoms],
            stress=predicted.stress[:n_systems],
            looks=(made.alarms > 0.0) | (made.fewest_edges < FEW_EDGES),
            valid=valid,
        )
        self._motion.move(found)
        self._n_valid += valid
