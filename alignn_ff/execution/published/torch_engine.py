"""The engine on torch's own operations, a block of edges at a time: any device, nothing to compile."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.execution.published.contract import EdgeInput, GatedAverage, Gradients, Lower, Output
from alignn_ff.execution.published.rows import update, update_pulled_back
from alignn_ff.execution.published.table import read, read_slope
from alignn_ff.execution.published.topology import Block, Topology, blocks
from alignn_ff.execution.published.weights import Convolution
from alignn_ff.native.arguments import VANISHING


class _Gated(NamedTuple):
    """A block half-way: sources and targets, messages, gates, their sums, and the average."""

    sources: Tensor
    targets: Tensor
    rank: Tensor
    message: Tensor
    gate: Tensor
    total: Tensor
    average: Tensor


class TorchEngine:
    """Blocks of at most ``n_rows`` edges."""

    def __init__(self, n_rows: int) -> None:
        self.n_rows = n_rows

    def convolve(self, average: GatedAverage, output: Output) -> None:
        """See :class:`~alignn_ff.execution.published.contract.Engine`."""
        layer, topology, nodes, edges, _ = average
        members = _members(topology, nodes)
        projections = _projected(layer, members)
        new_members = torch.empty_like(members) if topology.partial else output.nodes
        own = projections.chunk(4, dim=1)[3]
        for block in blocks(topology, self.n_rows):
            gates, states = _edge_rows(layer, topology, edges, block, (), states_wanted=output.wanted)
            half = _gated(topology, projections, gates, block)
            new_members[half.targets] = members[half.targets] + update(
                own[half.targets] + half.average, layer.node_norm
            )
            if output.wanted:
                assert states is not None
                _keep(states + update(half.message, layer.edge_norm), output, block)
            if output.read is not None:
                output.read[block.edges] = gates
        if not topology.partial:
            return
        output.nodes[topology.members] = new_members
        others = nodes[topology.lone]
        output.nodes[topology.lone] = others + update(_own(layer, others), layer.node_norm)

    def pull_back(self, average: GatedAverage, gradients: Gradients) -> None:
        """See :class:`~alignn_ff.execution.published.contract.Engine`."""
        layer, topology, nodes, _, _ = average
        d_members = _members(topology, gradients.nodes)
        d_members.addmm_(self._pull_back_members(average, gradients), layer.nodes)
        if not topology.partial:
            return
        gradients.nodes[topology.members] = d_members
        others, d_others = nodes[topology.lone], gradients.nodes[topology.lone]
        d_inner = update_pulled_back(d_others, _own(layer, others), layer.node_norm)
        gradients.nodes[topology.lone] = d_others.addmm_(d_inner, layer.nodes.chunk(4)[3])

    def _pull_back_members(self, average: GatedAverage, gradients: Gradients) -> Tensor:
        """(n_members, 4·width) ∂E/∂projections; writes the derivatives of edges."""
        layer, topology, nodes, edges, _ = average
        projections = _projected(layer, _members(topology, nodes))
        d_members = _members(topology, gradients.nodes)
        result = torch.zeros_like(projections)
        d_source, d_target, d_value, d_own = result.chunk(4, dim=1)
        _, _, value, own = projections.chunk(4, dim=1)
        ends = [_ends(lower, topology) for lower in edges.lower]
        for block in blocks(topology, self.n_rows):
            gates, _ = _edge_rows(layer, topology, edges, block, ends, states_wanted=False)
            half = _gated(topology, projections, gates, block)
            d_new = d_members[half.targets]
            d_inner = update_pulled_back(d_new, own[half.targets] + half.average, layer.node_norm)
            d_own[half.targets] = d_inner
            d_sum = (d_inner / (half.total + VANISHING))[half.rank]
            sent = d_sum * half.gate
            d_message = (value[half.sources] - half.average[half.rank]).mul_(sent).mul_(1.0 - half.gate)
            d_value.index_add_(0, half.sources, sent)
            if gradients.states_read:
                assert gradients.states is not None
                d_message += update_pulled_back(gradients.states[block.edges], half.message, layer.edge_norm)
            d_source.index_add_(0, half.sources, d_message)
            d_target[half.targets] = d_target.new_zeros(d_inner.shape).index_add(0, half.rank, d_message)
            _hand_down(d_message, layer, edges, gradients, block)
        return result


def _members(topology: Topology, rows: Tensor) -> Tensor:
    """Rows of the nodes that take part."""
    return rows[topology.members] if topology.partial else rows


def _projected(layer: Convolution, nodes: Tensor) -> Tensor:
    """(n_nodes, 4·width)."""
    return torch.addmm(layer.nodes_bias, nodes, layer.nodes.mT)


def _own(layer: Convolution, nodes: Tensor) -> Tensor:
    """What nodes add to their own update."""
    return torch.addmm(layer.nodes_bias.chunk(4)[3], nodes, layer.nodes.chunk(4)[3].mT)


def _ends(lower: Lower, topology: Topology) -> Tensor:
    """(n_members, 2·width) source and target gates of a layer that is run again."""
    members, two = _members(topology, lower.nodes), slice(2 * lower.nodes.shape[1])
    return torch.addmm(lower.layer.nodes_bias[two], members, lower.layer.nodes[two].mT)


def _edge_rows(
    layer: Convolution,
    topology: Topology,
    edges: EdgeInput,
    block: Block,
    ends: Sequence[Tensor],
    *,
    states_wanted: bool,
) -> tuple[Tensor, Tensor | None]:
    """Gates p of a block, and states y where it is wanted or at hand; ``ends`` are those of the lower layers."""
    rows = block.edges
    if edges.gates is not None:
        return edges.gates[rows], None if edges.states is None else edges.states[rows]
    if edges.states is not None:
        states = edges.states[rows]
        return torch.addmm(layer.edges_bias, states, layer.edges.mT), states
    assert edges.angles is not None
    cosines = edges.angles.cosines[rows]
    gates = read(edges.angles.gates, cosines)
    if not edges.lower:
        return gates, read(edges.angles.states, cosines) if states_wanted else None
    states = read(edges.angles.states, cosines)
    for lower, both in zip(edges.lower, ends, strict=True):
        source_gate, target_gate = both.chunk(2, dim=1)
        _, _, message = _messages(topology, source_gate, target_gate, gates, block)
        states = states + update(message, lower.layer.edge_norm)
        gates = torch.addmm(lower.following.edges_bias, states, lower.following.edges.mT)
    return gates, states


def _messages(
    topology: Topology, source_gate: Tensor, target_gate: Tensor, gates: Tensor, block: Block
) -> tuple[Tensor, Tensor, Tensor]:
    """Source of each edge, rank of its target in the block, and m."""
    targets, sources = topology.targets[block.targets], topology.sources[block.edges]
    starts = topology.starts[block.targets.start : block.targets.stop + 1]
    local = torch.arange(targets.shape[0], device=targets.device)
    rank = torch.repeat_interleave(local, starts.diff(), output_size=sources.shape[0])
    return sources, rank, source_gate[sources].add_(target_gate[targets][rank]).add_(gates)


def _gated(topology: Topology, projections: Tensor, gates: Tensor, block: Block) -> _Gated:
    source_gate, target_gate, value, _ = projections.chunk(4, dim=1)
    sources, rank, message = _messages(topology, source_gate, target_gate, gates, block)
    targets = topology.targets[block.targets]
    gate = torch.sigmoid(message)
    none = gate.new_zeros(targets.shape[0], gate.shape[1])
    total = none.index_add(0, rank, gate)
    average = none.index_add(0, rank, gate * value[sources]) / (total + VANISHING)
    return _Gated(sources, targets, rank, message, gate, total, average)


def _keep(states: Tensor, output: Output, block: Block) -> None:
    if output.gates is not None:
        assert output.following is not None
        following = output.following
        torch.addmm(following.edges_bias, states, following.edges.mT, out=output.gates[block.edges])
    if output.states is not None:
        output.states[block.edges] = states


def _hand_down(d_message: Tensor, layer: Convolution, edges: EdgeInput, gradients: Gradients, block: Block) -> None:
    """∂E/∂message to what the edges were made of."""
    rows = block.edges
    if gradients.cosines is not None:
        assert edges.angles is not None
        cosines = edges.angles.cosines[rows]
        along = (read_slope(edges.angles.gates, cosines) * d_message).sum(1)
        if gradients.states_read:
            assert gradients.states is not None
            along += (read_slope(edges.angles.states, cosines) * gradients.states[rows]).sum(1)
        gradients.cosines[rows] = along.to(gradients.cosines.dtype)
    elif gradients.states is not None:
        below = gradients.states[rows]
        below.addmm_(d_message, layer.edges, beta=1.0 if gradients.states_read else 0.0)
