"""Containers on another device."""

import torch

from alignn_ff.graph.containers import AtomicGraph, AtomicSystem, Prediction


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
    present = [tensor for tensor in prediction if tensor is not None]
    copied = torch.cat([tensor.flatten() for tensor in present]).cpu().split([tensor.numel() for tensor in present])
    parts = iter(copied)
    return Prediction(*(None if tensor is None else next(parts).view(tensor.shape) for tensor in prediction))
