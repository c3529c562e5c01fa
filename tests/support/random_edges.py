"""Random edges and inputs of a gated sum."""

import torch

from alignn_ff.nn import make_edges


def random_edges(n_nodes: int, n_edges: int):
    generator = torch.Generator().manual_seed(1)
    src = torch.randint(0, n_nodes, (n_edges,), generator=generator)
    dst = torch.randint(0, n_nodes, (n_edges,), generator=generator).sort().values
    return make_edges(src, dst, n_nodes)


def random_inputs(n_nodes: int, n_edges: int, features: int):
    generator = torch.Generator().manual_seed(2)
    shapes = [(n_edges, features), (n_nodes, 3 * features), (n_edges, 1)]
    return [torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_() for s in shapes]
