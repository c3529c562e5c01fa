"""The strictly smooth ALIGNN: an energy that is C² in all positions and the cell, for dynamics.

In: a radius graph without neighbour cap and its edge vectors. Out: one energy per atom.

Bonds below the cutoff gate the messages between atoms; bonds below the three-body cutoff also carry a
state of their own, which the line graph updates from bond angles. Every sum over neighbours is weighted
by an envelope, and a bond's state reaches the atoms only through its envelope, so nothing jumps at
either cutoff.
"""

from typing import Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from alignn_ff.graph import AtomicGraph, GraphRecipe, bond_cosines
from alignn_ff.models.base import ElementTable, EnergyModel, ModelStatistics
from alignn_ff.models.config import ForceFieldConfig, LayerSizes, Outputs
from alignn_ff.nn import (
    BasisSizes,
    BoundedEnergy,
    Directions,
    EdgeGatedConvolution,
    Edges,
    MomentGates,
    MomentInvariants,
    Moments,
    ZBLRepulsion,
    bond_basis,
    chebyshev_basis,
    gather,
    make_directions,
    make_edges,
    polynomial_envelope,
    scatter_sum,
)
from alignn_ff.nn.harmonics import MAX_ORDER


class AlignnSmoothConfig(ForceFieldConfig):
    """Hyper-parameters of :class:`AlignnSmooth`."""

    name: Literal["alignn_smooth"] = Field("alignn_smooth", description="family of the model")
    alignn_layers: int = Field(2, ge=0, description="blocks that update bonds from angles, then atoms from bonds")
    gcn_layers: int = Field(1, ge=0, description="further blocks that update atoms from bonds only")
    edge_input_features: int = Field(16, ge=1, description="number of Bessel functions of the bond length")
    triplet_input_features: int = Field(12, ge=1, description="number of Chebyshev polynomials of the bond angle")
    hidden_features: int = Field(64, ge=1, description="channels of atoms and bonds")
    exponent: int = Field(6, ge=3, description="exponent of the envelopes; larger keeps neighbours for longer")
    moment_channels: int = Field(
        0, ge=0, description="channels of the moments that atoms gather from all neighbours; 0 is without moments"
    )
    max_moment: int = Field(3, ge=1, le=MAX_ORDER, description="highest order of the moments")
    use_zbl: bool = Field(
        True,
        description="add the ZBL repulsion below the sum of covalent radii, or below the shortest distance in the data",
    )

    @property
    def outputs(self) -> Outputs:
        """Always an energy."""
        return Outputs(
            kind="energy", weights=self.energy_weights, asks_for_forces=True, reads_angles=self.alignn_layers > 0
        )

    @property
    def layer_sizes(self) -> LayerSizes:
        """Sizes of the network."""
        return LayerSizes(
            channels=self.hidden_features,
            inner=0,
            n_angle=self.alignn_layers,
            n_bond=self.gcn_layers,
            edge_inputs=self.edge_input_features,
            triplet_inputs=self.triplet_input_features,
            moment_channels=self.moment_channels,
            max_moment=self.max_moment if self.moment_channels else 0,
        )


class Angles(NamedTuple):
    """The line graph.

    Attributes:
        edges: n_triplets edges between line nodes.
        functions: (n_triplets, triplet_input_features) of the bond angle.
        weight: (n_triplets, 1) product of the envelopes of both bonds.
    """

    edges: Edges
    functions: Tensor
    weight: Tensor


class Geometry(NamedTuple):
    """What the layers read of the geometry, computed once per evaluation.

    Attributes:
        bonds: the bond graph, n_edges edges between atoms.
        radial: (n_edges, edge_input_features) functions of the bond length.
        weight: (n_edges, 1) envelope that ends at the cutoff.
        line_nodes: (n_line_nodes,) ids of the edges below the three-body cutoff.
        line_weight: (n_line_nodes, 1) envelope that ends at the three-body cutoff.
        ends: the line nodes as edges between atoms.
        angles: of the line graph; None where no block reads them.
        directions: of the bonds, for moments; None without them.
    """

    bonds: Edges
    radial: Tensor
    weight: Tensor
    line_nodes: Tensor
    ends: Edges
    line_weight: Tensor
    angles: Angles | None
    directions: Directions | None


