"""Sums by torch-scatter, if installed, equal those of torch: values, gradients, second derivatives."""

import threading

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from alignn_ff.errors import ConfigError
from alignn_ff.execution import choose_backend, why_not
from alignn_ff.nn import gated_sum, gather, make_segments, segment_sum, summing
from alignn_ff.nn.sums import summation
from alignn_ff.testing import NAMES, structure
from alignn_ff.train.checks import check_choices
from tests.support.published_headers import HEADERS
from tests.support.random_edges import random_edges, random_inputs
from tests.support.tiny_models import tiny_header, tiny_model, tiny_potential
from tests.support.training_runs import small_config


@pytest.fixture
def scatter() -> None:
    pytest.importorskip("torch_scatter", reason="the extra `scatter` is not installed")


def on_both(function) -> list[list[torch.Tensor]]:
    results = []
    for name in ("torch", "scatter"):
        with summing(name):
            results.append(function())
    return results


@pytest.mark.usefixtures("scatter")
class TestParity:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("n_edges", [0, 60])
    def test_gated_sum_and_its_two_derivatives(self, n_edges: int, dtype: torch.dtype) -> None:
        edges = random_edges(11, n_edges)
        inputs = [x.detach().to(dtype).requires_grad_() for x in random_inputs(11, n_edges, 5)]

        def twice() -> list[torch.Tensor]:
            out = gated_sum(*inputs, edges)
            first = torch.autograd.grad(out.square().sum(), inputs, create_graph=True)
            return [
                out,
                *first,
                *torch.autograd.grad(sum(g.sin().sum() for g in first), inputs, materialize_grads=True),
            ]

        for by_torch, by_scatter in zip(*on_both(twice), strict=True):
            atol = 100 * torch.finfo(dtype).eps
            torch.testing.assert_close(by_scatter, by_torch, rtol=atol, atol=atol)

    def test_segment_sum_and_gather_agree_with_finite_differences_twice(self) -> None:
        segments = make_segments(torch.tensor([2, 0, 2, 1, 4]), 5)
        (rows,) = random_inputs(0, 5, 3)[:1]
        with summing("scatter"):
            for function in (gather, segment_sum):
                assert gradcheck(lambda x, f=function: f(x, segments).sin(), [rows])
                assert gradgradcheck(lambda x, f=function: f(x, segments).sin(), [rows])

    def test_segments_without_rows_are_zero(self) -> None:
        with summing("scatter"):
            summed = segment_sum(torch.ones(2, 3), make_segments(torch.tensor([3, 1]), 5))
        assert summed[:, 0].tolist() == [0, 1, 0, 1, 0]

    @pytest.mark.parametrize(
        "header", [tiny_header(), HEADERS["atomwise"], HEADERS["ealignn"]], ids=lambda h: h.model.name
    )
    def test_backend_scatter_is_eager_to_rounding(self, header) -> None:
        potential = tiny_potential(header)
        structures = [structure(name, header.elements) for name in NAMES]
        expected = potential.predict_tensors(structures)
        potential.executor.use("scatter")
        for ours, reference in zip(potential.predict_tensors(structures), expected, strict=True):
            torch.testing.assert_close(ours[:4], reference[:4], rtol=1e-9, atol=1e-9, equal_nan=True)


def test_derivatives_are_summed_as_the_values_were_whatever_thread_takes_them(monkeypatch) -> None:
    """On a GPU a backward pass runs in another thread, which does not have the caller's context."""
    calls = []

    def counted(*arguments: torch.Tensor) -> torch.Tensor:
        calls.append(threading.get_ident())
        return summation.by_torch(*arguments)

    monkeypatch.setitem(summation.SUMMATIONS, "scatter", counted)
    monkeypatch.setitem(summation.AVAILABLE, "scatter", lambda: True)
    edges, inputs = random_edges(4, 9), random_inputs(4, 9, 3)
    with summing("scatter"):
        out = gated_sum(*inputs, edges).sum() + gather(inputs[1], edges.src).sum()
    n_forward = len(calls)
    other = threading.Thread(target=out.backward)
    other.start()
    other.join()
    assert n_forward == 1
    assert len(calls) == n_forward + 4
    assert all(thread != threading.get_ident() for thread in calls[1:])


def test_torch_scatter_is_never_used_automatically(monkeypatch) -> None:
    monkeypatch.setitem(summation.AVAILABLE, "scatter", lambda: True)
    assert choose_backend("auto", "alignn_smooth", tiny_model(tiny_header())) == "eager"
    assert summation.summation_in_use() is summation.by_torch


def test_without_torch_scatter_it_is_refused_with_how_to_install_it(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(summation.AVAILABLE, "scatter", lambda: False)
    model = tiny_model(tiny_header())
    assert "not installed" in str(why_not("scatter", "alignn_smooth", model))
    with pytest.raises(ConfigError, match="--no-build-isolation"):
        choose_backend("scatter", "alignn_smooth", model)
    with pytest.raises(ConfigError, match=r"kernels is 'scatter', and torch-scatter is not installed"):
        check_choices(small_config(tmp_path, kernels="scatter"))
