"""SiLU(norm(x)) of rows, and its derivative."""

import torch
from torch import Tensor
from torch.nn.functional import layer_norm, silu

from alignn_ff.execution.published.weights import Norm


def update(x: Tensor, norm: Norm) -> Tensor:
    """SiLU(norm(x)), (n, width)."""
    return silu(layer_norm(x, (x.shape[1],), norm.weight, norm.bias, norm.eps))


def update_pulled_back(gradient: Tensor, x: Tensor, norm: Norm) -> Tensor:
    """∂/∂x of Σ gradient·SiLU(norm(x)), (n, width)."""
    if x.shape[0] == 0:
        return torch.empty_like(x)
    shape = [x.shape[1]]
    normed, mean, scale = torch.ops.aten.native_layer_norm(x, shape, norm.weight, norm.bias, norm.eps)
    inner = torch.ops.aten.silu_backward(gradient, normed)
    result: Tensor = torch.ops.aten.native_layer_norm_backward(
        inner, x, shape, mean, scale, norm.weight, norm.bias, [True, False, False]
    )[0]
    return result
