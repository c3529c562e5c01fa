"""``alignn_smooth`` in TorchScript; the equations are those of ``alignn_ff.models.alignn_smooth``."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.export.torchscript.layers import ScriptedConvolution, Surroundings, rows_of
from alignn_ff.export.torchscript.moments import (
    Places,
    ScriptedInvariants,
    ScriptedMomentGates,
    ScriptedMoments,
    places,
)
from alignn_ff.export.torchscript.repulsion import ScriptedRepulsion
from alignn_ff.models.alignn_smooth import AlignnSmooth, AngleBlock, AtomBlock, BondUpdate
from alignn_ff.nn import BoundedEnergy, bessel_basis, chebyshev_basis
from alignn_ff.nn.envelope import reduced_envelope
from alignn_ff.nn.harmonics import solid_harmonics


class Bases(NamedTuple):
    """What the layers read of the geometry; fields of the same names as in the model's ``Geometry``."""

    radial: Tensor
    weight: Tensor
    line_weight: Tensor
    angular: Tensor
    triplet_weight: Tensor
    harmonics: Tensor
    targets: Places
    sources: Places


class ScriptedSmooth(nn.Module):
    """Energy of each atom."""

    reference: Tensor
    scale: Tensor

    def __init__(self, model: AlignnSmooth) -> None:
        super().__init__()
        config, recipe = model.config, model.recipe
        self.cutoff: float = recipe.cutoff
        self.line_cutoff: float = recipe.line_cutoff
        self.exponent: int = config.exponent
        self.n_radial: int = config.edge_input_features
        self.n_angular: int = config.triplet_input_features
        self.max_moment: int = config.max_moment if config.moment_channels else 0
        self.embedding = model.table.embedding
        self.initial_bonds = ScriptedBondUpdate(model.initial_bonds)
        self.blocks = nn.ModuleList(_blocks(model))
        self.readout = model.readout
        self.repulsion = ScriptedRepulsion(model.repulsion, recipe.cutoff)
        self.exact_free_atoms: bool = model.exact_free_atoms
        self.register_buffer("reference", model.table.reference.clone())
        self.register_buffer("scale", model.scale.clone())
        n_elements = len(model.elements)
        self.bounded = (
            model.bounded if model.bounded is not None else BoundedEnergy(((-1.0, 0.0, 0.0, 1.0),) * n_elements)
        )
        self.has_bounds: bool = model.bounded is not None

    def forward(self, s: Surroundings) -> Tensor:
        """(n_atoms,) float64, eV."""
        atoms = self.embedding(s.rows)
        bases = self.bases(s, atoms.dtype)
        bonds = self.initial_bonds(rows_of(bases.radial, s.line_nodes), atoms, s)
        moments = torch.zeros((0,), dtype=atoms.dtype, device=atoms.device)
        for block in self.blocks:
            atoms, bonds, moments = block(atoms, bonds, moments, s, bases)
        local = self.readout(atoms).squeeze(1).double()
        if self.exact_free_atoms:
            local = local - self.free_atoms()[s.rows]
        learned = self.scale * local
        if self.has_bounds:
            learned = self.bounded(learned, s.rows)
        energy: Tensor = self.reference[s.rows] + learned + self.repulsion(s)
        return energy

    def free_atoms(self) -> Tensor:
        """(n_elements,) float64, readout of each element without neighbours."""
        atoms = self.embedding.weight
        for block in self.blocks:
            atoms = block.without_neighbors(atoms)  # type: ignore[operator]
        free: Tensor = self.readout(atoms).squeeze(1).double()
        return free

    def bases(self, s: Surroundings, dtype: torch.dtype) -> Bases:
        """Bases and envelopes of bonds and angles."""
        length = rows_of(s.distance, s.line_nodes)
        unit = rows_of(s.vectors, s.line_nodes) / length[:, None]
        line_weight = reduced_envelope(length / self.line_cutoff, self.exponent)[:, None].to(dtype)
        cosine = -(rows_of(unit, s.line_src) * rows_of(unit, s.line_dst)).sum(-1)
        n_atoms = s.numbers.shape[0]
        harmonics = torch.zeros((0,), dtype=dtype, device=s.vectors.device)
        if self.max_moment > 0:
            harmonics = solid_harmonics((s.vectors / s.distance[:, None]).to(dtype), self.max_moment)
        return Bases(
            radial=bessel_basis(s.distance.to(dtype), self.cutoff, self.n_radial),
            weight=reduced_envelope(s.distance / self.cutoff, self.exponent)[:, None].to(dtype),
            line_weight=line_weight,
            angular=chebyshev_basis(cosine.to(dtype), self.n_angular),
            triplet_weight=rows_of(line_weight, s.line_src) * rows_of(line_weight, s.line_dst),
            harmonics=harmonics,
            targets=places(s.dst, n_atoms),
            sources=places(s.src, n_atoms),
        )


class ScriptedBondUpdate(nn.Module):
    """``BondUpdate``."""

    def __init__(self, layer: BondUpdate) -> None:
        super().__init__()
        self.source, self.target, self.own = layer.source, layer.target, layer.own

    def forward(self, own: Tensor, atoms: Tensor, s: Surroundings) -> Tensor:
        """(n_line_nodes, features)."""
        source = rows_of(self.source(atoms), rows_of(s.src, s.line_nodes))
        target = rows_of(self.target(atoms), rows_of(s.dst, s.line_nodes))
        return nn.functional.silu(self.own(own) + source + target)


