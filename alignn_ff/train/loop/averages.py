"""Averages of losses and errors over an epoch: sums kept on the device and read once per epoch."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.train.distributed.ranks import Ranks
from alignn_ff.train.labels import LABELS
from alignn_ff.train.loss.loss import combined, comparable, in_unit, label_counts, matrix
from alignn_ff.train.model_outputs import ModelOutputs
from alignn_ff.train.records.targets import Targets


class StepLoss(NamedTuple):
    """Loss of one step, and the sums and counts that it is made of, (n_kinds,) float64 each.

    With several processes each holds its own part; the parts add up.
    """

    total: Tensor
    sums: Tensor
    counts: Tensor


class TrainingAverages:
    """Losses of an epoch: mean of the steps' totals, and the mean cost of each kind of label over all of them."""

    def __init__(self, device: torch.device) -> None:
        self._numbers = torch.zeros(1 + 2 * len(LABELS), dtype=torch.float64, device=device)

    def add(self, loss: StepLoss) -> None:
        """Add a step."""
        self._numbers += torch.cat([loss.total.detach().reshape(1), loss.sums.detach(), loss.counts])

    def means(self, n_steps: int, ranks: Ranks) -> dict[str, float]:
        """Mean over all processes of the total, and of each kind of label whose cost is not zero."""
        total, *rest = ranks.total(self._numbers).split([1, len(LABELS), len(LABELS)])
        sums, counts = rest
        means = (sums / counts.clamp(min=1.0)).tolist()
        return {"total": float(total[0]) / max(n_steps, 1)} | {
            kind: mean for kind, mean in zip(LABELS, means, strict=True) if mean
        }

    def clear(self) -> None:
        """Set all sums to zero, for a new epoch."""
        self._numbers.zero_()

    def to_list(self, ranks: Ranks) -> list[float]:
        """The numbers of all processes, for the state on disk."""
        numbers: list[float] = ranks.total(self._numbers).tolist()
        return numbers

    def restore(self, numbers: list[float], ranks: Ranks) -> None:
        """Take saved numbers, in one process only, since those of all processes are added up."""
        self._numbers.copy_(torch.tensor(numbers, dtype=torch.float64) * (ranks.rank == 0))


class ValidationAverages:
    """Loss and mean absolute errors over a validation set; of a classification the fraction of right classes.

    Args:
        weights: (n_kinds,) of the loss.
        n_structures: of the validation set.
        classifies: whether targets of structures are classes.
    """

    def __init__(self, weights: Tensor, n_structures: int, *, classifies: bool) -> None:
        self._weights, self._classifies, self._n_structures = weights, classifies, n_structures
        self._sums, self._errors, self._counts = (torch.zeros_like(weights) for _ in range(3))
        self._outputs: dict[str, Tensor] = {}
        self._finite: list[tuple[Sequence[int], Tensor]] = []

    def add(self, rows: Sequence[int], costs: Tensor, outputs: ModelOutputs, targets: Targets, n_atoms: Tensor) -> None:
        """Add a batch.

        Args:
            rows: which structures of the validation set it holds.
            costs: (n_kinds,) sums of its costs.
            outputs, targets, n_atoms: of the same structures.
        """
        counts = label_counts(targets)
        self._sums += costs.detach()
        self._finite.append((rows, costs.detach().isfinite().all()))
        for index, (kind, label) in enumerate(LABELS.items()):
            predicted = label.reported_by(outputs)
            if predicted is not None and targets.values[kind].shape[-1]:
                self._counts[index] += counts[index]
                self._errors[index] += self._error(kind, predicted.detach(), targets, n_atoms)
                if label.graph_level:
                    self._keep("target", rows, in_unit(label, matrix(targets.values[kind]), n_atoms))
                    self._keep("prediction", rows, in_unit(label, matrix(predicted.detach()), n_atoms))

    def share(self, ranks: Ranks) -> None:
        """Add up the sums of all processes."""
        self._sums, self._errors, self._counts = map(ranks.total, (self._sums, self._errors, self._counts))
        self._outputs = {name: ranks.total(values) for name, values in self._outputs.items()}

    def diverged_rows(self) -> list[int]:
        """Structures of the batches of this process whose costs are not finite."""
        return [row for rows, finite in self._finite if not finite for row in rows]

    def outputs(self) -> dict[str, list[list[float]]]:
        """Targets and predictions of structures: energy per atom, or outputs of a property model."""
        return {name: values.tolist() for name, values in self._outputs.items()}

    def row(self) -> dict[str, float]:
        """Columns of the history, named val_ and so on."""
        loss = float(combined(self._sums, self._counts, self._weights))
        means = (self._errors / self._counts.clamp(min=1.0)).tolist()
        columns = [
            "accuracy" if kind == "target" and self._classifies else label.error.format("MAE")
            for kind, label in LABELS.items()
        ]
        known = (self._counts > 0).tolist()
        rows = zip(LABELS.values(), columns, means, known, strict=True)
        return {"val_loss": loss} | {
            f"val_{column}": mean * label.error_scale for label, column, mean, is_known in rows if is_known
        }

    def _keep(self, name: str, rows: Sequence[int], values: Tensor) -> None:
        if name not in self._outputs:
            self._outputs[name] = values.new_zeros(self._n_structures, values.shape[1])
        self._outputs[name][torch.tensor(list(rows), dtype=torch.int64, device=values.device)] = values

    def _error(self, kind: str, predicted: Tensor, targets: Targets, n_atoms: Tensor) -> Tensor:
        if kind == "target" and self._classifies:
            right = chosen_class(predicted) == targets.values[kind][:, 0]
            return (right & targets.known[kind]).double().sum()
        predicted, label = comparable(kind, predicted, targets, n_atoms)
        return (predicted - label).abs().sum()


def chosen_class(reported: Tensor) -> Tensor:
    """(n_systems,) most probable class, from log-probabilities of all or one probability of class 1."""
    return reported.argmax(1) if reported.shape[1] > 1 else (reported[:, 0] > 0.5).long()
