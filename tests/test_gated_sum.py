"""The gated sum and the segment operations against automatic differentiation and plain sums."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from alignn_ff.nn import gated_sum, gather, make_edges, make_segments, plain_gated_sum, scatter_sum, segment_sum


def random_edges(n_nodes: int, n_edges: int):
    generator = torch.Generator().manual_seed(1)
    src = torch.randint(0, n_nodes, (n_edges,), generator=generator)
    dst = torch.randint(0, n_nodes, (n_edges,), generator=generator).sort().values
    return make_edges(src, dst, n_nodes)


def random_inputs(n_nodes: int, n_edges: int, features: int):
    generator = torch.Generator().manual_seed(2)
    shapes = [(n_edges, features), *[(n_nodes, features)] * 3, (n_edges, 1)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]


def test_first_and_second_derivatives_of_the_gated_sum_agree_with_finite_differences():
    edges, inputs = random_edges(4, 9), random_inputs(4, 9, 3)
    assert gradcheck(lambda *x: gated_sum(*x, edges), inputs)
    assert gradgradcheck(lambda *x: gated_sum(*x, edges), inputs)


def test_gated_sum_equals_its_readable_form_in_value_and_derivatives():
    edges, inputs = random_edges(11, 60), random_inputs(11, 60, 5)
    probe = torch.randn(11, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def derivatives(function):
        out = function(*inputs, edges)
        first = torch.autograd.grad((out * probe).sum(), inputs, create_graph=True)
        second = torch.autograd.grad(sum(g.sin().sum() for g in first), inputs)
        return [out, *first, *second]

    for by_hand, plain in zip(derivatives(gated_sum), derivatives(plain_gated_sum), strict=True):
        torch.testing.assert_close(by_hand, plain, rtol=1e-11, atol=1e-11)


def test_third_derivatives_of_the_gated_sum_are_refused_not_wrong():
    edges, inputs = random_edges(3, 5), random_inputs(3, 5, 2)
    (first,) = torch.autograd.grad(gated_sum(*inputs, edges).sum(), inputs[:1], create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), inputs[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        second.sum().backward()


def test_nodes_without_edges_sum_to_zero():
    edges = make_edges(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), 3)
    inputs = random_inputs(3, 0, 4)
    assert torch.equal(gated_sum(*inputs, edges), torch.zeros(3, 4, dtype=torch.float64))


def test_gather_and_segment_sum_are_transposes_of_each_other():
    segments = make_segments(torch.tensor([2, 0, 2, 1, 4]), 5)
    rows = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4)).requires_grad_()
    values = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5)).requires_grad_()
    torch.testing.assert_close((gather(values, segments) * rows).sum(), (values * segment_sum(rows, segments)).sum())
    assert gradgradcheck(lambda x: gather(x, segments).sin(), [values])
    assert gradgradcheck(lambda x: segment_sum(x, segments).sin(), [rows])
    torch.testing.assert_close(segment_sum(rows, segments), scatter_sum(rows, segments.segment, 5))
