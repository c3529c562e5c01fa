"""Optimisers by name, with weight decay on matrices alone."""

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import nn
from torch.optim import Optimizer

from alignn_ff.train.config import TrainingConfig


def adamw(model: nn.Module, config: TrainingConfig) -> Optimizer:
    """AdamW with β = (0.9, 0.99)."""
    groups = _decay_groups(_learning(model), config.weight_decay)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))


def sgd(model: nn.Module, config: TrainingConfig) -> Optimizer:
    """SGD with momentum 0.9."""
    groups = _decay_groups(_learning(model), config.weight_decay)
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9)


OPTIMIZERS: Final[dict[str, Callable[[nn.Module, TrainingConfig], Optimizer]]] = {
    "adamw": adamw,
    "sgd": sgd,
}


def build_optimizer(model: nn.Module, config: TrainingConfig) -> Optimizer:
    """The optimiser that the config names."""
    return OPTIMIZERS[config.optimizer](model, config)


def _learning(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def _decay_groups(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, object]]:
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
