"""Contractions against plain sums, and their derivatives."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from alignn_ff.nn import make_segments
from alignn_ff.nn.sums.contraction import contract_to_edges, contract_to_nodes, make_contraction

COLUMNS = (slice(0, 3), slice(3, 8))
N_NODES, N_EDGES, CHANNELS = 5, 17, 4


@pytest.fixture
def owner():
    drawn = torch.randint(0, N_NODES - 1, (N_EDGES,), generator=torch.Generator().manual_seed(0))
    return drawn.sort().values  # the last node has no edges


@pytest.fixture
def contraction(owner):
    return make_contraction(make_segments(owner, N_NODES, ascending=True), COLUMNS)


def arrays():
    generator = torch.Generator().manual_seed(1)
    shapes = [(N_EDGES, len(COLUMNS) * CHANNELS), (N_EDGES, 8), (N_NODES, 8, CHANNELS)]
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


def spread(edges):
    """(n_edges, n_columns, channels): the block of each column."""
    blocks = edges.view(N_EDGES, len(COLUMNS), CHANNELS)
    return torch.cat([blocks[:, [g]].expand(-1, c.stop - c.start, -1) for g, c in enumerate(COLUMNS)], 1)


def test_nodes_get_the_sum_of_their_edges(owner, contraction):
    edges, along, nodes = arrays()
    expected = torch.zeros_like(nodes).index_add(0, owner, spread(edges) * along[:, :, None])
    torch.testing.assert_close(contract_to_nodes(edges, along, contraction), expected)


def test_edges_get_what_their_node_holds_along_them(owner, contraction):
    _, along, nodes = arrays()
    each = nodes[owner] * along[:, :, None]
    expected = torch.cat([each[:, column].sum(1) for column in COLUMNS], 1)
    torch.testing.assert_close(contract_to_edges(nodes, along, contraction), expected)


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_derivatives_of_first_and_second_order_are_right(contraction, check):
    edges, along, nodes = arrays()
    assert check(lambda q, y: contract_to_nodes(q, y, contraction), (edges, along))
    assert check(lambda a, y: contract_to_edges(a, y, contraction), (nodes, along))


def test_without_edges_nodes_get_zeros():
    empty = make_contraction(make_segments(torch.zeros(0, dtype=torch.int64), 3, ascending=True), COLUMNS)
    edges, along = torch.zeros(0, 2 * CHANNELS), torch.zeros(0, 8)
    assert torch.equal(contract_to_nodes(edges, along, empty), torch.zeros(3, 8, CHANNELS))
    assert contract_to_edges(torch.zeros(3, 8, CHANNELS), along, empty).shape == (0, 2 * CHANNELS)
