"""The gated sum and the segment operations against automatic differentiation and plain sums."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from alignn_ff.native import using
from alignn_ff.nn import gated_sum, gather, make_edges, make_segments, plain_gated_sum, scatter_sum, segment_sum
from tests.support.random_edges import random_edges, random_inputs


@pytest.fixture(params=["torch", "native"])
def on(request):
    """The sums on torch and on compiled kernels."""
    with using(None if request.param == "torch" else request.getfixturevalue("kernels")):
        yield request.param


def test_first_and_second_derivatives_of_the_gated_sum_agree_with_finite_differences(on):
    edges, inputs = random_edges(4, 9), random_inputs(4, 9, 3)
    assert gradcheck(lambda *x: gated_sum(*x, edges), inputs)
    assert gradgradcheck(lambda *x: gated_sum(*x, edges), inputs)


def test_gated_sum_equals_its_readable_form_in_value_and_derivatives(on):
    edges, inputs = random_edges(11, 60), random_inputs(11, 60, 5)
    probe = torch.randn(11, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def derivatives(function):
        out = function(*inputs, edges)
        first = torch.autograd.grad((out * probe).sum(), inputs, create_graph=True)
        second = torch.autograd.grad(sum(g.sin().sum() for g in first), inputs)
        return [out, *first, *second]

    for by_hand, plain in zip(derivatives(gated_sum), derivatives(plain_gated_sum), strict=True):
        torch.testing.assert_close(by_hand, plain, rtol=1e-11, atol=1e-11)


def test_third_derivatives_of_the_gated_sum_are_refused_not_wrong(on):
    edges, inputs = random_edges(3, 5), random_inputs(3, 5, 2)
    (first,) = torch.autograd.grad(gated_sum(*inputs, edges).sum(), inputs[:1], create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), inputs[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        second.sum().backward()


@pytest.mark.parametrize("features", [5, 64, 128])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_kernels_give_the_values_and_derivatives_of_torch(kernels, features, dtype):
    edges = random_edges(13, 90)
    inputs = [x.detach().to(dtype).requires_grad_() for x in random_inputs(13, 90, features)]

    def derivatives(kernels):
        with using(kernels):
            out = gated_sum(*inputs, edges)
            first = torch.autograd.grad(out.square().sum(), inputs, create_graph=True)
            return [out, *first, *torch.autograd.grad(sum(g.sin().sum() for g in first), inputs)]

    for native, plain in zip(derivatives(kernels), derivatives(None), strict=True):
        rounding = 200 * torch.finfo(dtype).eps * plain.abs().max().item()
        torch.testing.assert_close(native, plain, rtol=0, atol=rounding)


def test_bits_of_compiled_kernels_do_not_depend_on_the_number_of_threads(kernels):
    edges, inputs = random_edges(200, 3000), random_inputs(200, 3000, 64)

    def derivatives(n_threads):
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            with using(kernels):
                out = gated_sum(*inputs, edges)
                return [out, *torch.autograd.grad(out.square().sum(), inputs)]
        finally:
            torch.set_num_threads(before)

    for one, three in zip(derivatives(1), derivatives(3), strict=True):
        assert torch.equal(one, three)


def test_not_a_number_stays_not_a_number(on):
    edges, inputs = random_edges(4, 9), [x.detach() for x in random_inputs(4, 9, 64)]
    inputs[0][edges.dst.segment == 2] = float("nan")
    found = gated_sum(*inputs, edges).isnan()
    assert found[2].all()
    assert not found[[0, 1, 3]].any()


def test_nodes_without_edges_sum_to_zero(on):
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
