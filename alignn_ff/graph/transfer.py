"""Containers on another device."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from alignn_ff.graph.containers import AtomicGraph, AtomicSystem, Spread, TensorPrediction


def system_to(system: AtomicSystem, device: torch.device) -> AtomicSystem:
    """The same structures on another device."""
    return AtomicSystem(*(tensor.to(device) for tensor in system))


def graph_to(graph: AtomicGraph, device: torch.device) -> AtomicGraph:
    """The same graph on another device, with what a device would make the host wait for."""
    graph = counted_for(graph, device)
    moved: dict[str, Any] = {
        name: tensor.to(device) for name, tensor in graph._asdict().items() if isinstance(tensor, Tensor)
    }
    return graph._replace(**moved)


def counted_for(graph: AtomicGraph, device: torch.device) -> AtomicGraph:
    """The same graph, with the most edges of an atom counted if it is about to leave the CPU for a device."""
    leaves = graph.edge_dst.device.type == "cpu" != device.type
    return graph._replace(most_edges=most_edges(graph)) if leaves and graph.most_edges is None else graph


def most_edges(graph: AtomicGraph) -> int:
    """The most edges that lead to one atom, of a graph on the CPU."""
    counts = torch.bincount(graph.edge_dst)
    return int(counts.max()) if counts.shape[0] else 0


def prediction_to_host(prediction: TensorPrediction) -> TensorPrediction:
    """The same numbers on the CPU, by one copy, so that the host waits for the device once."""
    own, spread = prediction[:4], prediction.spread
    copied = tensors_to_host((*own, *(spread or ())))
    results = TensorPrediction(*copied[:4])
    return results if spread is None else results._replace(spread=Spread(*copied[4:]))


def spread_to_host(spread: Spread) -> Spread:
    """As :func:`prediction_to_host`."""
    return Spread(*tensors_to_host(spread))


def tensors_to_host(tensors: Sequence[Tensor | None]) -> list[Any]:
    """Tensors of one dtype on the CPU, by one copy; those that are there already are not copied."""
    present = [tensor for tensor in tensors if tensor is not None]
    if present[0].device.type == "cpu":
        return list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in present]).cpu()
    parts = iter(flat.split([tensor.numel() for tensor in present]))
    return [None if tensor is None else next(parts).view(tensor.shape) for tensor in tensors]
