"""The network of the published families, forwards and backwards, with a reverse pass organised by hand.

Between layers only the states of atoms and bonds stay. Arrays of angles, 144 rows an atom where each has 12
neighbours, are the cost: with n layers of angles, n − 1 of them are kept (``Keep.GATES``), or one (``Keep.STATES``).
The last one holds, in turn: the states of angles, what they add to the last gates, and the derivatives on the way down.
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.execution.blocked.contract import Angles, EdgeInput, EdgeOutput, Engine, Gradients, Lower
from alignn_ff.execution.blocked.topology import LineTopology, Topology
from alignn_ff.execution.blocked.weights import Layers


class Keep(Enum):
    """What stays of the angles between the passes."""

    GATES = "what they add to the gates of each layer"
    STATES = "one array"


class Inputs(NamedTuple):
    """What an evaluation of the network starts from.

    Attributes:
        bonds: topology of the bond graph.
        line: topology of the line graph.
        angles: cosines and tables.
        atoms: (n_atoms, width) embedded elements.
        states: makes (n_bonds, width) embedded bonds.
        lengths: of the bonds, and tables of what depends on them alone; None: ``states`` is asked.
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
    """One evaluation: :meth:`forward`, then :meth:`backward` if asked for."""

    def __init__(self, layers: Layers, engine: Engine, keep: Keep, inputs: Inputs) -> None:
        self.layers, self.engine, self.inputs = layers, engine, inputs
        self.atoms: list[Tensor] = []
        self.states: list[Tensor | None] = []
        self.messages: list[Tensor] = []
        self.kept = _kept_arrays(len(layers.angles), keep, inputs)

    def forward(self) -> Tensor:
        """(n_atoms, width) states of the atoms after the last layer."""
        atoms, states = self.inputs.atoms, self._first_states()
        for index in range(len(self.layers.bonds)):
            self.atoms.append(atoms)
            self.states.append(states)
            last = index == len(self.layers.bonds) - 1
            messages = None if last else self._bond_rows()
            atoms = self._bonds_forward(index, messages)
            if messages is not None:
                read = index < len(self.layers.angles)
                states = self._angles_forward(index, messages) if read else messages
        self.states[:1] = [None]  # made again when it is needed
        return atoms

    def backward(self, d_atoms: Tensor) -> Outcome:
        """Derivatives of the energy from ∂E/∂(states of the atoms after the last layer), which is overwritten."""
        d_states: Tensor | None = None
        d_cosines: Tensor | None = None
        lengths = self.inputs.lengths
        d_lengths = None if lengths is None else torch.empty_like(lengths.cosines)
        self.states[:1] = [self._first_states()]
        for index in reversed(range(len(self.layers.bonds))):
            if index < len(self.layers.angles):
                assert d_states is not None
                d_cosines = self._angles_backward(index, d_states)
            atoms, edges = self.atoms.pop(), self._bond_edges(index)
            self.states.pop()
            read = d_states is not None
            d_states = self._bond_rows() if d_states is None else d_states
            gradients = Gradients(d_atoms, d_states, read, None if edges.angles is None else d_lengths)
            self.engine.pull_back(self.layers.bonds[index], self.inputs.bonds, atoms, edges, gradients)
        if d_states is None:  # no layers at all
            return Outcome(None, None, None)
        return Outcome(None, d_lengths, d_cosines) if lengths is not None else Outcome(d_states, None, d_cosines)

    def _first_states(self) -> Tensor | None:
        return self.inputs.states() if self.inputs.lengths is None else None

    def _bond_rows(self) -> Tensor:
        """An array of bonds to write to."""
        return self.inputs.atoms.new_empty(self.inputs.bonds.n_edges, self.inputs.atoms.shape[1])

    def _bond_edges(self, index: int) -> EdgeInput:
        """What a layer of the bond graph reads."""
        states = self.states[index]
        return EdgeInput(angles=self.inputs.lengths) if states is None else EdgeInput(states=states)

    def _bonds_forward(self, index: int, messages: Tensor | None) -> Tensor:
        """New states of the atoms; ``messages`` gets those of the bonds."""
        layer, edges, output = self.layers.bonds[index], self._bond_edges(index), EdgeOutput(states=messages)
        return self.engine.convolve(layer, self.inputs.bonds, self.atoms[index], edges, output)

    def _angles_forward(self, index: int, messages: Tensor) -> Tensor:
        """States of the bonds after a layer of the line graph."""
        self.messages.append(messages)
        edges, output = self._edges(index, forward=True), self._output(index)
        return self.engine.convolve(self.layers.angles[index], self.inputs.line.topology, messages, edges, output)

    def _angles_backward(self, index: int, d_states: Tensor) -> Tensor | None:
        """∂E/∂messages in the place of ∂E/∂(states after the layer), and ∂E/∂cosines where it is the first."""
        cosines = self.inputs.angles.cosines
        d_cosines = torch.empty_like(cosines) if index == 0 else None
        gradients = Gradients(d_states, self.kept[-1], index < len(self.layers.angles) - 1, d_cosines)
        edges, messages = self._edges(index, forward=False), self.messages.pop()
        self.engine.pull_back(self.layers.angles[index], self.inputs.line.topology, messages, edges, gradients)
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

    def _output(self, index: int) -> EdgeOutput:
        """What a layer of the line graph leaves behind."""
        n_layers = len(self.layers.angles)
        if index == n_layers - 1:
            return EdgeOutput()
        states = self.kept[-1] if index < n_layers - 2 else None
        return EdgeOutput(states, self.kept[index + 1], self.layers.angles[index + 1])

    def _lower(self, index: int) -> Lower:
        """A layer of the line graph to be run again."""
        return Lower(self.layers.angles[index], self.messages[index], self.layers.angles[index + 1])


def _kept_arrays(n_layers: int, keep: Keep, inputs: Inputs) -> list[Tensor | None]:
    """For each layer of the line graph the array that its gates are kept in."""
    kept: list[Tensor | None] = [None] * max(n_layers, 1)
    for index in range(1 if keep is Keep.GATES else max(n_layers - 1, 1), n_layers):
        kept[index] = inputs.atoms.new_empty(inputs.line.topology.n_edges, inputs.atoms.shape[1])
    return kept
