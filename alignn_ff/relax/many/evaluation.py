"""Energies, forces and stresses of many structures in few passes through the network.

In: structures that move, each with its neighbour list. Out: numbers or an error of each. Passes are packed by atoms and
by the forecast of memory. A pass that raises is halved until the culprit stands alone. With a GPU, a thread builds the
graph of the next pass while one is evaluated; on a CPU, that thread would only take time from the network.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.cells import volume_A3
from alignn_ff.errors import AlignnError
from alignn_ff.graph import (
    AtomicGraph,
    AtomicSystem,
    GraphSize,
    VerletSkin,
    find_pairs,
    graph_of_many,
    graph_size,
    graph_to,
    prediction_to_host,
    system_to,
)
from alignn_ff.graph.neighbors import NeighborPairs
from alignn_ff.potential import Potential

ATOMS_PER_PASS: Final = {"cpu": 256}
"""Type of device → atoms of one pass; more are not faster. Elsewhere only memory limits a pass."""

DENSER: Final = 1.2
"""The memory of a structure is judged again when its density has grown by this factor."""

Matrix = NDArray[np.float64]


class Numbers(NamedTuple):
    """One evaluation.

    Attributes:
        energy: eV.
        forces: (n_atoms, 3) eV/Å, constraints not applied.
        stress: (3, 3) eV/Å³, tension positive; NaN without a volume.
        pairs: edges of the graph.
    """

    energy: float
    forces: Matrix
    stress: Matrix
    pairs: NeighborPairs


class Moving:
    """A structure whose atoms and cell move, and what stays with it.

    Args:
        atoms: moved in place by the caller.
        potential: that evaluates it.

    Raises:
        StructureError, ElementNotCoveredError, MemoryLimitError: it cannot be evaluated.
    """

    def __init__(self, atoms: Atoms, potential: Potential) -> None:
        self.atoms, self.skin = atoms, VerletSkin()
        prepared = potential.prepare_on_host(atoms, skin=self.skin)
        self._first = prepared.system
        self.size: GraphSize = graph_size(prepared.graph)
        self._volume = volume_A3(atoms)

    def system(self) -> AtomicSystem:
        """The structure as it is now, on the CPU."""
        return AtomicSystem(
            positions=torch.from_numpy(self.atoms.positions.copy()),
            cell=torch.from_numpy(self.atoms.cell.array.copy())[None],
            pbc=self._first.pbc,
            atomic_numbers=self._first.atomic_numbers,
            system_idx=self._first.system_idx,
        )

    def pairs(self, system: AtomicSystem, potential: Potential) -> NeighborPairs:
        """The edges of its graph.

        Raises:
            StructureError: two atoms at one place.
            MemoryLimitError: it has become too dense.
        """
        volume = volume_A3(self.atoms)
        if volume is not None and self._volume is not None and volume * DENSER < self._volume:
            potential.executor.admit_structure(system, potential.header.graph)
            self._volume = volume
        return find_pairs(system, potential.header.graph, skin=self.skin)


class _Ready(NamedTuple):
    """A structure with its edges, and its place among those that were asked for."""

    place: int
    system: AtomicSystem
    pairs: NeighborPairs


class _Pass(NamedTuple):
    """The input of one pass, and the structures that have no graph."""

    ready: list[_Ready]
    joined: tuple[AtomicSystem, AtomicGraph] | None
    errors: dict[int, Exception]


class Evaluator:
    """Evaluates moving structures with one potential.

    Args:
        potential: on any device.
        ahead: whether a thread builds the next graph; None: unless the network runs on the CPU.
    """

    def __init__(self, potential: Potential, *, ahead: bool | None = None) -> None:
        self._potential = potential
        builds_ahead = potential.device.type != "cpu" if ahead is None else ahead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="graphs") if builds_ahead else None

    def numbers(self, structures: Sequence[Moving]) -> list[Numbers | Exception]:
        """Of each structure, in the given order."""
        found: dict[int, Numbers | Exception] = {}
        for one in self._built(self._packed(structures), structures):
            found.update(one.errors)
            if one.ready:
                found.update(self._evaluated(one.ready, one.joined))
        return [found[place] for place in range(len(structures))]

    def _packed(self, structures: Sequence[Moving]) -> list[range]:
        """Consecutive structures for each pass: as many as fit."""
        most = ATOMS_PER_PASS.get(self._potential.device.type)
        passes, first, total = [], 0, GraphSize(0, 0, 0, 0)
        for place, one in enumerate(structures):
            larger = GraphSize(*(a + b for a, b in zip(total, one.size, strict=True)))
            too_many = most is not None and larger.n_atoms > most
            if place > first and (too_many or not self._potential.executor.fits(larger)):
                passes.append(range(first, place))
                first, larger = place, one.size
            total = larger
        return [*passes, range(first, len(structures))] if structures else []

    def _built(self, passes: Iterable[range], structures: Sequence[Moving]) -> Iterator[_Pass]:
        if self._thread is None:
            yield from (self._build(places, structures) for places in passes)
            return
        ahead = None
        for places in passes:
            following = self._thread.submit(self._build, places, structures)
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()

    def _build(self, places: Iterable[int], structures: Sequence[Moving]) -> _Pass:
        ready, errors = list[_Ready](), dict[int, Exception]()
        for place in places:
            system = structures[place].system()
            try:
                ready.append(_Ready(place, system, structures[place].pairs(system, self._potential)))
            except AlignnError as error:
                errors[place] = error
        return _Pass(ready, self._joined(ready) if ready else None, errors)

    def _joined(self, ready: Sequence[_Ready]) -> tuple[AtomicSystem, AtomicGraph]:
        recipe, device = self._potential.header.graph, self._potential.device
        system, graph = graph_of_many([one.system for one in ready], [one.pairs for one in ready], recipe)
        return system_to(system, device), graph_to(graph, device)

    def _evaluated(
        self, ready: Sequence[_Ready], joined: tuple[AtomicSystem, AtomicGraph] | None = None
    ) -> dict[int, Numbers | Exception]:
        """Of each structure of a pass; one that raises is halved until the culprit stands alone."""
        system, graph = self._joined(ready) if joined is None else joined
        try:
            found = prediction_to_host(self._potential.evaluate(system, graph))
        except (AlignnError, RuntimeError) as error:  # RuntimeError: whatever torch raises
            if len(ready) == 1:
                return {ready[0].place: error}
            half = len(ready) // 2
            return {**self._evaluated(ready[:half]), **self._evaluated(ready[half:])}
        assert found.forces is not None
        assert found.stress is not None
        energy, stress = found.energy.tolist(), found.stress.numpy()
        ends = np.cumsum([one.system.positions.shape[0] for one in ready])
        forces = np.split(found.forces.numpy(), ends[:-1])
        return {one.place: Numbers(energy[k], forces[k], stress[k], one.pairs) for k, one in enumerate(ready)}
