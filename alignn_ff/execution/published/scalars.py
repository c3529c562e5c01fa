"""Tables of what depends on one number: embedded angles and bonds, and what they add to the first gates."""

from collections.abc import Callable
from copy import deepcopy
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.execution.published.table import Table, tabulate
from alignn_ff.execution.published.weights import Convolution, Layers
from alignn_ff.models.published.atomwise import AtomwiseEnergy
from alignn_ff.models.published.network import LONGEST_BOND_A
from alignn_ff.nn import NormedLayer

TABLE_END_A: Final = LONGEST_BOND_A + 4.0
"""Beyond it all Gaussians of the bond length have vanished, and its embedding is constant."""


class ScalarTables(NamedTuple):
    """Embedded angles or bonds, and the p of the first layer that reads them."""

    states: Table
    gates: Table


def tabulate_angles(model: AtomwiseEnergy, layers: Layers) -> ScalarTables:
    """Functions of the cosine of an angle, in the model's dtype, on its device, made in float64 on the CPU."""
    network = model.network
    embedded = _embedding(network.angle_basis, network.angle_embedding)
    return _tables(embedded, layers.angles[:1], (-1.0, 1.0), model)


def tabulate_lengths(model: AtomwiseEnergy, layers: Layers) -> ScalarTables | None:
    """Functions of the length of a bond, or None where they are not tabulated.

    In float64 knots would have to lie too dense, and an envelope ends between knots.
    """
    network = model.network
    if model.readout.weight.dtype != torch.float32 or model.config.shapes_bonds or not layers.bonds:
        return None
    embedded = _embedding(network.bond_basis, network.bond_embedding)
    return _tables(embedded, layers.bonds[:1], (0.0, TABLE_END_A), model)


def _tables(
    embedded: Callable[[Tensor], Tensor],
    first: tuple[Convolution, ...],
    ends: tuple[float, float],
    model: AtomwiseEnergy,
) -> ScalarTables:
    def gates(x: Tensor) -> Tensor:
        if not first:
            return embedded(x)
        return torch.addmm(first[0].edges_bias.cpu().double(), embedded(x), first[0].edges.cpu().double().mT)

    weight = model.readout.weight
    tables = [tabulate(function, *ends, weight.dtype) for function in (embedded, gates)]
    return ScalarTables(*(table._replace(pieces=table.pieces.to(weight.device)) for table in tables))


def _embedding(basis: nn.Module, layers: nn.Module) -> Callable[[Tensor], Tensor]:
    """The embedding in float64, in elementary steps, which can be differentiated any number of times."""
    basis, layers = (deepcopy(part).cpu().double() for part in (basis, layers))

    def embedded(x: Tensor) -> Tensor:
        values: Tensor = basis(x)
        for layer in layers.children():
            assert isinstance(layer, NormedLayer)
            values = _normed(layer, values)
        return values

    return embedded


def _normed(layer: NormedLayer, x: Tensor) -> Tensor:
    norm = layer.norm
    assert isinstance(norm, nn.LayerNorm)
    inner = torch.addmm(layer.linear.bias.detach(), x, layer.linear.weight.detach().mT)
    centred = inner - inner.mean(1, keepdim=True)
    scale = torch.rsqrt((centred * centred).mean(1, keepdim=True) + norm.eps)
    normed = centred * scale * norm.weight.detach() + norm.bias.detach()
    return normed * torch.sigmoid(normed)
