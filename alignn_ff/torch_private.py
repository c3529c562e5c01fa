"""Private functions of torch, called here only; a test checks that each exists in the installed version.

``pyproject.toml`` bounds torch from above for their sake.
"""

from typing import Final

import torch
from torch import Tensor

USED: Final = ("_embedding_bag", "_foreach_lerp_", "_foreach_copy_", "_foreach_zero_")
"""Names in the module ``torch``."""


def bag_sums(values: Tensor, order: Tensor, starts: Tensor) -> Tensor:
    """Sums of rows, each written once: (n_bags, features) from (n, features) rows in the order of their bags.

    Args:
        values: (n, features), contiguous.
        order: (n,) int64, rows sorted by bag.
        starts: (n_bags,) int64, where each bag begins in ``order``.
    """
    summed: Tensor = torch._embedding_bag(values, order, starts)[0]
    return summed


def move_towards(averages: list[Tensor], tensors: list[Tensor], weight: float) -> None:
    """Averages += weight·(tensors − averages), in place, all tensors of one dtype in one call."""
    torch._foreach_lerp_(averages, tensors, weight)


def copy_all(targets: list[Tensor], tensors: list[Tensor]) -> None:
    """Copy the tensors into the targets, in place, in one call."""
    torch._foreach_copy_(targets, tensors)


def zero_all(tensors: list[Tensor]) -> None:
    """Set the tensors to zero, in place, in one call."""
    torch._foreach_zero_(tensors)
