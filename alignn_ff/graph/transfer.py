"""Containers on another device."""

import torch

from alignn_ff.graph.containers import AtomicGraph, AtomicSystem


def system_to(system: AtomicSystem, device: torch.device) -> AtomicSystem:
    """The same structures on another device."""
    return AtomicSystem(*(tensor.to(device) for tensor in system))


def graph_to(graph: AtomicGraph, device: torch.device) -> AtomicGraph:
    """The same graph on another device."""
    moved = {name: tensor.to(device) for name, tensor in graph._asdict().items() if tensor is not None}
    return graph._replace(**moved)
