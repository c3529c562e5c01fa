"""The loss: energy per atom (eV/atom), forces (eV/Å) and stress (GPa), each by the same criterion."""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor

from alignn_ff.graph import Prediction
from alignn_ff.models import ForceFieldConfig, ModelConfig
from alignn_ff.train.batches import Targets
from alignn_ff.train.statistics import LabelScales
from alignn_ff.units import GPA_PER_EV_PER_A3


class Loss(NamedTuple):
    """Weighted sum and its parts before weighting, scalars."""

    total: Tensor
    energy: Tensor
    forces: Tensor
    stress: Tensor


Mean = Callable[[Tensor], Tensor]
"""Mean of some values, 0 where there are none; of several processes, each one's part of the mean over all."""


def mse(error: Tensor, delta: float, mean: Mean) -> Tensor:  # noqa: ARG001 - one signature for all criteria
    """Mean square."""
    return mean(error.square())


def l1(error: Tensor, delta: float, mean: Mean) -> Tensor:  # noqa: ARG001 - one signature for all criteria
    """Mean absolute value."""
    return mean(error.abs())


def huber(error: Tensor, delta: float, mean: Mean) -> Tensor:
    """Huber loss divided by delta: the slope of l1 far out, a parabola within ±delta."""
    return mean(torch.nn.functional.huber_loss(error, torch.zeros_like(error), delta=delta, reduction="none")) / delta


CRITERIA: Final[dict[str, Callable[[Tensor, float, Mean], Tensor]]] = {"mse": mse, "l1": l1, "huber": huber}


class LossWeights(NamedTuple):
    """Weights of the parts."""

    energy: float
    forces: float
    stress: float


def loss_weights(config: ModelConfig) -> LossWeights:
    """Weights that a model's config gives; a family without forces has an energy alone."""
    if not isinstance(config, ForceFieldConfig):
        return LossWeights(1.0, 0.0, 0.0)
    return LossWeights(config.graphwise_weight, config.gradwise_weight, config.stresswise_weight)


def weighted_loss(
    prediction: Prediction, targets: Targets, n_atoms: Tensor, weights: LossWeights, measure: "Measure", *, mean: Mean
) -> Loss:
    """Loss of one batch; a part without labels or weight is zero.

    Which means are taken depends on the weights alone, so that all processes of a run take the same ones.
    """
    zero = prediction.energy.new_zeros(())
    energy = measure.energy((prediction.energy - targets.energy) / n_atoms, mean)
    forces, stress = zero, zero
    if weights.forces > 0 and prediction.forces is not None:
        forces = measure.forces((prediction.forces - targets.forces)[targets.has_forces], mean)
    if weights.stress > 0 and prediction.stress is not None:
        stress = measure.stress((prediction.stress - targets.stress)[targets.has_stress] * GPA_PER_EV_PER_A3, mean)
    total = weights.energy * energy + weights.forces * forces + weights.stress * stress
    return Loss(total, energy, forces, stress)


class Measure:
    """A criterion with its Huber deltas for each kind of label, in the unit of that label."""

    def __init__(self, criterion: str, huber_delta: float, scales: LabelScales) -> None:
        self._criterion = CRITERIA[criterion]
        self._energy = huber_delta * (scales.energy or 1.0)
        self._forces = huber_delta * (scales.forces or 1.0)
        self._stress = huber_delta * (scales.stress or 1.0) * GPA_PER_EV_PER_A3

    def energy(self, error: Tensor, mean: Mean) -> Tensor:
        """Of errors in eV/atom."""
        return self._criterion(error, self._energy, mean)

    def forces(self, error: Tensor, mean: Mean) -> Tensor:
        """Of errors in eV/Å."""
        return self._criterion(error, self._forces, mean)

    def stress(self, error: Tensor, mean: Mean) -> Tensor:
        """Of errors in GPa."""
        return self._criterion(error, self._stress, mean)
