"""The network of the published families: element features, bonds and angles in, states of atoms out.

In: a graph whose line graph joins any two edges i→j and j→k that the recipe asks for, and its edge vectors.
Out: a state per atom. ``published_heads.py`` makes energies and properties of the states.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.elements import feature_rows
from alignn_ff.graph import AtomicGraph, bond_cosines
from alignn_ff.models.base import element_rows
from alignn_ff.models.published.config import ArchitectureConfig
from alignn_ff.nn import Edges, GaussianBasis, NormedLayer, NormKind, gather, make_edges

LONGEST_BOND_A = 8.0
"""Last centre of the Gaussians of the bond length, whatever the cutoff."""


class NetworkParts(NamedTuple):
    """What a family chooses.

    Attributes:
        norm: normalisation of the embeddings.
        convolution: makes one convolution.
    """

    norm: NormKind
    convolution: Callable[[], nn.Module]


class Bonds(NamedTuple):
    """Bond lengths as the embedding reads them.

    Attributes:
        length: (n_edges,) float64, what the Gaussians expand.
        weight: (n_edges,) float64 factor on the embedding, or None.
    """

    length: Tensor
    weight: Tensor | None = None


class PublishedNetwork(nn.Module):
    """Embeddings, blocks with angles, blocks without (Choudhary and DeCost, npj Comput. Mater. 7, 185 (2021))."""

    def __init__(self, config: ArchitectureConfig, elements: tuple[int, ...], parts: NetworkParts) -> None:
        super().__init__()
        width, inner, norm = config.hidden_features, config.embedding_features, parts.norm
        self.features = ElementFeatures(config, elements)
        self.atom_embedding = NormedLayer(config.atom_input_features, width, norm)
        self.bond_basis = GaussianBasis(0.0, LONGEST_BOND_A, config.edge_input_features)
        self.bond_embedding = nn.Sequential(
            NormedLayer(config.edge_input_features, inner, norm), NormedLayer(inner, width, norm)
        )
        self.angle_basis = GaussianBasis(-1.0, 1.0, config.triplet_input_features)
        self.angle_embedding = nn.Sequential(
            NormedLayer(config.triplet_input_features, inner, norm), NormedLayer(inner, width, norm)
        )
        self.angle_blocks = nn.ModuleList(AngleBlock(parts.convolution) for _ in range(config.alignn_layers))
        self.bond_blocks = nn.ModuleList(parts.convolution() for _ in range(config.gcn_layers))

    def forward(self, graph: AtomicGraph, bonds: Bonds, angle_vectors: Tensor) -> Tensor:
        """States of the atoms.

        Args:
            graph: one structure or several.
            bonds: lengths, shaped by the family.
            angle_vectors: (n_edges, 3) edge vectors that the bond angles are made of.

        Returns:
            (n_atoms, hidden_features).
        """
        dtype = self.atom_embedding.linear.weight.dtype
        atoms = self.atom_embedding(self.features(graph.atomic_numbers).to(dtype))
        states = self.bond_embedding(self.bond_basis(bonds.length.to(dtype)))
        if bonds.weight is not None:
            states = states * bonds.weight[:, None].to(dtype)
        edges = make_edges(graph.edge_src, graph.edge_dst, atoms.shape[0])
        last = len(self.angle_blocks) + len(self.bond_blocks) - 1
        if len(self.angle_blocks) > 0:
            corners = make_edges(graph.line_src, graph.line_dst, states.shape[0])
            angles = self._angles(angle_vectors, corners, dtype)
            for layer, block in enumerate(self.angle_blocks):
                angles_read = layer < len(self.angle_blocks) - 1
                atoms, states, angles = block(
                    atoms, states, angles, edges, corners, bonds_read=layer < last, angles_read=angles_read
                )
        for layer, convolution in enumerate(self.bond_blocks, start=len(self.angle_blocks)):
            atoms, states = convolution(atoms, states, edges, update_edges=layer < last)
        result: Tensor = atoms
        return result

    def _angles(self, vectors: Tensor, corners: Edges, dtype: torch.dtype) -> Tensor:
        unit = vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        cosine = bond_cosines(gather(unit, corners.src), gather(unit, corners.dst))
        embedded: Tensor = self.angle_embedding(self.angle_basis(cosine.to(dtype)))
        return embedded


class AngleBlock(nn.Module):
    """One convolution on the bond graph, then one on the line graph."""

    def __init__(self, convolution: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.bonds = convolution()
        self.angles = convolution()

    def forward(
        self,
        atoms: Tensor,
        states: Tensor,
        angles: Tensor,
        edges: Edges,
        corners: Edges,
        *,
        bonds_read: bool,
        angles_read: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New states of atoms, bonds and angles; states that no later layer reads are not computed."""
        atoms, messages = self.bonds(atoms, states, edges, update_edges=bonds_read)
        if bonds_read:
            states, angles = self.angles(messages, angles, corners, update_edges=angles_read)
        return atoms, states, angles


class ElementFeatures(nn.Module):
    """The row of the feature table of each element that the model covers."""

    table: Tensor
    row_of: Tensor

    def __init__(self, config: ArchitectureConfig, elements: tuple[int, ...]) -> None:
        super().__init__()
        table = torch.from_numpy(feature_rows(config.scheme, elements))
        self.register_buffer("table", table, persistent=False)
        self.register_buffer("row_of", element_rows(elements), persistent=False)

    def forward(self, atomic_numbers: Tensor) -> Tensor:
        """(n_atoms, width of the scheme) float64; an element that the model does not cover raises IndexError."""
        return torch.embedding(self.table, self.row_of[atomic_numbers])
