"""Structures made ready for a network, and predictions of a batch taken apart again.

In: ASE Atoms. Out: :class:`Prepared`, the system and its graph. Graphs are built on the CPU; :meth:`Prepared.to` and
:func:`batch_on` are where they go to the device of the model, and :func:`split_prediction` is where results come back.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols

from alignn_ff.checkpoint import Header
from alignn_ff.errors import ElementNotCoveredError, StructureError
from alignn_ff.graph import (
    AtomicGraph,
    AtomicSystem,
    GraphRecipe,
    Spread,
    TensorPrediction,
    VerletSkin,
    batch_graphs,
    batch_systems,
    find_pairs,
    graph_of_pairs,
    graph_to,
    prediction_to_host,
    system_from_atoms,
    system_to,
    with_extra_features,
)
from alignn_ff.graph.neighbors import NeighborPairs


def structures_in(structures: Iterable[Atoms]) -> list[Atoms]:
    """A list of structures, checked to be one.

    Raises:
        StructureError: it is a single structure, or holds something else than ASE Atoms.
    """
    if isinstance(structures, Atoms):
        raise StructureError("a list of structures is needed, and this is one structure; put it into a list: [atoms]")
    if isinstance(structures, str | Path):
        raise StructureError(
            f"a list of ASE Atoms is needed, not the path {structures}; read it with ase.io.read first"
        )
    found = list(structures)
    for number, atoms in enumerate(found):
        if not isinstance(atoms, Atoms):
            raise StructureError(
                f"structure {number} of the list is {atoms!r}, of type {type(atoms).__name__}; ASE Atoms are needed, "
                "such as ase.io.read gives"
            )
    return found


class Prepared(NamedTuple):
    """The input of the network for a structure.

    Attributes:
        system, graph: on one device.
        pairs: the edges of the graph with their lengths, on the CPU.
    """

    system: AtomicSystem
    graph: AtomicGraph
    pairs: NeighborPairs

    def to(self, device: torch.device) -> "Prepared":
        """The same with system and graph on another device."""
        return Prepared(system_to(self.system, device), graph_to(self.graph, device), self.pairs)


def batch_on(device: torch.device, prepared: Sequence[Prepared]) -> tuple[AtomicSystem, AtomicGraph]:
    """Several structures as one, joined on the CPU and copied to the device at once."""
    system = batch_systems([item.system for item in prepared])
    return system_to(system, device), graph_to(batch_graphs([item.graph for item in prepared]), device)


def prepare_structure(
    atoms: Atoms,
    header: Header,
    *,
    name: str,
    skin: VerletSkin | None = None,
    admit: Callable[[AtomicSystem, GraphRecipe], None] | None = None,
) -> Prepared:
    """Check that a model covers a structure, and build its graph on the CPU.

    Args:
        atoms: the structure; its array ``extra_features`` is passed on.
        header: of the model.
        name: of the model, for messages.
        skin: reused for all steps of a run.
        admit: raises if the evaluation does not fit into memory, before the graph is built.

    Raises:
        StructureError: the structure is not valid.
        ElementNotCoveredError: an element that the model does not cover.
    """
    system = checked_system(atoms, header, name=name)
    if admit is not None:
        admit(system, header.graph)
    pairs = find_pairs(system, header.graph, skin=skin)
    graph = with_extra_features(graph_of_pairs(system, pairs, header.graph), atoms)
    return Prepared(system, graph, pairs)


def checked_system(atoms: Atoms, header: Header, *, name: str) -> AtomicSystem:
    """A structure on the CPU, checked that a model covers it; arguments and errors of :func:`prepare_structure`."""
    system = system_from_atoms(atoms)
    unknown = sorted(set(np.unique(atoms.numbers).tolist()) - set(header.elements))
    if unknown:
        raise ElementNotCoveredError(
            f"model {name!r} covers {', '.join(chemical_symbols[z] for z in header.elements)}, but the "
            f"structure has {', '.join(chemical_symbols[z] for z in unknown)}; "
            "`alignn-ff zoo list` shows the elements of other models"
        )
    return system


def split_prediction(batch: TensorPrediction, n_atoms: Sequence[int]) -> list[TensorPrediction]:
    """One prediction per structure, on the CPU."""
    batch = prediction_to_host(batch)
    atomic = batch.atomic_energy.split(list(n_atoms))
    forces = [None] * len(n_atoms) if batch.forces is None else batch.forces.split(list(n_atoms))
    stress = [None] * len(n_atoms) if batch.stress is None else batch.stress.split(1)
    spread = [None] * len(n_atoms) if batch.spread is None else split_spread(batch.spread, n_atoms)
    return [TensorPrediction(*each) for each in zip(batch.energy.split(1), atomic, forces, stress, spread, strict=True)]


def split_spread(batch: Spread, n_atoms: Sequence[int]) -> list[Spread]:
    """One spread per structure."""
    atomic = batch.atomic_energy.split(list(n_atoms))
    forces = [None] * len(n_atoms) if batch.forces is None else batch.forces.split(list(n_atoms))
    stress = [None] * len(n_atoms) if batch.stress is None else batch.stress.split(1)
    return [Spread(*each) for each in zip(batch.energy.split(1), atomic, forces, stress, strict=True)]
