"""The loss: Σ over kinds of labels of weight · (sum of costs) / (number of labels).

Energies are compared per atom (eV/atom), forces in eV/Å, stress in GPa, properties in the unit of the data. Sums and
counts stay apart until the end: a step over several batches, or over several processes, adds up the counts first
(they follow from the labels only), divides each batch's sums by them, and then its gradients add up to those of one
large batch, exactly. Nothing here waits for the device.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.models import ModelConfig, Outputs
from alignn_ff.train.choices.criteria import CRITERIA, Elements, class_likelihood, zero_inflated
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.labels import LABELS, Label
from alignn_ff.train.model_outputs import ModelOutputs
from alignn_ff.train.records.statistics import LabelScales
from alignn_ff.train.records.targets import Targets
from alignn_ff.units import GPA_PER_EV_PER_A3


def loss_weights(config: ModelConfig) -> tuple[float, ...]:
    """Weight of each kind of label, in the order of ``LABELS``; 0 where the model has no such output."""
    return tuple(label.weight(config) for label in LABELS.values())


def label_counts(targets: Targets) -> Tensor:
    """(n_kinds,) float64: how many numbers of each kind are labelled, whether or not the model predicts them."""
    counts = []
    for kind in LABELS:
        values, mask = targets.values[kind], targets.known[kind]
        counts.append(mask.sum() * (values[:1].numel() if values.shape[0] else 0))
    return torch.stack(counts).double()


def combined(sums: Tensor, counts: Tensor, weights: Tensor) -> Tensor:
    """The loss: Σ weight · sum / count, a scalar. Kinds without labels contribute zero.

    Args:
        sums: (n_kinds,) costs, of a batch or of a part of it.
        counts: (n_kinds,) of all batches and processes of the step.
        weights: (n_kinds,).
    """
    return (weights * sums / counts.clamp(min=1.0)).sum()


class Measure(NamedTuple):
    """How each kind of label is compared, in the order of ``LABELS``.

    Attributes:
        elements: cost of each number of a label.
        deltas: where a Huber loss turns linear, in the unit of comparison.
        per_atom: whether costs of structures are divided by their number of atoms.
    """

    elements: tuple[Elements, ...]
    deltas: tuple[float, ...]
    per_atom: bool = False

    def sums(self, outputs: ModelOutputs, targets: Targets, n_atoms: Tensor, *, parts: Sequence[bool]) -> Tensor:
        """(n_kinds,) float64 sum of the costs of each kind of label.

        Args:
            outputs, targets: of the same batch.
            n_atoms: (n_systems,).
            parts: which kinds are wanted, in the order of ``LABELS``; others, and those that the model does not
                predict, are zero.
        """
        zero = n_atoms.new_zeros((), dtype=torch.float64)
        sums = []
        for index, (kind, label) in enumerate(LABELS.items()):
            predicted = label.predicted(outputs) if parts[index] else None
            sums.append(zero if predicted is None else self._sum(index, kind, predicted, targets, n_atoms))
        return torch.stack(sums)

    def _sum(self, index: int, kind: str, predicted: Tensor, targets: Targets, n_atoms: Tensor) -> Tensor:
        predicted, values = comparable(kind, predicted, targets, n_atoms)
        costs = self.elements[index](predicted, values, self.deltas[index]).flatten(1)
        rows = targets.known[kind].double()
        if self.per_atom and LABELS[kind].graph_level:
            rows = rows / n_atoms
        total: Tensor = (costs * rows[:, None]).sum()
        return total


def comparable(kind: str, predicted: Tensor, targets: Targets, n_atoms: Tensor) -> tuple[Tensor, Tensor]:
    """Prediction and label as two matrices in the unit of comparison, zero where there is no label."""
    label, mask = LABELS[kind], targets.known[kind]
    known = matrix(predicted).masked_fill(~mask[:, None], 0.0)
    return in_unit(label, known, n_atoms), in_unit(label, matrix(targets.values[kind]), n_atoms)


def in_unit(label: Label, values: Tensor, n_atoms: Tensor) -> Tensor:
    """A matrix of labels or predictions in the unit in which they are compared."""
    unit = label.unit(n_atoms)
    return values * (unit[:, None] if isinstance(unit, Tensor) else unit)


def matrix(values: Tensor) -> Tensor:
    """(n_rows, numbers per row), also for no rows."""
    return values[:, None] if values.ndim == 1 else values.flatten(1)


def likelihood_of(outputs: Outputs) -> Elements | None:
    """The likelihood of outputs that have one of their own, whatever the criterion is called; None of others."""
    if outputs.classifies:
        return class_likelihood
    return zero_inflated if outputs.zero_inflated else None


def build_measure(config: TrainingConfig, scales: LabelScales, spreads: Mapping[str, float]) -> Measure:
    """The criterion of a config for every kind of label.

    Args:
        config: of the run.
        scales: RMS of energies, forces and stresses on the training set.
        spreads: of the other kinds of label on the training set.
    """
    row = CRITERIA[config.criterion]
    of_target = likelihood_of(config.model.outputs) or row.of_target or row.elements
    rms = {
        "energy": scales.energy,
        "forces": scales.forces,
        "stress": None if scales.stress is None else scales.stress * GPA_PER_EV_PER_A3,
        **spreads,
    }
    return Measure(
        elements=tuple(of_target if name == "target" else row.elements for name in LABELS),
        deltas=tuple(config.huber_delta * (rms.get(name) or 1.0) for name in LABELS),
        per_atom=config.normalize_graph_level_loss,
    )
