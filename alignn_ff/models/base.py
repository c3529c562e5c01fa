"""What models have in common: the contracts of energies and properties, statistics, element table."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.graph import AtomicGraph, GraphRecipe
from alignn_ff.models.last_layer import LastLayer
from alignn_ff.nn import EnergyBounds, RepulsionEnds

MAX_ATOMIC_NUMBER = 118


class Heads(NamedTuple):
    """Further outputs of a model; None where it has none.

    Attributes:
        atomwise: (n_atoms, atomwise_output_features) float64.
        additional: (n_systems, additional_output_features) float64.
    """

    atomwise: Tensor | None = None
    additional: Tensor | None = None


class ModelStatistics(NamedTuple):
    """Constants measured on the training set and kept in the checkpoint.

    Attributes:
        reference_energies: eV, one per element, in the order of the model's elements.
        scale: eV, the energy that one unit of network output stands for.
        edges_per_atom: average number of bonds per atom.
        triplets_per_line_node: average number of angles per bond of the line graph.
        exact_free_atoms: whether the references are isolated atoms that the model must reproduce.
        output_mean: (n,) of a property model's training targets; () where outputs are not scaled.
        output_axes: (n, n) what one unit of each raw output adds to the outputs, one row per raw output; likewise.
        repulsion_ends: (z, z, Å) with z ascending, where the short-range repulsion of a pair of elements ends before
            the sum of their covalent radii: at the shortest distance of the training set.
        energy_bounds: (lowest, lower, upper, highest) eV, one per element: what the network adds to the energy of an
            atom levels off below ``lower`` and above ``upper``; () without bounds.
    """

    reference_energies: tuple[float, ...]
    scale: float
    edges_per_atom: float
    triplets_per_line_node: float
    exact_free_atoms: bool = False
    output_mean: tuple[float, ...] = ()
    output_axes: tuple[tuple[float, ...], ...] = ()
    repulsion_ends: RepulsionEnds = ()
    energy_bounds: EnergyBounds = ()


class EnergyModel(nn.Module, ABC):
    """A model whose total energy is a sum of atomic energies.

    Attributes:
        recipe: the graph that the model was built for.
        elements: atomic numbers that the model covers, ascending.
        last_layer: what its training data tell of the last layer's uncertainty; None without it.
    """

    ELEMENT_ROWS: ClassVar[tuple[str, ...]] = ()
    """Names of parameters with one row per element, in the order of ``elements``."""

    recipe: GraphRecipe
    elements: tuple[int, ...]

    def __init__(self) -> None:
        super().__init__()
        self.last_layer: LastLayer | None = None

    @property
    def members(self) -> "tuple[EnergyModel, ...]":
        """The models whose mean this one is: those of a committee; else the model itself."""
        return (self,)

    def last_layer_features(self, graph: AtomicGraph, edge_vectors: Tensor) -> Tensor | None:  # noqa: ARG002
        """(n_atoms, n_features) numbers in which the learned energy of an atom is linear; None without them."""
        return None

    def learned_energy(self, graph: AtomicGraph, edge_vectors: Tensor) -> tuple[Tensor, Tensor] | None:  # noqa: ARG002
        """What the network adds to the energy of each atom, before bounds, and that energy; None: no bounds.

        Both (n_atoms,) float64, eV.
        """
        return None

    @property
    def trains_as_published(self) -> bool:
        """Whether training compares something else with forces and stress than the derivatives of the energy."""
        return False

    @abstractmethod
    def forward(self, graph: AtomicGraph, edge_vectors: Tensor) -> Tensor:
        """Energy of each atom.

        Args:
            graph: one structure or several.
            edge_vectors: (n_edges, 3) float64, Å.

        Returns:
            (n_atoms,) float64, eV.
        """

    def with_heads(self, graph: AtomicGraph, edge_vectors: Tensor) -> tuple[Tensor, Heads]:
        """Energy of each atom, and further outputs, from one evaluation."""
        return self(graph, edge_vectors), Heads()


class PropertyModel(nn.Module, ABC):
    """A model whose outputs are properties of structures, not an energy that forces derive from.

    Attributes:
        recipe: the graph that the model was built for.
        elements: atomic numbers that the model covers, ascending.
    """

    ELEMENT_ROWS: ClassVar[tuple[str, ...]] = ()
    """Names of parameters with one row per element, in the order of ``elements``."""

    recipe: GraphRecipe
    elements: tuple[int, ...]

    def forward(self, graph: AtomicGraph, edge_vectors: Tensor) -> Tensor:
        """Outputs of each structure.

        Args:
            graph: one structure or several.
            edge_vectors: (n_edges, 3) float64, Å.

        Returns:
            (n_systems, n_outputs) float64; log-probabilities for a classification.
        """
        return self.with_heads(graph, edge_vectors)[0]

    def with_heads(self, graph: AtomicGraph, edge_vectors: Tensor) -> tuple[Tensor, Heads]:
        """Outputs of each structure, and further outputs, from one evaluation."""
        raw, heads = self.raw_with_heads(graph, edge_vectors)
        return self.reported(raw), heads

    @abstractmethod
    def raw_with_heads(self, graph: AtomicGraph, edge_vectors: Tensor) -> tuple[Tensor, Heads]:
        """As :meth:`with_heads`, but outputs as a loss reads them: a zero-inflated one as logits and means."""

    def reported(self, raw: Tensor) -> Tensor:
        """Outputs as the model reports them, (n_systems, n_outputs)."""
        return raw

    def scaled(self, label: Tensor) -> Tensor:
        """Labels on the scale of raw outputs, (n_systems, n_outputs)."""
        return label


class ElementTable(nn.Module):
    """Learned embedding and reference energy of each element that the model covers."""

    row_of: Tensor
    reference: Tensor

    def __init__(self, elements: tuple[int, ...], features: int, statistics: ModelStatistics) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(elements), features)
        self.register_buffer("row_of", element_rows(elements), persistent=False)
        self.register_buffer("reference", torch.tensor(statistics.reference_energies, dtype=torch.float64))

    def rows(self, atomic_numbers: Tensor) -> Tensor:
        """(n_atoms,) row of each atom's element; −1 for an element that the model does not cover."""
        return self.row_of[atomic_numbers]


def element_rows(elements: Sequence[int]) -> Tensor:
    """(MAX_ATOMIC_NUMBER + 1,) int64: atomic number → position in ``elements``; −1 for all others."""
    rows = torch.full((MAX_ATOMIC_NUMBER + 1,), -1, dtype=torch.int64)
    rows[list(elements)] = torch.arange(len(elements))
    return rows
