"""A committee: several models of one family and graph, whose mean is the prediction and whose differences its spread.

In: models. Out: the mean of their atomic energies, so that forces and stress of the mean are its derivatives.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from alignn_ff.graph import AtomicGraph, Spread, TensorPrediction
from alignn_ff.models.base import EnergyModel, Heads


class Committee(EnergyModel):
    """The mean of several models.

    Args:
        models: of one family, with the same graph recipe and elements; at least two.
    """

    def __init__(self, models: Sequence[EnergyModel]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.recipe, self.elements = models[0].recipe, models[0].elements

    @property
    def members(self) -> tuple[EnergyModel, ...]:
        """The models."""
        return tuple(model for model in self.models if isinstance(model, EnergyModel))

    @property
    def trains_as_published(self) -> bool:
        """As the models."""
        return self.members[0].trains_as_published

    def forward(self, graph: AtomicGraph, edge_vectors: Tensor) -> Tensor:
        """Mean energy of each atom, (n_atoms,) float64, eV."""
        return self.with_heads(graph, edge_vectors)[0]

    def with_heads(self, graph: AtomicGraph, edge_vectors: Tensor) -> tuple[Tensor, Heads]:
        """Mean energy of each atom, and the means of further outputs."""
        energies, heads = zip(*(model.with_heads(graph, edge_vectors) for model in self.members), strict=True)
        outputs = (_mean(parts) for parts in zip(*heads, strict=True))
        return torch.stack(energies).mean(0), Heads(*outputs)


def _mean(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.stack(known).mean(0) if known else None


def mean_prediction(predictions: Sequence[TensorPrediction]) -> TensorPrediction:
    """The mean of the predictions of a committee, with the standard deviations of its members.

    Args:
        predictions: of each member, for the same structures.
    """
    energies, atomic = _stacked([p.energy for p in predictions]), _stacked([p.atomic_energy for p in predictions])
    forces = _stacked([p.forces for p in predictions if p.forces is not None])
    stress = _stacked([p.stress for p in predictions if p.stress is not None])
    assert energies is not None
    assert atomic is not None
    spread = Spread(
        _deviation(energies),
        _deviation(atomic),
        None if forces is None else _length(_deviation(forces), 1),
        None if stress is None else _length(_deviation(stress), 2),
    )
    forces_mean, stress_mean = (None if each is None else each.mean(0) for each in (forces, stress))
    return TensorPrediction(energies.mean(0), atomic.mean(0), forces_mean, stress_mean, spread)


def _stacked(parts: Sequence[Tensor]) -> Tensor | None:
    return torch.stack(list(parts)) if parts else None


def _deviation(values: Tensor) -> Tensor:
    """Of samples along the first axis, with n − 1."""
    return (values - values.mean(0)).square().sum(0).div(values.shape[0] - 1).sqrt()


def _length(deviation: Tensor, n_axes: int) -> Tensor:
    """Root of the sum of the variances over the last axes."""
    return deviation.square().flatten(-n_axes).sum(-1).sqrt()
