"""Comparison of samples of training data, tensor by tensor."""

from collections.abc import Iterator

import torch

from alignn_ff.graph import GraphRecipe
from alignn_ff.train.records.batches import Sample

RECIPE = GraphRecipe(cutoff=4.0, three_body_cutoff=3.0)


def leaves(nest: object) -> Iterator[torch.Tensor | None]:
    if isinstance(nest, tuple | dict):
        for part in nest.values() if isinstance(nest, dict) else nest:
            yield from leaves(part)
    else:
        yield nest


def assert_same_sample(found: Sample, expected: Sample) -> None:
    for one, other in zip(leaves(found), leaves(expected), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype == other.dtype
            assert torch.equal(one, other)
