"""Each layer against an independent implementation of its formula."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.data import covalent_radii
from numpy.testing import assert_allclose
from torch import Tensor

from alignn_ff.nn import (
    EdgeGatedConvolution,
    ZBLRepulsion,
    bessel_basis,
    chebyshev_basis,
    gather,
    make_edges,
    make_segments,
    polynomial_envelope,
    scatter_sum,
    segment_sum,
)
from alignn_ff.testing import energies
from tests.support.tiny_models import tiny_header, tiny_potential


def derivatives(values: Tensor, at: Tensor, n: int) -> list[Tensor]:
    """Value and the first n derivatives of Σ values, each elementwise in ``at``."""
    found = [values]
    for _ in range(n):
        found.append(torch.autograd.grad(found[-1].sum(), at, create_graph=True)[0])
    return [d.detach() for d in found]


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# envelopes and bases


@pytest.mark.parametrize("exponent", [3, 5, 6, 8])
def test_envelope_ends_with_zero_value_slope_and_curvature(exponent: int) -> None:
    r = torch.tensor([4.0 - 1e-9, 4.0, 4.0 + 1e-9, 7.0], dtype=torch.float64, requires_grad=True)
    for order in derivatives(polynomial_envelope(r, 4.0, exponent), r, 2):
        assert_allclose(order.numpy(), 0.0, atol=2e-7)


@pytest.mark.parametrize("exponent", [3, 5, 6, 8])
def test_envelope_starts_at_one_and_only_falls(exponent: int) -> None:
    r = torch.linspace(1e-9, 4.0, 400, dtype=torch.float64)
    envelope = polynomial_envelope(r, 4.0, exponent)
    assert float(envelope[0]) == pytest.approx(1.0, abs=1e-12)
    assert (envelope.diff() <= 1e-15).all()
    assert envelope.min() >= -1e-12


def test_envelope_takes_a_cutoff_for_each_distance() -> None:
    r, cutoff = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([2.0, 3.0, 0.5])
    separate = [float(polynomial_envelope(r[i], float(cutoff[i]))) for i in range(3)]
    assert_allclose(polynomial_envelope(r, cutoff).numpy(), separate, atol=1e-7)


def test_bessel_functions_solve_their_equation_and_vanish_at_the_cutoff() -> None:
    """f'' + 2f'/r + (kπ/r_c)²·f = 0, normalised over the sphere; scaled by r_c."""
    cutoff, n_basis = 4.5, 6
    r = torch.linspace(1e-3, cutoff, 4001, dtype=torch.float64, requires_grad=True)
    basis = bessel_basis(r, cutoff, n_basis)
    assert basis.shape == (4001, n_basis)
    assert_allclose(basis[-1].detach().numpy(), 0.0, atol=1e-12)
    for k in range(n_basis):
        f, slope, curvature = derivatives(basis[:, k], r, 2)
        residual = curvature + 2 * slope / r.detach() + ((k + 1) * np.pi / cutoff) ** 2 * f
        assert residual[400:].abs().max() < 1e-9
        norm = torch.trapezoid((f * r.detach() / cutoff) ** 2, r.detach())
        assert float(norm) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("n_basis", [1, 2, 3, 5, 12, 17])
def test_chebyshev_polynomials_are_cosines_of_multiples_of_the_angle(n_basis: int) -> None:
    theta = torch.linspace(0.0, torch.pi, 61, dtype=torch.float64)
    expected = torch.stack([torch.cos(k * theta) for k in range(1, n_basis + 1)], dim=1)
    torch.testing.assert_close(chebyshev_basis(theta.cos(), n_basis), expected, rtol=0, atol=1e-12)


def test_chebyshev_polynomials_have_their_slopes_at_straight_angles() -> None:
    """T'_n(±1) = (±1)^(n−1)·n², where the derivative with respect to θ would be 0/0."""
    cosine = torch.tensor([1.0, -1.0], dtype=torch.float64, requires_grad=True)
    basis = chebyshev_basis(cosine, 8)
    for n in range(1, 9):
        _, slope, curvature = derivatives(basis[:, n - 1], cosine, 2)
        assert_allclose(slope.numpy(), [n**2, (-1.0) ** (n - 1) * n**2], rtol=1e-12)
        assert torch.isfinite(curvature).all()


# sums over neighbours


INDEX = torch.tensor([3, 0, 3, 1, 0, 3])
EDGES = make_edges(torch.tensor([4, 1, 1, 0, 2, 3, 2]), torch.tensor([0, 0, 1, 1, 1, 3, 3]), 6)


def test_segment_sum_adds_the_rows_of_each_segment() -> None:
    values, segments = numbers(6, 2), make_segments(INDEX, 5)
    expected = np.zeros((5, 2))
    for row, segment in zip(values.numpy(), INDEX.tolist(), strict=True):
        expected[segment] += row
    assert_allclose(segment_sum(values, segments).numpy(), expected, atol=1e-14)
    assert_allclose(scatter_sum(values, INDEX, 5).numpy(), expected, atol=1e-14)
    assert torch.equal(gather(numbers(5, 2), segments), numbers(5, 2)[INDEX])


def test_segments_may_all_be_empty() -> None:
    nothing = make_segments(torch.empty(0, dtype=torch.int64), 3)
    assert torch.equal(segment_sum(numbers(0, 2), nothing), torch.zeros(3, 2, dtype=torch.float64))
    assert gather(numbers(3, 2), nothing).shape == (0, 2)


