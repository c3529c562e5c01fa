"""Gated sums and contractions on Triton kernels: values and derivatives of both orders are those of torch."""

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from alignn_ff.native import using
from alignn_ff.nn import Edges, Segments, gated_sum, make_edges, make_segments
from alignn_ff.nn.harmonics import order_slices
from alignn_ff.nn.sums.contraction import (
    Contraction,
    contract_sent_to_nodes,
    contract_to_edges,
    make_contraction,
)
from tests.support.random_edges import random_edges, random_inputs

ALLOWED = {torch.float64: 1e-12, torch.float32: 500 * torch.finfo(torch.float32).eps}
"""Largest difference to torch, relative to the largest number of an array."""


def on_device(edges: Edges, where: torch.device) -> Edges:
    return Edges(*(Segments(*(part.to(where) for part in segments)) for segments in edges))


def inputs_on(where: torch.device, tensors: list[Tensor], dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [tensor.detach().to(where, dtype).requires_grad_() for tensor in tensors]


def with_two_derivatives(function, inputs: list[Tensor], kernels) -> list[Tensor]:
    with using(kernels):
        out = function(*inputs)
        first = torch.autograd.grad(out.square().sum(), inputs, create_graph=True)
        return [out, *first, *torch.autograd.grad(sum(g.sin().sum() for g in first), inputs)]


def assert_as_torch(function, inputs: list[Tensor], kernels) -> None:
    pairs = zip(
        with_two_derivatives(function, inputs, kernels), with_two_derivatives(function, inputs, None), strict=True
    )
    for found, plain in pairs:
        assert found.dtype == plain.dtype
        atol = ALLOWED[plain.dtype] * max(plain.abs().max().item(), 1.0)
        torch.testing.assert_close(found, plain, rtol=0, atol=atol)


# gated sum


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("features", "n_edges"), [(1, 30), (5, 30), (64, 30), (300, 9), (5, 1)])
def test_gated_sum_and_two_derivatives_are_those_of_torch(triton_kernels, where, features, n_edges, dtype):
    edges = on_device(random_edges(7, n_edges), where)
    inputs = inputs_on(where, random_inputs(7, n_edges, features), dtype)
    assert_as_torch(lambda *x: gated_sum(*x, edges), inputs, triton_kernels)


CHECKS = [gradcheck, pytest.param(gradgradcheck, marks=pytest.mark.slow)]


@pytest.mark.parametrize("check", CHECKS)
def test_derivatives_of_the_gated_sum_agree_with_finite_differences(triton_kernels, where, check):
    edges, inputs = on_device(random_edges(3, 5), where), inputs_on(where, random_inputs(3, 5, 3))
    with using(triton_kernels):
        assert check(lambda *x: gated_sum(*x, edges), inputs, fast_mode=True)


def test_atoms_with_more_edges_than_a_tile_and_with_none(triton_kernels, where):
    dst = torch.tensor([1] * 40 + [3] * 16 + [4])  # 0, 2 and 5 are alone; 16 is a full tile
    src = torch.arange(57) % 2
    edges = on_device(make_edges(src, dst, 6), where)
    assert_as_torch(lambda *x: gated_sum(*x, edges), inputs_on(where, random_inputs(6, 57, 7)), triton_kernels)


def test_without_edges_sums_and_derivatives_are_zero(triton_kernels, where):
    none = torch.zeros(0, dtype=torch.int64)
    edges = on_device(make_edges(none, none, 3), where)
    inputs = inputs_on(where, random_inputs(3, 0, 4))
    with using(triton_kernels):
        out = gated_sum(*inputs, edges)
        (slope,) = torch.autograd.grad(out.sum(), inputs[1])
    assert torch.equal(out, torch.zeros_like(out))
    assert torch.equal(slope, torch.zeros_like(slope))


def test_not_a_number_stays_where_it_is(triton_kernels, where):
    edges = on_device(random_edges(4, 9), where)
    inputs = [tensor.detach() for tensor in inputs_on(where, random_inputs(4, 9, 5))]
    inputs[0][edges.dst.segment == 2] = float("nan")
    with using(triton_kernels):
        found = gated_sum(*inputs, edges).isnan()
    assert found[2].all()
    assert not found[[0, 1, 3]].any()


