"""Tables of what depends on the cosine of an angle alone: its state, and what that adds to the first gates."""

from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.execution.blocked.table import Table, tabulate
from alignn_ff.execution.blocked.weights import Layers
from alignn_ff.models.published_atomwise import AtomwiseEnergy
from alignn_ff.nn import NormedLayer


class AngleTables(NamedTuple):
    """Embedded angles, and the p of the first layer of the line graph."""

    states: Table
    gates: Table


def tabulate_angles(model: AtomwiseEnergy, layers: Layers) -> AngleTables:
    """Tables in the model's dtype, on its device, made in float64 on the CPU."""
    weight = model.readout.weight
    basis = deepcopy(model.network.angle_basis).cpu().double()
    embedding = deepcopy(model.network.angle_embedding).cpu().double()

    def states(cosines: Tensor) -> Tensor:
        values: Tensor = basis(cosines)
        for layer in embedding:
            assert isinstance(layer, NormedLayer)
            values = _normed(layer, values)
        return values

    def gates(cosines: Tensor) -> Tensor:
        if not layers.angles:
            return states(cosines)
        first = layers.angles[0]
        return torch.addmm(first.edges_bias.cpu().double(), states(cosines), first.edges.cpu().double().mT)

    tables = [tabulate(function, -1.0, 1.0, weight.dtype) for function in (states, gates)]
    return AngleTables(*(table._replace(knots=table.knots.to(weight.device)) for table in tables))


def _normed(layer: NormedLayer, x: Tensor) -> Tensor:
    """What the layer gives, in elementary steps, which can be differentiated as often as need be."""
    norm = layer.norm
    assert isinstance(norm, nn.LayerNorm)
    inner = torch.addmm(layer.linear.bias.detach(), x, layer.linear.weight.detach().mT)
    centred = inner - inner.mean(1, keepdim=True)
    scale = torch.rsqrt((centred * centred).mean(1, keepdim=True) + norm.eps)
    normed = centred * scale * norm.weight.detach() + norm.bias.detach()
    return normed * torch.sigmoid(normed)
