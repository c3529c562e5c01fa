"""The books of a run: sums of losses and errors, kept on the device and read once an epoch."""

from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.train.loss import combined, comparable, label_counts
from alignn_ff.train.outputs import ModelOutputs
from alignn_ff.train.parts import PARTS, Part
from alignn_ff.train.targets import Targets


class StepLoss(NamedTuple):
    """What one step cost: the loss, and the sums and counts that it is made of, (n_parts,) float64 each."""

    total: Tensor
    sums: Tensor
    counts: Tensor


class LossBook:
    """Losses of an epoch: mean of the steps' totals, and the mean cost of each kind of label over all of them."""

    def __init__(self, device: torch.device) -> None:
        self._numbers = torch.zeros(1 + 2 * len(PARTS), dtype=torch.float64, device=device)

    def add(self, loss: StepLoss) -> None:
        """Take in a step."""
        self._numbers += torch.cat([loss.total.detach().reshape(1), loss.sums.detach(), loss.counts])

    def means(self, n_steps: int) -> dict[str, float]:
        """ "total" and each kind of label that cost something → mean."""
        total, sums, counts = self._numbers[0], *self._numbers[1:].chunk(2)
        means = (sums / counts.clamp(min=1.0)).tolist()
        return {"total": float(total) / max(n_steps, 1)} | {
            part.name: mean for part, mean in zip(PARTS, means, strict=True) if mean
        }

    def clear(self) -> None:
        """Start an epoch."""
        self._numbers.zero_()

    def to_list(self) -> list[float]:
        """The numbers, for the state on disk."""
        numbers: list[float] = self._numbers.tolist()
        return numbers

    def restore(self, numbers: list[float]) -> None:
        """Go back to saved numbers."""
        self._numbers.copy_(torch.tensor(numbers, dtype=torch.float64))


class ValidationBook:
    """Loss and mean absolute errors over a validation set; of a classification the fraction that is right."""

    def __init__(self, weights: Tensor, *, classifies: bool) -> None:
        self._weights, self._classifies = weights, classifies
        self._said: dict[str, list[Tensor]] = {"target": [], "prediction": []}
        self._sums, self._errors, self._counts = (torch.zeros_like(weights) for _ in range(3))

    def add(self, sums: Tensor, outputs: ModelOutputs, targets: Targets, n_atoms: Tensor) -> None:
        """Take in a batch.

        Args:
            sums: (n_parts,) costs.
            outputs, targets, n_atoms: of the same batch.
        """
        counts = label_counts(targets)
        self._sums += sums.detach()
        for index, part in enumerate(PARTS):
            said = outputs.reported if part.name == "target" else getattr(outputs, part.name)
            if said is not None and getattr(targets, part.name).shape[-1]:
                self._counts[index] += counts[index]
                self._errors[index] += self._error(part, said.detach(), targets, n_atoms)
                if part.graph_level:
                    self._keep(part, said, targets, n_atoms)

    def outputs(self) -> dict[str, list[list[float]]]:
        """Targets and predictions of structures, as they came: energy per atom, or outputs of a property model."""
        return {name: torch.cat(parts).tolist() for name, parts in self._said.items() if parts}

    def row(self) -> dict[str, float]:
        """Columns of the history, named val_…"""
        loss = float(combined(self._sums, self._counts, self._weights))
        means = (self._errors / self._counts.clamp(min=1.0)).tolist()
        columns = [
            "accuracy" if part.name == "target" and self._classifies else part.error.format("MAE") for part in PARTS
        ]
        known = (self._counts > 0).tolist()
        said = zip(PARTS, columns, means, known, strict=True)
        return {"val_loss": loss} | {
            f"val_{column}": mean * part.error_scale for part, column, mean, is_known in said if is_known
        }

    def _keep(self, part: Part, said: Tensor, targets: Targets, n_atoms: Tensor) -> None:
        unit = part.unit(n_atoms)
        unit = unit[:, None] if isinstance(unit, Tensor) else unit
        label = getattr(targets, part.name)
        for name, values in (("target", label), ("prediction", said)):
            self._said[name].append(values.detach().reshape(len(n_atoms), -1) * unit)

    def _error(self, part: Part, said: Tensor, targets: Targets, n_atoms: Tensor) -> Tensor:
        if part.name == "target" and self._classifies:
            right = chosen_class(said) == targets.target[:, 0]
            return (right & targets.has_target).double().sum()
        predicted, label = comparable(part, said, targets, n_atoms)
        return (predicted - label).abs().sum()


def chosen_class(reported: Tensor) -> Tensor:
    """(n_systems,) most probable class, from log-probabilities of all or one probability of class 1."""
    return reported.argmax(1) if reported.shape[1] > 1 else (reported[:, 0] > 0.5).long()
