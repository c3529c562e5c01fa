"""The published force fields in TorchScript; the equations are those of ``alignn_ff.models.published``."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.errors import ConfigError
from alignn_ff.export.torchscript.layers import (
    ScriptedGatedAverage,
    ScriptedNodeAttention,
    ScriptedNormedLayer,
    ScriptedSelfAttention,
    Surroundings,
    rows_of,
    sum_rows,
)
from alignn_ff.export.torchscript.prefixes import Prefixes, first_rows, prefixes
from alignn_ff.models.published.atomwise import AtomwiseEnergy
from alignn_ff.models.published.network import AngleBlock
from alignn_ff.nn import (
    GatedAverageConvolution,
    NodeAttentionConvolution,
    NormedLayer,
    SelfAttentionConvolution,
    linear_penalty,
)
from alignn_ff.nn.envelope import reduced_envelope
from alignn_ff.nn.repulsion import screened_repulsion
from alignn_ff.nn.short_range import ZBL_COULOMB_EV_A, ZBL_EXPONENT, ZBL_LENGTH_A


class ScriptedPublished(nn.Module):
    """Energy of each atom."""

    features: Tensor
    reference: Tensor
    scale: Tensor

    def __init__(self, model: AtomwiseEnergy) -> None:
        super().__init__()
        network = model.network
        self.register_buffer("features", network.features.table.clone())
        self.atom_embedding = ScriptedNormedLayer(network.atom_embedding)
        self.bond_basis, self.bond_embedding = network.bond_basis, _embedding(network.bond_embedding)
        self.angle_basis, self.angle_embedding = network.angle_basis, _embedding(network.angle_embedding)
        self.angle_blocks = nn.ModuleList(ScriptedAngleBlock(block) for block in network.angle_blocks)
        self.bond_blocks = nn.ModuleList(scripted(block) for block in network.bond_blocks)
        self.bonds, self.short_range = ScriptedBonds(model), ScriptedShortRange(model)
        self.readout = model.readout
        self.register_buffer("reference", model.reference.clone())
        self.register_buffer("scale", model.scale.clone())

    def forward(self, s: Surroundings) -> Tensor:
        """(n_atoms,) float64, eV; 0 for the atoms that do not count."""
        second, n_angles = rows_of(s.line_nodes, s.line_dst), len(self.angle_blocks)
        n = prefixes(s.read, s.dst, second, n_angles + len(self.bond_blocks))
        length, weight = self.bonds(s.distance)
        atoms, states = self.embedded(s, length, weight, n)
        angles = self.embedded_angles(s, first_rows(second, n.triplets[0]) if n_angles > 0 else second)
        first = rows_of(s.line_nodes, s.line_src)
        for layer, block in enumerate(self.angle_blocks):
            edges, triplets = n.edges[layer], n.triplets[layer]
            after = Kept(n.atoms[layer + 1], n.edges[layer + 1], n.triplets[layer + 1] if layer + 1 < n_angles else 0)
            pairs = (first_rows(s.src, edges), first_rows(s.dst, edges))
            corners = (first_rows(first, triplets), first_rows(second, triplets))
            given = (atoms, first_rows(states, edges), first_rows(angles, triplets))
            atoms, states, angles = block(given, pairs, corners, after)
        for index, convolution in enumerate(self.bond_blocks):
            layer = n_angles + index
            edges = n.edges[layer]
            src, dst = first_rows(s.src, edges), first_rows(s.dst, edges)
            given_states = first_rows(states, edges)
            atoms, states = convolution(atoms, given_states, src, dst, n.atoms[layer + 1], n.edges[layer + 1])
        local = self.scale * self.readout(atoms).squeeze(1).double()
        if len(s.read) > 0:
            local = torch.cat([local, torch.zeros_like(s.rows[local.shape[0] :], dtype=local.dtype)])
        energy: Tensor = self.reference[s.rows] + local + self.short_range(s, length)
        return energy

    def embedded(self, s: Surroundings, length: Tensor, weight: Tensor, n: Prefixes) -> tuple[Tensor, Tensor]:
        """States of atoms and edges before the first layer."""
        dtype = self.readout.weight.dtype
        atoms = self.atom_embedding(rows_of(self.features, first_rows(s.rows, n.atoms[0])).to(dtype))
        states = self.bond_embedding(self.bond_basis(first_rows(length, n.edges[0]).to(dtype)))
        return atoms, states * first_rows(weight, n.edges[0])[:, None].to(dtype)

    def embedded_angles(self, s: Surroundings, second: Tensor) -> Tensor:
        """States of the first triplets, as many as ``second`` has."""
        unit = s.vectors / s.distance[:, None]
        first = rows_of(s.line_nodes, s.line_src[: second.shape[0]])
        cosine = -(rows_of(unit, first) * rows_of(unit, second)).sum(-1)
        embedded: Tensor = self.angle_embedding(self.angle_basis(cosine.to(self.readout.weight.dtype)))
        return embedded


class Kept(NamedTuple):
    """How many rows are read after a block, see :class:`~alignn_ff.export.torchscript.prefixes.Prefixes`."""

    atoms: int
    edges: int
    triplets: int


class ScriptedAngleBlock(nn.Module):
    """One convolution on the bond graph, then one on the line graph."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        assert isinstance(block, AngleBlock)
        self.bonds, self.angles = scripted(block.bonds), scripted(block.angles)

    def forward(
        self,
        given: tuple[Tensor, Tensor, Tensor],
        pairs: tuple[Tensor, Tensor],
        corners: tuple[Tensor, Tensor],
        kept: Kept,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New states of atoms, bonds and angles from those given; states that no later layer reads stay as they are."""
        atoms, states, angles = given
        all_or_none = 0 if kept.edges == 0 else -1
        atoms, messages = self.bonds(atoms, states, pairs[0], pairs[1], kept.atoms, all_or_none)
        if kept.edges == 0:
            return atoms, states, angles
        states, angles = self.angles(messages, angles, corners[0], corners[1], kept.edges, kept.triplets)
        return atoms, states, angles


class ScriptedBonds(nn.Module):
    """Bond lengths as the embedding reads them, and a weight of the embedding."""

    def __init__(self, model: AtomwiseEnergy) -> None:
        super().__init__()
        config = model.config
        self.shapes: bool = config.shapes_bonds
        self.multiplies: bool = config.multiply_cutoff
        self.published: bool = config.envelope == "published"
        self.exponent: int = config.exponent
        self.inner: float = config.inner_cutoff
        self.cutoff: float = model.recipe.cutoff

    def forward(self, distance: Tensor) -> tuple[Tensor, Tensor]:
        """(n_edges,) float64 each."""
        one = torch.ones_like(distance)
        if not self.shapes:
            return distance, one
        if self.published:
            envelope = reduced_envelope(distance / self.inner, self.exponent)
        else:
            beyond = (distance - self.inner).clamp(min=0.0)
            envelope = reduced_envelope(beyond / (self.cutoff - self.inner), self.exponent)
        if self.multiplies:
            return distance, envelope
        return (envelope if self.published else distance * envelope), one


class ScriptedShortRange(nn.Module):
    """Penalty and ZBL of each atom."""

    def __init__(self, model: AtomwiseEnergy) -> None:
        super().__init__()
        config = model.config
        self.penalty_reads_envelope: bool = config.penalty_reads_envelope
        self.factor: float = config.penalty_factor if config.use_penalty else 0.0
        self.threshold: float = config.penalty_threshold
        self.zbl_end: float = config.zbl_end or 0.0
        self.zbl_exponent: int = ZBL_EXPONENT
        self.zbl_length: float = ZBL_LENGTH_A
        self.zbl_coulomb: float = ZBL_COULOMB_EV_A

    def forward(self, s: Surroundings, length: Tensor) -> Tensor:
        """(n_atoms,) float64, eV."""
        n_atoms = s.numbers.shape[0]
        read = length if self.penalty_reads_envelope else s.distance
        energy = sum_rows(linear_penalty(read, self.factor, self.threshold), s.dst, n_atoms)
        close = torch.nonzero(s.distance.detach() < self.zbl_end).squeeze(1)
        src, dst, r = s.src[close], s.dst[close], rows_of(s.distance, close)
        pair = screened_repulsion(s.numbers[src], s.numbers[dst], r, self.zbl_length, self.zbl_coulomb)
        pair = pair * reduced_envelope(r / max(self.zbl_end, 1e-3), self.zbl_exponent)
        return energy + sum_rows(0.5 * pair, dst, n_atoms)


def scripted(layer: nn.Module) -> nn.Module:
    """The convolution of a published network for TorchScript.

    Raises:
        ConfigError: a convolution of another kind.
    """
    if isinstance(layer, SelfAttentionConvolution):
        return ScriptedSelfAttention(layer)
    if isinstance(layer, NodeAttentionConvolution):
        return ScriptedNodeAttention(layer)
    if isinstance(layer, GatedAverageConvolution):
        return ScriptedGatedAverage(layer)
    raise ConfigError(f"a convolution of the kind {type(layer).__name__} cannot be exported to TorchScript")


def _embedding(layers: nn.Module) -> nn.Module:
    assert isinstance(layers, nn.Sequential)
    return nn.Sequential(*(ScriptedNormedLayer(layer) for layer in layers if isinstance(layer, NormedLayer)))
