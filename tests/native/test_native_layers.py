"""The layers of the published families on compiled kernels: the same values and derivatives as with torch."""

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

from alignn_ff.native import using
from alignn_ff.nn.gated_average import gated_mean
from alignn_ff.nn.normed_silu import normed_silu
from tests.support.random_edges import random_edges


def random_tensors(*shapes, dtype=torch.float64):
    generator = torch.Generator().manual_seed(7)
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes]


def layer_norm(features, dtype=torch.float64):
    norm = nn.LayerNorm(features, dtype=dtype)
    weight, bias = random_tensors((features,), (features,), dtype=dtype)
    norm.weight.data, norm.bias.data = weight.data, bias.data
    return norm


def twice(function, inputs):
    """Value, first derivatives, and derivatives of their sines."""
    out = function(*inputs)
    first = torch.autograd.grad(out.square().sum(), inputs, create_graph=True)
    second = torch.autograd.grad(sum(g.sin().sum() for g in first[:2]), inputs)
    return [out, *first, *second]


def test_gated_mean_passes_gradcheck_and_gradgradcheck(kernels):
    edges, inputs = random_edges(5, 12), random_tensors((12, 3), (5, 3))
    with using(kernels):
        assert gradcheck(lambda m, v: gated_mean(m, v, edges), inputs)
        assert gradgradcheck(lambda m, v: gated_mean(m, v, edges), inputs)


def test_normed_silu_passes_gradcheck_and_gradgradcheck_in_its_input(kernels):
    norm = layer_norm(5)
    (x,) = random_tensors((4, 5))
    with using(kernels):
        assert gradcheck(lambda x: normed_silu(x, norm), [x])
        assert gradgradcheck(lambda x: normed_silu(x, norm), [x])


def test_derivatives_of_forces_in_scale_and_shift_are_those_of_torch(kernels):
    norm, inputs = layer_norm(16), random_tensors((300, 16), (300, 16))

    def forces_loss(kernels):
        with using(kernels):
            out = (normed_silu(inputs[0], norm) * inputs[1]).sum()
            (force,) = torch.autograd.grad(out, inputs[:1], create_graph=True)
            parameters = [*inputs, norm.weight, norm.bias]
            return [force, *torch.autograd.grad(force.square().sum() + out, parameters)]

    for native, plain in zip(forces_loss(kernels), forces_loss(None), strict=True):
        torch.testing.assert_close(native, plain, rtol=1e-11, atol=1e-11)


def test_what_is_not_written_is_refused_not_wrong(kernels):
    norm = layer_norm(5)
    (x,) = random_tensors((4, 5))
    with using(kernels):
        (slope,) = torch.autograd.grad(normed_silu(x, norm).sum(), [norm.weight], create_graph=True)
        with pytest.raises(RuntimeError, match="cannot be differentiated again"):
            slope.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("features", [7, 128])
def test_gated_mean_on_kernels_is_that_of_torch(kernels, features, dtype):
    edges, inputs = random_edges(13, 90), random_tensors((90, features), (13, features), dtype=dtype)
    results = []
    for library in (kernels, None):
        with using(library):
            results.append(twice(lambda m, v: gated_mean(m, v, edges), inputs))
    for native, plain in zip(*results, strict=True):
        rounding = 500 * torch.finfo(dtype).eps * plain.abs().max().item()
        torch.testing.assert_close(native, plain, rtol=0, atol=rounding)


def test_nodes_without_neighbours_have_mean_zero(kernels):
    edges = random_edges(4, 0)
    with using(kernels):
        out = gated_mean(torch.zeros(0, 3), torch.ones(4, 3), edges)
    assert torch.equal(out, torch.zeros(4, 3))


def test_bits_do_not_depend_on_the_number_of_threads(kernels):
    norm, edges = layer_norm(32), random_edges(100, 1500)
    m, v = random_tensors((1500, 32), (100, 32))
    runs = []
    before = torch.get_num_threads()
    try:
        for n_threads in (1, 3):
            torch.set_num_threads(n_threads)
            with using(kernels):
                out = normed_silu(gated_mean(m, v, edges), norm).sum() + normed_silu(m, norm).sum()
                runs.append(torch.autograd.grad(out, [m, v, norm.weight, norm.bias]))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
