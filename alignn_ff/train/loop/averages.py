"""The books of a run: sums of losses and errors, kept on the device and read once an epoch."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.train.distributed.ranks import Ranks
from alignn_ff.train.loss.loss import combined, comparable, in_unit, label_counts, matrix
from alignn_ff.train.loss.outputs import ModelOutputs
from alignn_ff.train.loss.parts import PARTS, Part
from alignn_ff.train.records.targets import Targets


class StepLoss(NamedTuple):
    """What one step cost: the loss, and the sums and counts that it is made of, (n_parts,) float64 each.

    Of several processes each says its own part; the parts add up.
    """

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

    def means(self, n_steps: int, ranks: Ranks) -> dict[str, float]:
        """Mean over all processes of the total, and of each kind of label that cost something."""
        total, *rest = ranks.total(self._numbers).split([1, len(PARTS), len(PARTS)])
        sums, counts = rest
        means = (sums / counts.clamp(min=1.0)).tolist()
        return {"total": float(total[0]) / max(n_steps, 1)} | {
            part.name: mean for part, mean in zip(PARTS, means, strict=True) if mean
        }

    def clear(self) -> None:
        """Start an epoch."""
        self._numbers.zero_()

    def to_list(self, ranks: Ranks) -> list[float]:
        """The numbers of all processes, for the state on disk."""
        numbers: list[float] = ranks.total(self._numbers).tolist()
        return numbers

    def restore(self, numbers: list[float], ranks: Ranks) -> None:
        """Go back to saved numbers, in one process, since they are added up."""
        self._numbers.copy_(torch.tensor(numbers, dtype=torch.float64) * (ranks.rank == 0))


class ValidationBook:
    """Loss and mean absolute errors over a validation set; of a classification the fraction that is right.

    Args:
        weights: (n_parts,) of the loss.
        n_structures: of the validation set.
        classifies: whether targets of structures are classes.
    """

    def __init__(self, weights: Tensor, n_structures: int, *, classifies: bool) -> None:
        self._weights, self._classifies, self._n_structures = weights, classifies, n_structures
        self._sums, self._errors, self._counts = (torch.zeros_like(weights) for _ in range(3))
        self._said: dict[str, Tensor] = {}

    def add(self, rows: Sequence[int], costs: Tensor, outputs: ModelOutputs, targets: Targets, n_atoms: Tensor) -> None:
        """Take in a batch.

        Args:
            rows: which structures of the validation set it holds.
            costs: (n_parts,) sums of its costs.
            outputs, targets, n_atoms: of the same structures.
        """
        counts = label_counts(targets)
        self._sums += costs.detach()
        for index, part in enumerate(PARTS):
            said = outputs.reported if part.name == "target" else getattr(outputs, part.name)
            if said is not None and getattr(targets, part.name).shape[-1]:
                self._counts[index] += counts[index]
                self._errors[index] += self._error(part, said.detach(), targets, n_atoms)
                if part.graph_level:
                    self._keep("target", rows, in_unit(part, matrix(getattr(targets, part.name)), n_atoms))
                    self._keep("prediction", rows, in_unit(part, matrix(said.detach()), n_atoms))

    def share(self, ranks: Ranks) -> None:
        """Add up what all processes found."""
        self._sums, self._errors, self._counts = map(ranks.total, (self._sums, self._errors, self._counts))
        self._said = {name: ranks.total(values) for name, values in self._said.items()}

    def outputs(self) -> dict[str, list[list[float]]]:
        """Targets and predictions of structures: energy per atom, or outputs of a property model."""
        return {name: values.tolist() for name, values in self._said.items()}

    def row(self) -> dict[str, float]:
        """Columns of the history, named val_ and so on."""
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

    def _keep(self, name: str, rows: Sequence[int], values: Tensor) -> None:
        if name not in self._said:
            self._said[name] = values.new_zeros(self._n_structures, values.shape[1])
        self._said[name][list(rows)] = values

    def _error(self, part: Part, said: Tensor, targets: Targets, n_atoms: Tensor) -> Tensor:
        if part.name == "target" and self._classifies:
            right = chosen_class(said) == targets.target[:, 0]
            return (right & targets.has_target).double().sum()
        predicted, label = comparable(part, said, targets, n_atoms)
        return (predicted - label).abs().sum()


def chosen_class(reported: Tensor) -> Tensor:
    """(n_systems,) most probable class, from log-probabilities of all or one probability of class 1."""
    return reported.argmax(1) if reported.shape[1] > 1 else (reported[:, 0] > 0.5).long()