def test_third_derivatives_of_the_gated_sum_are_refused_not_wrong(triton_kernels, where):
    edges, inputs = on_device(random_edges(3, 5), where), inputs_on(where, random_inputs(3, 5, 2))
    with using(triton_kernels):
        (first,) = torch.autograd.grad(gated_sum(*inputs, edges).sum(), inputs[:1], create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), inputs[:1], create_graph=True)
        with pytest.raises(RuntimeError, match="once_differentiable"):
            second.sum().backward()


def test_two_runs_have_the_same_bits(triton_kernels, where):
    edges = on_device(random_edges(5, 40), where)
    inputs = inputs_on(where, random_inputs(5, 40, 20), torch.float32)
    runs = [with_two_derivatives(lambda *x: gated_sum(*x, edges), inputs, triton_kernels) for _ in range(2)]
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))


# contractions

N_NODES, N_EDGES = 4, 9


def bonds(where: torch.device, max_order: int = 3) -> tuple[Segments, Contraction]:
    """Sources of edges, and a contraction by the orders of harmonics; the last node has no edges, a source neither."""
    generator = torch.Generator().manual_seed(0)
    dst = torch.randint(0, N_NODES - 1, (N_EDGES,), generator=generator).sort().values
    src = torch.randint(1, N_NODES, (N_EDGES,), generator=generator)
    sources = make_segments(src.to(where), N_NODES)
    targets = make_segments(dst.to(where), N_NODES, ascending=True)
    return sources, make_contraction(targets, order_slices(max_order))


def as_one(contraction: Contraction) -> Contraction:
    everything = slice(0, contraction.groups.shape[0])
    return contraction._replace(groups=torch.zeros_like(contraction.groups), columns=(everything,))


def arrays(where: torch.device, dtype: torch.dtype, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return inputs_on(where, drawn, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("max_order", "channels"), [(1, 4), (2, 1), (3, 5)])
def test_moments_and_two_derivatives_are_those_of_torch(triton_kernels, where, max_order, channels, dtype):
    sources, contraction = bonds(where, max_order)
    width = max_order * channels
    inputs = arrays(where, dtype, (N_EDGES, width), (N_EDGES, max_order * (max_order + 2)), (N_NODES, width))
    assert_as_torch(lambda q, y, v: contract_sent_to_nodes(q, y, v, sources, contraction), inputs, triton_kernels)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_edges_receive_and_two_derivatives_are_those_of_torch(triton_kernels, where, dtype):
    _, contraction = bonds(where, 2)
    inputs = arrays(where, dtype, (N_NODES, 8, 12), (N_EDGES, 8))
    for one in (contraction, as_one(contraction)):
        assert_as_torch(lambda a, y, one=one: contract_to_edges(a, y, one), inputs, triton_kernels)


@pytest.mark.parametrize("check", CHECKS)
def test_derivatives_of_contractions_agree_with_finite_differences(triton_kernels, where, check):
    sources, contraction = bonds(where, 1)
    shapes = (N_EDGES, 3), (N_EDGES, 3), (N_NODES, 3), (N_NODES, 3, 3)
    edges, along, values, nodes = arrays(where, torch.float64, *shapes)
    with using(triton_kernels):
        assert check(
            lambda q, y, v: contract_sent_to_nodes(q, y, v, sources, contraction),
            (edges, along, values),
            fast_mode=True,
        )
        assert check(lambda a, y: contract_to_edges(a, y, contraction), (nodes, along), fast_mode=True)


def test_without_edges_moments_are_zero(triton_kernels, where):
    none = make_segments(torch.zeros(0, dtype=torch.int64, device=where), 3, ascending=True)
    contraction = make_contraction(none, order_slices(2))
    edges, along, values, nodes = arrays(where, torch.float64, (0, 8), (0, 8), (3, 8), (3, 8, 4))
    with using(triton_kernels):
        out = contract_sent_to_nodes(edges, along, values, none, contraction)
        (slope,) = torch.autograd.grad(out.sum(), values)
        assert contract_to_edges(nodes, along, contraction).shape == (0, 8)
    assert torch.equal(out, torch.zeros_like(out))
    assert torch.equal(slope, torch.zeros_like(slope))


def test_moments_of_two_runs_have_the_same_bits(triton_kernels, where):
    sources, contraction = bonds(where, 1)
    inputs = arrays(where, torch.float32, (N_EDGES, 7), (N_EDGES, 3), (N_NODES, 7))
    runs = [
        with_two_derivatives(
            lambda q, y, v: contract_sent_to_nodes(q, y, v, sources, contraction), inputs, triton_kernels
        )
        for _ in range(2)
    ]
    assert all(torch.equal(one, other) for one, other in zip(*runs, strict=True))