class ScriptedAngleBlock(nn.Module):
    """``AngleBlock``."""

    def __init__(self, block: AngleBlock) -> None:
        super().__init__()
        self.bonds, self.gates = ScriptedBondUpdate(block.bonds), block.gates
        self.convolution = ScriptedConvolution(block.convolution)

    def forward(self, atoms: Tensor, bonds: Tensor, s: Surroundings, bases: Bases) -> Tensor:
        """(n_line_nodes, features)."""
        bonds = bonds + self.bonds(bonds, atoms, s)
        updated: Tensor = self.convolution(
            bonds, self.gates(bases.angular), bases.triplet_weight, s.line_src, s.line_dst
        )
        return updated


class UnchangedBonds(nn.Module):
    """In place of an angle block where there is none."""

    def forward(self, atoms: Tensor, bonds: Tensor, s: Surroundings, bases: Bases) -> Tensor:  # noqa: ARG002
        """``bonds``."""
        return bonds


class ScriptedBlock(nn.Module):
    """An angle block, if there is one, then an ``AtomBlock`` without moments."""

    def __init__(self, block: AtomBlock, angles: nn.Module) -> None:
        super().__init__()
        self.angles, self.radial_gates, self.bond_gates = angles, block.radial_gates, block.bond_gates
        self.convolution = ScriptedConvolution(block.convolution)

    def forward(
        self, atoms: Tensor, bonds: Tensor, moments: Tensor, s: Surroundings, bases: Bases
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New states of atoms and bonds; the moments as they are."""
        bonds = self.angles(atoms, bonds, s, bases)
        from_bonds = bases.line_weight * self.bond_gates(bonds)
        gates = self.radial_gates(bases.radial).index_add(0, s.line_nodes, from_bonds)
        return self.convolution(atoms, gates, bases.weight, s.src, s.dst), bonds, moments

    @torch.jit.export
    def without_neighbors(self, atoms: Tensor) -> Tensor:
        """The update of atoms that have no neighbours at all, (n_atoms, features)."""
        updated: Tensor = self.convolution.without_neighbors(atoms)
        return updated


class ScriptedMomentBlock(nn.Module):
    """An angle block, if there is one, then an ``AtomBlock`` with moments."""

    def __init__(self, block: AtomBlock, angles: nn.Module, max_moment: int, moment_gates: nn.Module) -> None:
        super().__init__()
        assert block.moments is not None
        assert block.invariants is not None
        assert block.mixing is not None
        self.angles, self.radial_gates, self.bond_gates = angles, block.radial_gates, block.bond_gates
        self.convolution = ScriptedConvolution(block.convolution)
        self.moments = ScriptedMoments(block.moments, max_moment)
        self.invariants = ScriptedInvariants(block.invariants)
        self.moment_gates, self.mixing = moment_gates, block.mixing

    def forward(
        self, atoms: Tensor, bonds: Tensor, moments: Tensor, s: Surroundings, bases: Bases
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New states of atoms and bonds, and the moments of this block."""
        bonds = self.angles(atoms, bonds, s, bases)
        from_bonds = bases.line_weight * self.bond_gates(bonds)
        gates = self.radial_gates(bases.radial).index_add(0, s.line_nodes, from_bonds)
        gates = gates + self.moment_gates(moments, bases.harmonics, bases.targets, bases.sources)
        moments = self.moments(atoms, bases.radial, s.src, bases.weight * bases.harmonics, bases.targets)
        atoms = self.convolution(atoms, gates, bases.weight, s.src, s.dst, self.invariants(moments))
        return atoms + self.mixing(atoms), bonds, moments

    @torch.jit.export
    def without_neighbors(self, atoms: Tensor) -> Tensor:
        """The update of atoms that have no neighbours at all, (n_atoms, features)."""
        atoms = self.convolution.without_neighbors(atoms)
        updated: Tensor = atoms + self.mixing(atoms)
        return updated


class NoMomentGates(nn.Module):
    """In place of the moments' gates in the first block."""

    def forward(self, moments: Tensor, harmonics: Tensor, targets: Places, sources: Places) -> Tensor:  # noqa: ARG002
        """Zeros, which are added to every gate."""
        return torch.zeros((1, 1), dtype=harmonics.dtype, device=harmonics.device)


def _blocks(model: AlignnSmooth) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for layer, block in enumerate(model.atom_blocks):
        assert isinstance(block, AtomBlock)
        angle = model.angle_blocks[layer] if layer < len(model.angle_blocks) else None
        angles = ScriptedAngleBlock(angle) if isinstance(angle, AngleBlock) else UnchangedBonds()
        if block.moments is None:
            blocks.append(ScriptedBlock(block, angles))
            continue
        gates = NoMomentGates() if block.moment_gates is None else ScriptedMomentGates(block.moment_gates)
        blocks.append(ScriptedMomentBlock(block, angles, model.config.max_moment, gates))
    return blocks
