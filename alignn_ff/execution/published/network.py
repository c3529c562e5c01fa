"""The network of the published families, forwards and backwards, with a reverse pass organised by hand.

Between layers only the states of atoms and bonds stay. Arrays of angles, 144 rows per atom where each has 12
neighbours, are the cost: with n layers of angles, n − 1 of them are kept (``Keep.GATES``), or one (``Keep.STATES``).
The last one holds, in turn: the states of angles, what they add to the last gates, and the derivatives on the way down.
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.execution.published.contract import Angles, EdgeInput, Engine, GatedAverage, Gradients, Lower, Output
from alignn_ff.execution.published.topology import LineTopology, Topology
from alignn_ff.execution.published.weights import Layers
from alignn_ff.execution.published.workspace import Workspace


class Keep(Enum):
    """What stays of the angles between the passes."""

    GATES = "what they add to the gates of each layer"
    STATES = "one array"


class Resources(NamedTuple):
    """The engine of an evaluation, and what stays between the passes."""

    engine: Engine
    keep: Keep


class Inputs(NamedTuple):
    """What an evaluation of the network starts from.

    Attributes:
        bonds: topology of the bond graph.
        line: topology of the line graph.
        angles: cosines and tables.
        atoms: (n_atoms, width) embedded elements.
        states: makes (n_bonds, width) embedded bonds.
        lengths: of the bonds, and tables of what depends on them only; None: ``states`` makes it.
    """

    bonds: Topology
    line: LineTopology
    angles: Angles
    atoms: Tensor
    states: Callable[[], Tensor]
    lengths: Angles | None = None


class Outcome(NamedTuple):
    """Derivatives of the energy by what the network started from.

    Attributes:
        states: (n_bonds, width) ∂E/∂(embedded bonds), or None where bonds come from a table.
        lengths: (n_bonds,) float64 ∂E/∂length through that table, or None.
        cosines: (n_triplets,) float64 ∂E/∂cosine, or None.
    """

    states: Tensor | None
    lengths: Tensor | None
    cosines: Tensor | None


class Run:
    """One evaluation: :meth:`forward`, then :meth:`backward` if asked for.

    Args:
        layers: weights.
        resources: the engine, and what is kept.
        inputs: what the network starts from.
        workspace: where arrays are taken from.
    """

    def __init__(self, layers: Layers, resources: Resources, inputs: Inputs, workspace: Workspace) -> None:
        self.layers, self.inputs, self.engine, self.workspace = layers, inputs, resources.engine, workspace
        self.atoms: list[Tensor] = []
        self.gates: list[Tensor | None] = []
        self.messages: list[Tensor] = []
        self.kept = self._kept_arrays(resources.keep)

    def forward(self) -> Tensor:
        """(n_atoms, width) states of the atoms after the last layer."""
        atoms, states = self.inputs.atoms, self.inputs.states() if self.inputs.lengths is None else None
        for index in range(len(self.layers.bonds)):
            self.atoms.append(atoms)
            last = index == len(self.layers.bonds) - 1
            messages = None if last else self._bond_rows(f"messages of bonds {index}")
            atoms = self._bonds_forward(index, states, messages)
            self.gates.append(states)
            read = messages is not None and index < len(self.layers.angles)
            states = self._angles_forward(index, messages) if read and messages is not None else messages
        return atoms

    def backward(self, d_atoms: Tensor) -> Outcome:
        """Derivatives of the energy from ∂E/∂(states of the atoms after the last layer), which is overwritten."""
        lengths, d_cosines = self.inputs.lengths, None
        d_lengths = None if lengths is None else torch.empty_like(lengths.cosines)
        d_states: Tensor | None = None
        for index in reversed(range(len(self.layers.bonds))):
            if index < len(self.layers.angles):
                assert d_states is not None
                d_cosines = self._angles_backward(index, d_states)
            gates, read = self.gates.pop(), d_states is not None
            if d_states is None:  # in the place of what the last layer read
                d_states = self._bond_rows("derivatives of bonds") if gates is None else gates
            edges = EdgeInput(angles=lengths) if gates is None else EdgeInput(gates=gates)
            gradients = Gradients(d_atoms, d_states, read, d_lengths if gates is None else None)
            layer, atoms = self.layers.bonds[index], self.atoms.pop()
            self.engine.pull_back(GatedAverage(layer, self.inputs.bonds, atoms, edges, self.workspace), gradients)
        if d_states is None:  # no layers at all
            return Outcome(None, None, None)
        return Outcome(None, d_lengths, d_cosines) if lengths is not None else Outcome(d_states, None, d_cosines)

    def _bond_rows(self, role: str) -> Tensor:
        """An array of bonds to write to."""
        atoms = self.inputs.atoms
        return self.workspace.array(role, (self.inputs.bonds.n_edges, atoms.shape[1]), atoms)

    def _bonds_forward(self, index: int, states: Tensor | None, messages: Tensor | None) -> Tensor:
        """New states of the atoms; ``messages`` gets those of the bonds, ``states`` what they added to the gates."""
        layer, atoms, bonds = self.layers.bonds[index], self.atoms[index], self.inputs.bonds
        edges = EdgeInput(angles=self.inputs.lengths) if states is None else EdgeInput(states=states)
        updated = self.workspace.array(f"atoms {index}", tuple(atoms.shape), atoms)
        output = Output(updated, states=messages, read=states)
        self.engine.convolve(GatedAverage(layer, bonds, atoms, edges, self.workspace), output)
        return updated

    def _angles_forward(self, index: int, messages: Tensor) -> Tensor:
        """States of the bonds after a layer of the line graph."""
        self.messages.append(messages)
        layer, line = self.layers.angles[index], self.inputs.line.topology
        updated = self._bond_rows(f"bonds {index}")
        edges, output = self._edges(index, forward=True), self._output(index, updated)
        self.engine.convolve(GatedAverage(layer, line, messages, edges, self.workspace), output)
        return updated

    def _angles_backward(self, index: int, d_states: Tensor) -> Tensor | None:
        """∂E/∂messages in the place of ∂E/∂(states after the layer), and ∂E/∂cosines where it is the first."""
        cosines = self.inputs.angles.cosines
        d_cosines = torch.empty_like(cosines) if index == 0 else None
        gradients = Gradients(d_states, self.kept[-1], index < len(self.layers.angles) - 1, d_cosines)
        edges, messages = self._edges(index, forward=False), self.messages.pop()
        layer, line = self.layers.angles[index], self.inputs.line.topology
        self.engine.pull_back(GatedAverage(layer, line, messages, edges, self.workspace), gradients)
        return d_cosines

    def _edges(self, index: int, *, forward: bool) -> EdgeInput:
        """What a layer of the line graph reads."""
        if index == 0:
            return EdgeInput(angles=self.inputs.angles)
        last, gates = index == len(self.layers.angles) - 1, self.kept[index]
        if forward:
            return EdgeInput(gates=gates, states=None if last else self.kept[-1])
        if gates is None:
            return EdgeInput(angles=self.inputs.angles, lower=tuple(map(self._lower, range(index))))
        return EdgeInput(gates=gates)

    def _output(self, index: int, updated: Tensor) -> Output:
        """What a layer of the line graph leaves behind."""
        n_layers = len(self.layers.angles)
        if index == n_layers - 1:
            return Output(updated)
        states = self.kept[-1] if index < n_layers - 2 else None
        return Output(updated, states, self.kept[index + 1], self.layers.angles[index + 1])

    def _lower(self, index: int) -> Lower:
        """A layer of the line graph to be run again."""
        return Lower(self.layers.angles[index], self.messages[index], self.layers.angles[index + 1])

    def _kept_arrays(self, keep: Keep) -> list[Tensor | None]:
        """For each layer of the line graph the array that its gates are kept in."""
        n_layers, atoms = len(self.layers.angles), self.inputs.atoms
        kept: list[Tensor | None] = [None] * max(n_layers, 1)
        shape = (self.inputs.line.topology.n_edges, atoms.shape[1])
        for index in range(1 if keep is Keep.GATES else max(n_layers - 1, 1), n_layers):
            kept[index] = self.workspace.array(f"gates of angles {index}", shape, atoms)
        return kept
