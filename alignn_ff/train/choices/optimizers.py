"""Optimisers by name, with weight decay only on matrices."""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer

Groups = list[dict[str, Any]]
"""Parameter groups as ``torch.optim`` takes them."""


def adamw(groups: Groups, learning_rate: float) -> Optimizer:
    """AdamW with β = (0.9, 0.99); on a CPU all numbers of a tensor are changed in one pass."""
    on_cpu = all(parameter.device.type == "cpu" for group in groups for parameter in group["params"])
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.99), fused=on_cpu or None)


def sgd(groups: Groups, learning_rate: float) -> Optimizer:
    """SGD with momentum 0.9."""
    return torch.optim.SGD(groups, lr=learning_rate, momentum=0.9)


OPTIMIZERS: Final[dict[str, Callable[[Groups, float], Optimizer]]] = {
    "adamw": adamw,
    "sgd": sgd,
}
"""Name in the config → (parameter groups, learning rate) → optimiser."""


def build_optimizer(model: nn.Module, name: str, *, learning_rate: float, weight_decay: float) -> Optimizer:
    """The optimiser of this name for all parameters that are not frozen."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups: Groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return OPTIMIZERS[name](groups, learning_rate)
