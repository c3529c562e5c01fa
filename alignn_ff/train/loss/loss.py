"""The loss: Σ over kinds of labels of weight · (sum of costs) / (number of labels).

Energies are compared per atom (eV/atom), forces in eV/Å, stress in GPa, properties in the unit of the data. Sums and
counts stay apart until the end: a step over several batches, or over several processes, adds up the counts first
(labels alone decide them), divides each batch's sums by them, and then its gradients add up to those of one large
batch, exactly. Nothing here waits for the device.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.models import ModelConfig, Outputs
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.loss.criteria import CRITERIA, Elements, class_likelihood, zero_inflated
from alignn_ff.train.loss.outputs import ModelOutputs
from alignn_ff.train.loss.parts import NAMES, PARTS, Part
from alignn_ff.train.records.statistics import LabelScales
from alignn_ff.train.records.targets import Targets
from alignn_ff.units import GPA_PER_EV_PER_A3


def loss_weights(config: ModelConfig) -> tuple[float, ...]:
    """Weight of each part, in the order of ``PARTS``; 0 where the model does not have that output."""
    return tuple(config.outputs.weights.get(part.name, 0.0) for part in PARTS)


def label_counts(targets: Targets) -> Tensor:
    """(n_parts,) float64: how many numbers of each kind are labelled, whatever a model says of them."""
    counts = []
    for part in PARTS:
        label, mask = getattr(targets, part.name), getattr(targets, f"has_{part.name}")
        counts.append(mask.sum() * (label[:1].numel() if label.shape[0] else 0))
    return torch.stack(counts).double()


def combined(sums: Tensor, counts: Tensor, weights: Tensor) -> Tensor:
    """The loss: Σ weight · sum / count, a scalar. Parts without labels are zero.

    Args:
        sums: (n_parts,) costs, of a batch or of a part of it.
        counts: (n_parts,) of all batches and processes of the step.
        weights: (n_parts,).
    """
    return (weights * sums / counts.clamp(min=1.0)).sum()


class Measure(NamedTuple):
    """How each part is compared, in the order of ``PARTS``.

    Attributes:
        elements: cost of each number of a label.
        deltas: where a Huber loss turns linear, in the unit in which the part is compared.
        per_atom: whether costs of structures are divided by their number of atoms.
    """

    elements: tuple[Elements, ...]
    deltas: tuple[float, ...]
    per_atom: bool = False

    def sums(self, outputs: ModelOutputs, targets: Targets, n_atoms: Tensor, *, parts: Sequence[bool]) -> Tensor:
        """(n_parts,) float64 sum of the costs of each kind of label.

        Args:
            outputs, targets: of the same batch.
            n_atoms: (n_systems,).
            parts: which parts are wanted, in the order of ``PARTS``; others, and those that the model does not
                say, are zero.
        """
        zero = n_atoms.new_zeros((), dtype=torch.float64)
        return torch.stack(
            [
                self._sum(index, getattr(outputs, part.name), targets, n_atoms)
                if parts[index] and getattr(outputs, part.name) is not None
                else zero
                for index, part in enumerate(PARTS)
            ]
        )

    def _sum(self, index: int, predicted: Tensor, targets: Targets, n_atoms: Tensor) -> Tensor:
        part = PARTS[index]
        predicted, label = comparable(part, predicted, targets, n_atoms)
        costs = self.elements[index](predicted, label, self.deltas[index]).flatten(1)
        rows = getattr(targets, f"has_{part.name}").double()
        if self.per_atom and part.graph_level:
            rows = rows / n_atoms
        total: Tensor = (costs * rows[:, None]).sum()
        return total


def comparable(part: Part, predicted: Tensor, targets: Targets, n_atoms: Tensor) -> tuple[Tensor, Tensor]:
    """Prediction and label as two matrices in the unit of comparison, zero where there is no label."""
    mask = getattr(targets, f"has_{part.name}")
    known = matrix(predicted).masked_fill(~mask[:, None], 0.0)
    return in_unit(part, known, n_atoms), in_unit(part, matrix(getattr(targets, part.name)), n_atoms)


def in_unit(part: Part, values: Tensor, n_atoms: Tensor) -> Tensor:
    """A matrix of labels or predictions in the unit in which they are compared."""
    unit = part.unit(n_atoms)
    return values * (unit[:, None] if isinstance(unit, Tensor) else unit)


def matrix(values: Tensor) -> Tensor:
    """(rows, numbers of a row), also of no rows."""
    return values[:, None] if values.ndim == 1 else values.flatten(1)


def likelihood_of(outputs: Outputs) -> Elements | None:
    """The likelihood of outputs that have one of their own, whatever the criterion is called; None of others."""
    if outputs.classifies:
        return class_likelihood
    return zero_inflated if outputs.zero_inflated else None


def build_measure(config: TrainingConfig, scales: LabelScales, spreads: Mapping[str, float]) -> Measure:
    """The criterion of a config for every part.

    Args:
        config: of the run.
        scales: RMS of energies, forces and stresses on the training set.
        spreads: of properties on the training set, "target", "atomwise", "additional".
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
        elements=tuple(of_target if name == "target" else row.elements for name in NAMES),
        deltas=tuple(config.huber_delta * (rms.get(name) or 1.0) for name in NAMES),
        per_atom=config.normalize_graph_level_loss,
    )
