"""The weights of an ``alignn_smooth`` as one array, in the order that ``native/source/smooth/smooth.h`` reads them.

Channels and basis functions are padded with zeros to multiples of ``CHANNELS``, which changes nothing: a padded channel
is zero in every state. A matrix W of y = W·x stands twice, as Wᵀ for the way forward and as W for the way back.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from alignn_ff.models.alignn_smooth import AlignnSmooth, AngleBlock, AtomBlock
from alignn_ff.native.arguments import CHANNELS
from alignn_ff.nn import EdgeGatedConvolution


class PackedWeights(NamedTuple):
    """Weights with the sizes that they are packed for.

    Attributes:
        values: (n,) contiguous, in the model's dtype.
        features, n_radial, n_angular, moment_channels: padded sizes.
    """

    values: Tensor
    features: int
    n_radial: int
    n_angular: int
    moment_channels: int


def pack(model: AlignnSmooth) -> PackedWeights:
    """Pack the weights as they are now; later changes of the model do not reach the copy."""
    with torch.no_grad():
        values = torch.cat([part.reshape(-1) for part in _parts(model)]).contiguous()
    config = model.config
    sizes = (config.hidden_features, config.edge_input_features, config.triplet_input_features, config.moment_channels)
    return PackedWeights(values, *map(_padded, sizes))


def _parts(model: AlignnSmooth) -> Iterator[Tensor]:
    yield _rows(model.table.embedding.weight)
    initial = model.initial_bonds
    yield from (_forward(initial.own), _bias(initial.own), _forward(initial.source), _forward(initial.target))
    yield _back(initial.own)
    for angle in model.angle_blocks:
        assert isinstance(angle, AngleBlock)
        bonds = angle.bonds
        yield from (_forward(bonds.own), _bias(bonds.own), _forward(bonds.source), _forward(bonds.target))
        yield from (_back(bonds.own), _back(bonds.source), _back(bonds.target))
        yield from _convolution(angle.convolution, angle.gates)
    for atom in model.atom_blocks:
        assert isinstance(atom, AtomBlock)
        yield from (_forward(atom.bond_gates), _back(atom.bond_gates))
        yield from _convolution(atom.convolution, atom.radial_gates)
        yield from _moments(atom)
    hidden, out = model.readout[0], model.readout[2]
    assert isinstance(hidden, nn.Linear)
    assert isinstance(out, nn.Linear)
    yield from (_forward(hidden), _bias(hidden), _rows(out.weight), _bias(out), _back(hidden))


def _convolution(layer: EdgeGatedConvolution, gates: nn.Linear) -> Iterator[Tensor]:
    """One convolution; the constant in front of its sum goes into the matrix behind it."""
    projections = (layer.source_gate, layer.target_gate, layer.value, layer.own)
    yield from (_forward(linear) for linear in projections)
    yield from (_bias(linear) for linear in projections)
    message = layer.message.weight / float(layer.normalization)
    yield from (_square(message.T), _forward(layer.update))
    yield from (_back(linear) for linear in projections)
    yield from (_square(message), _back(layer.update))
    yield from (_forward(gates), _back(gates))


def _moments(atom: AtomBlock) -> Iterator[Tensor]:
    """The moments of one block; the constant in front of their sum goes into what neighbours send."""
    moments, invariants, mixing = atom.moments, atom.invariants, atom.mixing
    if moments is None or invariants is None or mixing is None:
        return
    channels = invariants.pairs.shape[1]
    radial = _by_blocks(moments.radial.weight, channels)
    value = _by_blocks(moments.value.weight / moments.normalization, channels)
    bias = _by_blocks((moments.value.bias / moments.normalization)[:, None], channels)[:, :1]
    yield from (_rows(radial).T.contiguous(), _rows(radial))
    yield from (_rows(value).T.contiguous(), bias, _rows(value))
    for mixes in (invariants.pairs, invariants.triples):
        if mixes is not None:
            yield from (_square(mix) for mix in mixes)
            yield from (_square(mix.T) for mix in mixes)
    out = _by_blocks(invariants.out.weight.T, channels)
    yield from (_rows(out), _rows(out).T.contiguous())
    if atom.moment_gates is not None:
        gates = [torch.cat([_square(end) for end in mix.chunk(2, 1)], 1) for mix in atom.moment_gates.ends]
        yield from gates
        yield from (gate.T.contiguous() for gate in gates)
    for linear in (mixing[0], mixing[2]):
        assert isinstance(linear, nn.Linear)
        yield from (_forward(linear), _bias(linear), _back(linear))


def _by_blocks(matrix: Tensor, size: int) -> Tensor:
    """Each block of ``size`` rows padded on its own."""
    blocks = matrix.unflatten(0, (-1, size))
    return nn.functional.pad(blocks, (0, 0, 0, _padded(size) - size)).flatten(0, 1)


def _padded(size: int) -> int:
    return -(-size // CHANNELS) * CHANNELS


def _square(matrix: Tensor) -> Tensor:
    rows, columns = matrix.shape
    return nn.functional.pad(matrix, (0, _padded(columns) - columns, 0, _padded(rows) - rows))


def _rows(matrix: Tensor) -> Tensor:
    return nn.functional.pad(matrix, (0, _padded(matrix.shape[1]) - matrix.shape[1]))


def _forward(linear: nn.Linear) -> Tensor:
    return _square(linear.weight.T)


def _back(linear: nn.Linear) -> Tensor:
    return _square(linear.weight)


def _bias(linear: nn.Linear) -> Tensor:
    missing = linear.weight.new_zeros(linear.out_features)
    bias = missing if linear.bias is None else linear.bias
    return nn.functional.pad(bias, (0, _padded(bias.shape[0]) - bias.shape[0]))
