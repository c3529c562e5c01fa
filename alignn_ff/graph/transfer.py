"""Containers on another device."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from alignn_ff.graph.containers import AtomicGraph, AtomicSystem, Prediction, Spread


def system_to(system: AtomicSystem, device: torch.device) -> AtomicSystem:
    """The same structures on another device."""
    return AtomicSystem(*(tensor.to(device) for tensor in system))


def graph_to(graph: AtomicGraph, device: torch.device) -> AtomicGraph:
    """The same graph on another device."""
    moved = {name: tensor.to(device) for name, tensor in graph._asdict().items() if tensor is not None}
    return graph._replace(**moved)


def prediction_to_host(prediction: Prediction) -> Prediction:
    """The same numbers on the CPU, by one copy, so that the host waits for the device once."""
    if prediction.energy.device.type == "cpu":
        return prediction
    own, spread = prediction[:4], prediction.spread
    present = [tensor for tensor in (*own, *(spread or ())) if tensor is not None]
    copied = torch.cat([tensor.flatten() for tensor in present]).cpu().split([tensor.numel() for tensor in present])
    parts = iter(copied)

    def here(tensors: Iterable[Tensor | None]) -> list[Any]:
        return [None if tensor is None else next(parts).view(tensor.shape) for tensor in tensors]

    results = Prediction(*here(own))
    return results if spread is None else results._replace(spread=Spread(*here(spread)))