class AlignnSmooth(EnergyModel):
    """Energy = Σ_i [reference of the element + scale·MLP(x_i)] + ZBL.

    With ``statistics.exact_free_atoms`` the MLP's value for an atom without neighbours is subtracted, so
    that a free atom has exactly its reference energy. Beyond ``statistics.energy_bounds`` scale·MLP levels off.
    """

    ELEMENT_ROWS = ("table.embedding.weight",)

    scale: Tensor

    def __init__(
        self, config: AlignnSmoothConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
    ) -> None:
        super().__init__()
        self.config, self.recipe, self.elements = config, recipe, elements
        self.exact_free_atoms = statistics.exact_free_atoms
        width = config.hidden_features
        self.table = ElementTable(elements, width, statistics)
        self.initial_bonds = BondUpdate(width, config.edge_input_features)
        self.angle_blocks = nn.ModuleList(AngleBlock(config, statistics) for _ in range(config.alignn_layers))
        self.atom_blocks = nn.ModuleList(
            AtomBlock(config, statistics, first=layer == 0) for layer in range(config.alignn_layers + config.gcn_layers)
        )
        self.readout = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))
        self.repulsion = ZBLRepulsion(statistics.repulsion_ends) if config.use_zbl else None
        self.bounded = BoundedEnergy(statistics.energy_bounds) if statistics.energy_bounds else None
        self.register_buffer("scale", torch.tensor(statistics.scale, dtype=torch.float64))

    def forward(self, graph: AtomicGraph, edge_vectors: Tensor) -> Tensor:
        """Energy of each atom, (n_atoms,) float64, eV."""
        distance = torch.linalg.vector_norm(edge_vectors, dim=1)
        return self._with_learned(graph, distance, self._learned(graph, edge_vectors, distance))

    def learned_energy(self, graph: AtomicGraph, edge_vectors: Tensor) -> tuple[Tensor, Tensor] | None:
        """What the network adds to the energy of each atom, before bounds, and that energy.

        Both (n_atoms,) float64, eV; the first is scale·MLP, less that of a free atom where it is exact.
        None without a repulsion, which has to keep atoms apart where the energy levels off.
        """
        if self.repulsion is None:
            return None
        distance = torch.linalg.vector_norm(edge_vectors, dim=1)
        learned = self._learned(graph, edge_vectors, distance)
        return learned, self._with_learned(graph, distance, learned)

    def _with_learned(self, graph: AtomicGraph, distance: Tensor, learned: Tensor) -> Tensor:
        rows = self.table.rows(graph.atomic_numbers)
        if self.bounded is not None:
            learned = self.bounded(learned, rows)
        energy: Tensor = self.table.reference[rows] + learned
        if self.repulsion is not None:
            z = graph.atomic_numbers
            pair = self.repulsion(z[graph.edge_src], z[graph.edge_dst], distance, self.recipe.cutoff)
            energy = energy + scatter_sum(pair, graph.edge_dst, z.shape[0])
        return energy

    def _learned(self, graph: AtomicGraph, edge_vectors: Tensor, distance: Tensor) -> Tensor:
        local: Tensor = self.readout(self._states(graph, edge_vectors, distance)).squeeze(1).double()
        if self.exact_free_atoms:
            local = local - self.free_atoms().double()[self.table.rows(graph.atomic_numbers)]
        return self.scale * local

    def last_layer_features(self, graph: AtomicGraph, edge_vectors: Tensor) -> Tensor:
        """(n_atoms, hidden_features) inputs of the last linear layer, less those of a free atom where it is exact."""
        distance = torch.linalg.vector_norm(edge_vectors, dim=1)
        features: Tensor = self.readout[:-1](self._states(graph, edge_vectors, distance))
        if self.exact_free_atoms:
            features = features - self.readout[:-1](self._free_states())[self.table.rows(graph.atomic_numbers)]
        return features

    def _states(self, graph: AtomicGraph, edge_vectors: Tensor, distance: Tensor) -> Tensor:
        """States of the atoms after all layers, (n_atoms, hidden_features)."""
        atoms: Tensor = self.table.embedding(self.table.rows(graph.atomic_numbers))
        geometry = self._geometry(graph, edge_vectors, distance, atoms.dtype)
        bonds = self.initial_bonds(geometry.radial.index_select(0, geometry.line_nodes), atoms, geometry)
        moments: Tensor | None = None
        for layer, block in enumerate(self.atom_blocks):
            if layer < len(self.angle_blocks):
                bonds = self.angle_blocks[layer](atoms, bonds, geometry)
            atoms, moments = block(atoms, bonds, moments, geometry)
        return atoms

    def _geometry(self, graph: AtomicGraph, vectors: Tensor, distance: Tensor, dtype: torch.dtype) -> Geometry:
        config, recipe = self.config, self.recipe
        nodes, n_atoms = graph.line_nodes, graph.atomic_numbers.shape[0]
        bonds = make_edges(graph.edge_src, graph.edge_dst, n_atoms)
        order = config.max_moment if config.moment_channels else 0
        sizes = BasisSizes(recipe.cutoff, config.edge_input_features, order, config.exponent)
        basis = bond_basis(vectors, distance, sizes, dtype)
        length = distance.index_select(0, nodes)
        line_weight = polynomial_envelope(length, recipe.line_cutoff, config.exponent)[:, None].to(dtype)
        return Geometry(
            bonds=bonds,
            radial=basis.radial,
            weight=basis.weight,
            line_nodes=nodes,
            ends=make_edges(graph.edge_src[nodes], graph.edge_dst[nodes], n_atoms),
            line_weight=line_weight,
            angles=self._angles(graph, vectors, length, line_weight) if self.angle_blocks else None,
            directions=make_directions(basis, bonds, graph.edge_shift, order, graph.most_edges) if order else None,
        )

    def _angles(self, graph: AtomicGraph, vectors: Tensor, length: Tensor, line_weight: Tensor) -> Angles:
        """The line graph of bonds of ``length`` (n_line_nodes,), with their envelopes."""
        nodes = graph.line_nodes
        row_of = torch.zeros_like(graph.edge_src)
        row_of[nodes] = torch.arange(nodes.shape[0], device=nodes.device)
        edges = make_edges(row_of[graph.line_src], row_of[graph.line_dst], nodes.shape[0])
        unit = vectors.index_select(0, nodes) / length[:, None]
        cosines = bond_cosines(gather(unit, edges.src), gather(unit, edges.dst)).to(line_weight.dtype)
        return Angles(
            edges=edges,
            functions=chebyshev_basis(cosines, self.config.triplet_input_features),
            weight=gather(line_weight, edges.src) * gather(line_weight, edges.dst),
        )

    def bounds_of_readout(self) -> Tensor | None:
        """(n_elements, 4) float64, bounds of the energy in the unit of the readout; None without bounds."""
        if self.bounded is None:
            return None
        free = self.free_atoms().detach().double() * float(self.exact_free_atoms)
        return (self.bounded.bounds / self.scale + free[:, None]).contiguous()

    def free_atoms(self) -> Tensor:
        """(n_elements,) readout of each element without neighbours."""
        free: Tensor = self.readout(self._free_states()).squeeze(1)
        return free

    def _free_states(self) -> Tensor:
        """(n_elements, hidden_features) state of an atom of each element without neighbours."""
        atoms: Tensor = self.table.embedding.weight
        for block in self.atom_blocks:
            assert isinstance(block, AtomBlock)
            atoms = block.without_neighbors(atoms)
        return atoms


