"""What a training minimises: which labels are learned, how much each weighs, and the costs of a batch.

In: a batch and the model. Out: the outputs of the model, and the sum of costs of each kind of label.
"""

from contextlib import nullcontext

import torch
from torch import Tensor

from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.config.advice import LATE_FRACTION
from alignn_ff.train.labels import LABELS
from alignn_ff.train.loss.loss import Measure, loss_weights
from alignn_ff.train.model_outputs import ModelOutputs, evaluate
from alignn_ff.train.records.batches import Sample


class Objective:
    """The labels of a run and their weights.

    Args:
        config: of the run.
        measure: criterion with its scales.
        device: where steps run.

    Attributes:
        weights, late_weights: (n_kinds,) float64 of each kind of label, at first and in the last part of the schedule.
        classifies: whether the target of a structure is a class.
    """

    def __init__(self, config: TrainingConfig, measure: Measure, device: torch.device) -> None:
        self._config, self._measure, self._device = config, measure, device
        weights = loss_weights(config.model)
        self._learned = [weight > 0 for weight in weights]
        self.weights = torch.tensor(weights, dtype=torch.float64, device=device)
        late = [config.late_energy_factor if label.graph_level else 1.0 for label in LABELS.values()]
        self.late_weights = self.weights * torch.tensor(late, dtype=torch.float64, device=device)
        self.classifies = config.model.outputs.classifies
        self._needs_derivatives = any(
            learned for learned, label in zip(self._learned, LABELS.values(), strict=True) if label.is_derivative
        )

    def weights_at(self, step: int, n_scheduled: int) -> Tensor:
        """The weights of a step, from 0, of a schedule of ``n_scheduled``."""
        return self.late_weights if step >= LATE_FRACTION * n_scheduled else self.weights

    def costs(
        self, model: EnergyModel | PropertyModel, batch: Sample, *, training: bool
    ) -> tuple[ModelOutputs, Tensor]:
        """Outputs, and (n_kinds,) sums of costs, of one batch: the same for training and validation."""
        system, graph, targets = batch
        with torch.autocast(self._device.type, torch.bfloat16) if self._config.use_amp else nullcontext():
            derivatives = self._needs_derivatives or not training
            outputs = evaluate(model, system, graph, derivatives=derivatives, training=training)
        if isinstance(model, PropertyModel) and not self.classifies:
            targets = targets.with_values("target", model.scaled(targets.values["target"]))
        return outputs, self._measure.sums(outputs, targets, graph.n_atoms, parts=self._learned)
