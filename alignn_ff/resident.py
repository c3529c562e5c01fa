"""A structure that stays on its device while its atoms move: neighbours, line graph, energy and forces are made there.

In: ASE Atoms, step after step. Out: predictions on the host. A step takes one copy to the device (where the atoms are)
and one back (the results, with a report on the graph); between the two the device works alone, on arrays of fixed
sizes, whose operations a CUDA device replays from a recording. When the report says that the list of neighbours
no longer suffices, or that an array is too small, these are made anew and the step is repeated.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.errors import ConfigError
from alignn_ff.execution.replay import Replay
from alignn_ff.graph import COINCIDENT_A, SKIN_A, STRATEGIES, AtomicSystem, TensorPrediction
from alignn_ff.graph.fixed import (
    N_CELL,
    Capacities,
    FixedList,
    Moved,
    Status,
    capacities_for,
    fixed_graph,
    make_fixed_list,
    moved_from,
)
from alignn_ff.potential import Potential

BACKENDS_ON_DEVICE: Final = ("eager", "triton")
"""Backends whose operations are the same at every step."""

FEW_EDGES: Final = 2
"""An atom with fewer is alone, or may be half of a dimer."""

MOST_REPEATS: Final = 3
"""A new list, then arrays of the right sizes, then the step."""


class Step(NamedTuple):
    """A prediction, and whether pairs of atoms call for a look.

    Attributes:
        prediction: on the host.
        alarm: whether atoms are at one place or closer than in the training data, or have fewer than two neighbours, or
            are of elements that were never neighbours there.
    """

    prediction: TensorPrediction
    alarm: bool


class _Known(NamedTuple):
    """What belongs to one structure: its list, the sizes of the arrays of its graph, and the recording of a step."""

    fixed: FixedList
    capacities: Capacities
    replay: Replay


class ResidentStructure:
    """Evaluates the same atoms at one place after another, on the device of a potential.

    Results are those of :meth:`Potential.evaluate` up to rounding; they do not depend on earlier steps otherwise.

    Attributes:
        n_lists: lists of neighbours made so far.
        n_recordings: recordings made so far: one for each list, and one each time that an array was too small.

    Raises:
        ConfigError: the network or the backend of the potential cannot work so.
    """

    def __init__(self, potential: Potential, *, skin_A: float = SKIN_A) -> None:
        check_resident(potential)
        self._potential, self._skin_A = potential, skin_A
        alarms = np.maximum(potential.guard.seen.alarms, COINCIDENT_A)
        self._alarms = torch.from_numpy(alarms).to(potential.device)
        self._known: _Known | None = None
        self.n_lists = self.n_recordings = 0

    def evaluate(self, system: AtomicSystem) -> Step | None:
        """Energy, forces and stress; None for a structure without neighbours even within the skin.

        Args:
            system: one structure, checked, on the host.

        Raises:
            MemoryLimitError: its evaluation does not fit into memory.
        """
        positions, cell, pbc = (field.numpy() for field in (system.positions, system.cell[0], system.pbc[0]))
        numbers = system.atomic_numbers.numpy()
        known = self._known
        if known is None or not _belongs(known.fixed, numbers, pbc):
            known = self._new(system)
        for _ in range(MOST_REPEATS):
            if known is None:
                return None
            results = known.replay(moved_from(known.fixed, positions, cell)).cpu()
            status = Status.of(results[-len(Status._fields) :].numpy())
            if status.reserve_A < 0.0:
                known = self._new(system)
            elif not status.fits(known.capacities):
                known = self._sized(known.fixed, status)
            else:
                self._known = known
                return Step(_prediction(results, len(numbers)), status.n_alarms > 0 or status.fewest_edges < FEW_EDGES)
        raise AssertionError("arrays of the sizes that a structure asked for do not hold its graph")

    def _new(self, system: AtomicSystem) -> _Known | None:
        """A list made now, and arrays that hold its graph."""
        potential, device = self._potential, self._potential.device
        potential.executor.admit_structure(system, potential.header.graph)
        self.n_lists += 1
        fixed = make_fixed_list(
            system.positions.to(device),
            system.atomic_numbers,
            system.cell[0].numpy(),
            system.pbc[0].numpy(),
            potential.header.graph,
            self._alarms,
            skin_A=self._skin_A,
        )
        if not fixed.pairs.src.shape[0]:
            return None
        flat = moved_from(fixed, system.positions.numpy(), system.cell[0].numpy()).to(device)
        counted = fixed_graph(fixed, Capacities(1, 1, 1, 1), potential.header.graph, Moved.of(flat)).status
        return self._sized(fixed, Status.of(counted.cpu().numpy()))

    def _sized(self, fixed: FixedList, status: Status) -> _Known:
        """Arrays for a graph of a known size."""
        self.n_recordings += 1
        capacities = capacities_for(status.n_edges, status.most_edges, status.n_line_nodes, status.n_triplets)
        n_inputs = fixed.positions.numel() + N_CELL
        return _Known(fixed, capacities, Replay(self._step(fixed, capacities), n_inputs, self._potential.device))

    def _step(self, fixed: FixedList, capacities: Capacities) -> Callable[[Tensor], Tensor]:
        """From where the atoms are to energy, atomic energies, forces, stress and status, as one array each."""
        recipe, evaluate, n_atoms = self._potential.header.graph, self._potential.executor.program, len(fixed.positions)

        def step(flat: Tensor) -> Tensor:
            made = fixed_graph(fixed, capacities, recipe, Moved.of(flat))
            found = evaluate(made.system, made.graph, derivatives=True)
            assert found.forces is not None
            assert found.stress is not None
            own = (found.energy[:1], found.atomic_energy[:n_atoms], found.forces[:n_atoms], found.stress[:1])
            return torch.cat([*(field.flatten() for field in own), made.status])

        return step


def check_resident(potential: Potential) -> None:
    """Check that a potential can keep structures on its device.

    Raises:
        ConfigError: its network or backend cannot work so.
    """
    reason = _why_not(potential)
    if reason is not None:
        raise ConfigError(
            f"{potential.name} cannot keep a structure resident on its device: {reason}; leave out resident"
        )


def _why_not(potential: Potential) -> str | None:
    recipe = potential.header.graph
    if potential.n_members > 1:
        return "it is a committee"
    if potential.header.model.name != "alignn_smooth" or not STRATEGIES[recipe.neighbor_strategy].smooth:
        return f"its neighbours are not all pairs below a cutoff ({potential.header.model.name})"
    if potential.backend not in BACKENDS_ON_DEVICE:
        return f"its backend is {potential.backend}; take {' or '.join(BACKENDS_ON_DEVICE)}, or a GPU"
    return None


def _belongs(fixed: FixedList, numbers: NDArray[np.int64], pbc: NDArray[np.bool_]) -> bool:
    """Whether a list was made for the same atoms."""
    return np.array_equal(numbers, fixed.host_numbers) and np.array_equal(pbc, fixed.pbc)


def _prediction(results: Tensor, n_atoms: int) -> TensorPrediction:
    """The results of a step apart."""
    energy, atomic, forces, stress, _ = results.split([1, n_atoms, 3 * n_atoms, 9, len(Status._fields)])
    return TensorPrediction(energy, atomic, forces.view(n_atoms, 3), stress.view(1, 3, 3))
