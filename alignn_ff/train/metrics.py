"""How good a model is on labelled structures: errors in all and by group, for models of any kind."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.cells import volume_A3
from alignn_ff.potential import Potential
from alignn_ff.prediction import Prediction
from alignn_ff.predictor import Predictor
from alignn_ff.train.labels import LABELS
from alignn_ff.train.model_outputs import ModelOutputs
from alignn_ff.train.records.record import Record

log = logging.getLogger(__name__)

Array = NDArray[np.float64]
NOTHING: Final[Array] = np.zeros((2, 0))


class Comparison(NamedTuple):
    """Labels (first row) and predictions (second row) of one structure.

    Attributes:
        identifier, group: of the record.
        n_atoms: of the structure.
        pairs: kind of label → (2, n) numbers in the unit of comparison; only kinds that are labelled and predicted:
            energy (2, 1) eV/atom, forces (2, 3·n_atoms) eV/Å, stress (2, 9) GPa, others in the unit of the data;
            the target of a classification holds the numbers of the classes.
        probabilities: (n_classes,) of a classification; empty otherwise.
    """

    identifier: str
    group: str
    n_atoms: int
    pairs: Mapping[str, Array]
    probabilities: Array = NOTHING[0]

    def pair(self, kind: str) -> Array:
        """Labels and predictions of one kind; (2, 0) where there are none."""
        return self.pairs.get(kind, NOTHING)


def compare(model: Potential | Predictor, records: Sequence[Record], *, batch_size: int = 16) -> list[Comparison]:
    """Predict every record and put the labels beside.

    Args:
        model: a potential predicts energies, forces and stresses; a predictor all other outputs of a model.
        records: with any labels.
        batch_size: structures evaluated at once.
    """
    structures, bad = [record.atoms for record in records], dict[str, list[str]]()
    compared = _all_compared(model, records, structures, bad, batch_size)
    for kind, names in bad.items():
        log.warning("the predicted %s is not finite, and left out, for %d structures: %s", kind, len(names), names[:3])
    return compared


def _all_compared(
    model: Potential | Predictor,
    records: Sequence[Record],
    structures: list[Atoms],
    bad: dict[str, list[str]],
    batch_size: int,
) -> list[Comparison]:
    """As :func:`compare`; ``bad`` receives kinds of label → records for which they are not finite."""
    if isinstance(model, Potential):
        predictions = model.predict_tensors(structures, batch_size=batch_size)
        return [
            _compared(record, ModelOutputs(predicted.energy, predicted.forces, predicted.stress), bad)
            for record, predicted in zip(records, predictions, strict=True)
        ]
    outputs = model.predict(structures, derivatives=False, batch_size=batch_size)
    return [_compare_properties(record, predicted, bad) for record, predicted in zip(records, outputs, strict=True)]


def summarise(comparisons: Sequence[Comparison]) -> dict[str, dict[str, float]]:
    """Errors of all structures ("all") and of each group."""
    groups = sorted({item.group for item in comparisons} - {""})
    table = {"all": errors(comparisons)}
    table.update({group: errors([item for item in comparisons if item.group == group]) for group in groups})
    return table


def errors(comparisons: Sequence[Comparison]) -> dict[str, float]:
    """MAE and RMSE with the unit in the name; of classes accuracy and area under the ROC curve.

    Kinds without labels are left out.
    """
    result: dict[str, float] = {"n_structures": len(comparisons), "n_atoms": sum(i.n_atoms for i in comparisons)}
    classified = [item for item in comparisons if item.probabilities.size and "target" in item.pairs]
    for kind, label in LABELS.items():
        if kind == "target" and classified:
            result |= _of_classes(classified)
            continue
        joined = np.concatenate([item.pair(kind) for item in comparisons] or [NOTHING], axis=1)
        if joined.shape[1]:
            difference = (joined[1] - joined[0]) * label.error_scale
            result |= {label.error.format(mean): of(difference) for mean, of in MEANS.items()}
    return result


MEANS: Final[dict[str, Callable[[Array], float]]] = {
    "MAE": lambda error: float(np.abs(error).mean()),
    "RMSE": lambda error: float(np.sqrt(np.mean(error**2))),
}


def _of_classes(items: Sequence[Comparison]) -> dict[str, float]:
    labels, chosen = np.concatenate([item.pairs["target"] for item in items], axis=1)
    result = {"accuracy": float((labels == chosen).mean())}
    if len(items[0].probabilities) == 2 and 0 < labels.sum() < len(labels):
        result["ROC_AUC"] = _area_under_roc(labels, np.array([item.probabilities[1] for item in items]))
    return result


def _area_under_roc(labels: Array, scores: Array) -> float:
    """Probability that a structure of class 1 has the higher score than one of class 0; ties count half."""
    positive, negative = scores[labels == 1], np.sort(scores[labels == 0])
    below = np.searchsorted(negative, positive, side="left") + np.searchsorted(negative, positive, side="right")
    return float(below.mean() / (2 * len(negative)))


def _compare_properties(record: Record, predicted: Prediction, bad: dict[str, list[str]]) -> Comparison:
    values = predicted.values if predicted.predicted_class is None else np.array([float(predicted.predicted_class)])
    outputs = ModelOutputs(
        reported=_tensor(values), atomwise=_tensor(predicted.atomwise), additional=_tensor(predicted.additional)
    )
    probabilities = NOTHING[0] if predicted.probabilities is None else predicted.probabilities
    return _compared(record, outputs, bad)._replace(probabilities=probabilities)


def _compared(record: Record, outputs: ModelOutputs, bad: dict[str, list[str]]) -> Comparison:
    pairs = {}
    for kind, label in LABELS.items():
        value, predicted = record.label(kind), label.reported_by(outputs)
        if value is None or predicted is None:
            continue
        if not bool(predicted.isfinite().all()):  # also the stress of a structure without a volume
            if kind != "stress" or volume_A3(record.atoms) is not None:
                bad.setdefault(kind, []).append(record.identifier)
        else:
            factor = float(label.unit(torch.tensor([len(record.atoms)])))
            pairs[kind] = np.stack([np.ravel(value), predicted.detach().double().numpy().ravel()]) * factor
    return Comparison(record.identifier, record.group, len(record.atoms), pairs)


def _tensor(values: Array | None) -> Tensor | None:
    return None if values is None else torch.from_numpy(np.asarray(values, dtype=np.float64))
