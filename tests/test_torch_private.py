"""The private functions of torch exist in this version, and do what their names here promise."""

import torch

from alignn_ff import torch_private


def test_private_names_of_torch_exist():
    assert all(hasattr(torch, name) for name in torch_private.USED)


def test_bags_are_summed_and_empty_ones_are_zero():
    values = torch.arange(6.0).reshape(3, 2)
    summed = torch_private.bag_sums(values, torch.tensor([2, 0, 1]), torch.tensor([0, 1, 1]))
    assert torch.equal(summed, torch.stack([values[2], torch.zeros(2), values[0] + values[1]]))


def test_averages_move_and_copies_are_equal():
    average, value = [torch.zeros(3)], [torch.ones(3)]
    torch_private.move_towards(average, value, 0.25)
    assert torch.equal(average[0], torch.full((3,), 0.25))
    torch_private.copy_all(average, value)
    assert torch.equal(average[0], value[0])