class BondUpdate(nn.Module):
    """SiLU(R·b + P·x_src + Q·x_dst): what a bond learns from its own features b and its two atoms."""

    def __init__(self, features: int, own_features: int) -> None:
        super().__init__()
        self.source = nn.Linear(features, features, bias=False)
        self.target = nn.Linear(features, features, bias=False)
        self.own = nn.Linear(own_features, features)

    def forward(self, own: Tensor, atoms: Tensor, geometry: Geometry) -> Tensor:
        """(n_line_nodes, features)."""
        source, target = gather(self.source(atoms), geometry.ends.src), gather(self.target(atoms), geometry.ends.dst)
        return nn.functional.silu(self.own(own) + source + target)


class AngleBlock(nn.Module):
    """Bond states y from their atoms, then from their angles: the line graph's convolution."""

    def __init__(self, config: AlignnSmoothConfig, statistics: ModelStatistics) -> None:
        super().__init__()
        width = config.hidden_features
        self.bonds = BondUpdate(width, width)
        self.gates = nn.Linear(config.triplet_input_features, width, bias=False)
        self.convolution = EdgeGatedConvolution(width, statistics.triplets_per_line_node)

    def forward(self, atoms: Tensor, bonds: Tensor, geometry: Geometry) -> Tensor:
        """(n_line_nodes, features)."""
        bonds = bonds + self.bonds(bonds, atoms, geometry)
        angles = geometry.angles
        assert angles is not None
        updated: Tensor = self.convolution(bonds, self.gates(angles.functions), angles.weight, angles.edges)
        return updated


