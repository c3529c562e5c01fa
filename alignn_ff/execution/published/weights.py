"""The weights of a published network, laid out for an evaluation that organises its own reverse pass.

In: a model. Out: its convolutions as plain tensors, with the four projections of a node in one matrix.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.models import EnergyModel
from alignn_ff.models.published.atomwise import AtomwiseEnergy
from alignn_ff.nn import GatedAverageConvolution


class Norm(NamedTuple):
    """A layer norm: scale and shift, (width,) each, and the ε under its root."""

    weight: Tensor
    bias: Tensor
    eps: float


class Convolution(NamedTuple):
    """A gated average.

    Attributes:
        nodes: (4·width, width) projections of a node: source gate, target gate, value, own.
        nodes_transposed: (4, width, width), each projection the other way round.
        nodes_bias: (4·width,).
        edges: (width, width) gate of an edge.
        edges_transposed: the same, the other way round.
        edges_bias: (width,).
        node_norm: of the update of a node.
        edge_norm: of the update of an edge.
    """

    nodes: Tensor
    nodes_transposed: Tensor
    nodes_bias: Tensor
    edges: Tensor
    edges_transposed: Tensor
    edges_bias: Tensor
    node_norm: Norm
    edge_norm: Norm


class Layers(NamedTuple):
    """What is executed, in order: bond graph and line graph in turns, then only the bond graph.

    Attributes:
        bonds: one convolution on the bond graph per layer.
        angles: the convolutions on the line graph whose result is read, after the first, second, … of ``bonds``.
    """

    bonds: tuple[Convolution, ...]
    angles: tuple[Convolution, ...]


def refusal(model: EnergyModel) -> str | None:
    """Why a model cannot be executed in blocks, None where it can."""
    if not isinstance(model, AtomwiseEnergy):
        return "it is for published force fields, and the model is not one"
    if any(type(convolution) is not GatedAverageConvolution for convolution in _convolutions(model)):
        return "its convolutions are attention variants (conv_type n_alignn or t_alignn)"
    return None


def layers_of(model: AtomwiseEnergy) -> Layers:
    """Copies of the weights; the angle update of the last layer, which no other layer reads, is left out."""
    network = model.network
    blocks: list[Any] = list(network.angle_blocks)
    bonds = [block.bonds for block in blocks] + list(network.bond_blocks)
    angles = [block.angles for block in blocks][: len(bonds) - 1]
    return Layers(tuple(map(_laid_out, bonds)), tuple(map(_laid_out, angles)))


def _convolutions(model: AtomwiseEnergy) -> list[nn.Module]:
    blocks: list[Any] = list(model.network.angle_blocks)
    return [conv for block in blocks for conv in (block.bonds, block.angles)] + list(model.network.bond_blocks)


def _laid_out(convolution: nn.Module) -> Convolution:
    assert isinstance(convolution, GatedAverageConvolution)
    parts = (convolution.source_gate, convolution.target_gate, convolution.value, convolution.own)
    return Convolution(
        nodes=torch.cat([part.weight.detach() for part in parts]),
        nodes_transposed=torch.stack([part.weight.detach().mT for part in parts]),
        nodes_bias=torch.cat([part.bias.detach() for part in parts]),
        edges=convolution.edge_gate.weight.detach().clone(),
        edges_transposed=convolution.edge_gate.weight.detach().mT.clone(memory_format=torch.contiguous_format),
        edges_bias=convolution.edge_gate.bias.detach().clone(),
        node_norm=_norm(convolution.node_norm),
        edge_norm=_norm(convolution.edge_norm),
    )


def _norm(norm: nn.Module) -> Norm:
    assert isinstance(norm, nn.LayerNorm)
    return Norm(norm.weight.detach().clone(), norm.bias.detach().clone(), float(norm.eps))