def test_convolution_is_its_formula() -> None:
    convolution = EdgeGatedConvolution(3, average_count=4.0).double().requires_grad_(False)
    nodes, gates, weights = numbers(6, 3), numbers(7, 3, seed=1), numbers(7, 1, seed=2).abs()
    c, src, dst = convolution, EDGES.src.segment, EDGES.dst.segment
    messages = torch.zeros(6, 3, dtype=torch.float64)
    for edge in range(7):
        i, j = int(src[edge]), int(dst[edge])
        gate = torch.sigmoid(gates[edge] + c.source_gate(nodes[i]) + c.target_gate(nodes[j]))
        messages[j] += weights[edge] * gate * c.value(nodes[i]) / 4.0**0.5
    expected = nodes + c.update(torch.nn.functional.silu(c.own(nodes) + c.message(messages)))
    torch.testing.assert_close(convolution(nodes, gates, weights, EDGES), expected, rtol=0, atol=1e-12)


def test_convolution_without_edges_and_with_weightless_edges_is_that_of_free_nodes() -> None:
    convolution = EdgeGatedConvolution(3, average_count=4.0).double().requires_grad_(False)
    free = convolution.without_neighbors(numbers(6, 3))
    none = make_edges(*torch.empty(2, 0, dtype=torch.int64), 6)
    for edges, n_edges in ((none, 0), (EDGES, 7)):
        weights = torch.zeros(n_edges, 1, dtype=torch.float64)
        out = convolution(numbers(6, 3), numbers(n_edges, 3), weights, edges)
        torch.testing.assert_close(out, free, rtol=0, atol=1e-14)


# repulsion


def zbl(z1: int, z2: int, r: float) -> float:
    """The universal potential in eV, r in Å, switched off at the sum of covalent radii."""
    a = 0.8854 * 0.529177210903 / (z1**0.23 + z2**0.23)
    x = r / a
    phi = 0.18175 * np.exp(-3.1998 * x) + 0.50986 * np.exp(-0.94229 * x)
    phi += 0.28022 * np.exp(-0.4029 * x) + 0.02817 * np.exp(-0.20162 * x)
    s = r / (covalent_radii[z1] + covalent_radii[z2])
    envelope = 1 - 28 * s**6 + 48 * s**7 - 21 * s**8 if s < 1 else 0.0
    return 14.399645478 * z1 * z2 / r * phi * envelope


@pytest.mark.parametrize(("z1", "z2", "r"), [(14, 14, 0.5), (14, 14, 1.9), (1, 14, 0.8), (8, 1, 0.3), (1, 1, 0.7)])
def test_repulsion_of_a_pair_counts_once(z1: int, z2: int, r: float) -> None:
    header = tiny_header()
    silent = header.model_copy(update={"statistics": header.statistics._replace(scale=0.0)})
    references = dict(zip(header.elements, header.statistics.reference_energies, strict=True))
    pair = Atoms([z1, z2], [[0, 0, 0], [0.6 * r, 0.8 * r, 0]])
    (energy,) = energies(tiny_potential(silent), [pair])
    assert energy == pytest.approx(references[z1] + references[z2] + zbl(z1, z2, r), abs=1e-8)


def test_repulsion_ends_smoothly_at_the_sum_of_covalent_radii() -> None:
    end = 2 * covalent_radii[14]
    r = torch.tensor([end - 1e-6, end, end + 1e-6, end + 1.0], dtype=torch.float64, requires_grad=True)
    z = torch.full((4,), 14)
    for order in derivatives(ZBLRepulsion()(z, z, r, 5.0), r, 2):
        assert_allclose(order.numpy(), 0.0, atol=2e-3)
    inside = torch.tensor([0.05, 0.5, 1.0, 1.5, 2.0], dtype=torch.float64)
    energy = ZBLRepulsion()(z[:1].expand(5), z[:1].expand(5), inside, 5.0)
    assert (energy.diff() < 0).all()
    assert (energy > 0).all()


def test_repulsion_of_a_pair_ends_smoothly_where_it_is_told_to() -> None:
    repulsion = ZBLRepulsion([(7, 8, 1.1), (8, 8, 9.0)])
    r = torch.tensor([1.1 - 1e-6, 1.1, 1.1 + 1e-6, 1.3], dtype=torch.float64, requires_grad=True)
    nitrogen, oxygen = torch.full((4,), 7), torch.full((4,), 8)
    for pair in ((nitrogen, oxygen), (oxygen, nitrogen)):
        for order in derivatives(repulsion(*pair, r, 5.0), r, 2):
            assert_allclose(order.numpy(), 0.0, atol=2e-3)
        assert (repulsion(*pair, r.detach() - 0.3, 5.0)[:3] > 0).all()
    assert repulsion.reach(oxygen[:1], oxygen[:1], 5.0) == pytest.approx(2 * covalent_radii[8])


def test_repulsion_does_not_reach_beyond_the_cutoff_of_the_graph() -> None:
    r = torch.tensor([1.49, 1.5, 1.6], dtype=torch.float64)
    z = torch.full((3,), 14)
    energy = ZBLRepulsion()(z, z, r, 1.5)
    assert energy[0] > 0
    assert torch.count_nonzero(energy[1:]) == 0