class AtomBlock(nn.Module):
    """Atom states x from their neighbours: the bond graph's convolution and the moments of the surroundings."""

    def __init__(self, config: AlignnSmoothConfig, statistics: ModelStatistics, *, first: bool) -> None:
        super().__init__()
        width, radial, channels = config.hidden_features, config.edge_input_features, config.moment_channels
        self.radial_gates = nn.Linear(radial, width, bias=False)
        self.bond_gates = nn.Linear(width, width, bias=False)
        self.convolution = EdgeGatedConvolution(width, statistics.edges_per_atom)
        order = config.max_moment
        self.moments = Moments(width, radial, channels, order, statistics.edges_per_atom) if channels else None
        self.invariants = MomentInvariants(width, channels, order) if channels else None
        self.moment_gates = MomentGates(width, channels, order) if channels and not first else None
        self.mixing = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)) if channels else None

    def forward(
        self, atoms: Tensor, bonds: Tensor, moments: Tensor | None, geometry: Geometry
    ) -> tuple[Tensor, Tensor | None]:
        """Update once.

        Args:
            atoms: (n_atoms, features).
            bonds: (n_line_nodes, features).
            moments: (n_atoms, n_harmonics, channels) of the block before; None in the first block.
            geometry: of the structure.

        Returns:
            (n_atoms, features), and the moments of this block.
        """
        from_bonds = geometry.line_weight * self.bond_gates(bonds)
        gates = self.radial_gates(geometry.radial).index_add(0, geometry.line_nodes, from_bonds)
        if self.moments is None or self.invariants is None or self.mixing is None:
            return self.convolution(atoms, gates, geometry.weight, geometry.bonds), None
        assert geometry.directions is not None
        if self.moment_gates is not None and moments is not None:
            gates = gates + self.moment_gates(moments, geometry.directions)
        moments = self.moments(atoms, geometry.radial, geometry.directions)
        atoms = self.convolution(atoms, gates, geometry.weight, geometry.bonds, self.invariants(moments))
        return atoms + self.mixing(atoms), moments

    def without_neighbors(self, atoms: Tensor) -> Tensor:
        """The update of atoms that have no neighbours at all, (n_atoms, features)."""
        atoms = self.convolution.without_neighbors(atoms)
        return atoms if self.mixing is None else atoms + self.mixing(atoms)
