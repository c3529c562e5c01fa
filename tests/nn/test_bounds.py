"""Energies of atoms that level off beyond bounds: the same bits inside, C² at the ends, never beyond the outermost."""

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from alignn_ff.nn import BoundedEnergy

BOUNDS = ((-3.0, -2.0, 1.0, 5.0), (-0.5, 0.0, 0.0, 0.5))


def bounded(energy: Tensor, row: int = 0) -> Tensor:
    found: Tensor = BoundedEnergy(BOUNDS)(energy, torch.full_like(energy, row, dtype=torch.int64))
    return found


def test_inside_of_the_bounds_no_bit_changes() -> None:
    energy = torch.cat([torch.linspace(-2.0, 1.0, 1001, dtype=torch.float64), torch.tensor([1e-300, -0.0]).double()])
    assert torch.equal(bounded(energy), energy)


def test_nothing_is_beyond_the_outermost_bounds() -> None:
    far = torch.tensor([-1e30, -1e3, -2.5, 2.0, 1e3, 1e30], dtype=torch.float64, requires_grad=True)
    found = bounded(far)
    assert found.tolist()[0] == -3.0
    assert found.tolist()[-1] == 5.0
    assert (found.diff() >= 0).all()
    (slope,) = torch.autograd.grad(found.sum(), far)
    assert slope.isfinite().all()
    assert ((slope >= 0) & (slope < 1)).all()


@pytest.mark.parametrize("end", [-2.0, 1.0])
def test_value_slope_and_curvature_are_continuous_at_the_ends(end: float) -> None:
    step = 1e-6
    energy = torch.tensor([end - step, end, end + step], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(bounded(energy).sum(), energy, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), energy)
    torch.testing.assert_close(bounded(energy).detach(), energy.detach(), rtol=0, atol=1e-15)
    torch.testing.assert_close(slope.detach(), torch.ones(3).double(), rtol=0, atol=1e-11)
    torch.testing.assert_close(curvature, torch.zeros(3).double(), rtol=0, atol=1e-5)


def test_derivatives_are_exact_on_both_sides() -> None:
    energy = torch.tensor([-7.0, -2.3, -1.0, 0.4, 1.7, 9.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(bounded, (energy,))
    assert gradgradcheck(bounded, (energy,))


def test_each_element_has_its_own_bounds() -> None:
    energy = torch.tensor([0.2, 0.2], dtype=torch.float64)
    found = BoundedEnergy(BOUNDS)(energy, torch.tensor([0, 1]))
    assert found.tolist() == pytest.approx([0.2, 0.5 * torch.tanh(torch.tensor(0.4)).item()])
