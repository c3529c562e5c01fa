"""How good a model is on labelled structures: errors in all and by group, whatever the model predicts."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.potential import Potential
from alignn_ff.predictor import Predicted, Predictor
from alignn_ff.train.loss.parts import PARTS
from alignn_ff.train.records.record import Record
from alignn_ff.units import GPA_PER_EV_PER_A3

Array = NDArray[np.float64]
NOTHING: Final[Array] = np.zeros((2, 0))


class Comparison(NamedTuple):
    """Labels (first row) and predictions (second row) of one structure; (2, 0) without a label or prediction.

    Attributes:
        identifier, group: of the record.
        n_atoms: of the structure.
        energy: (2, 1) eV/atom.
        forces: (2, 3·n_atoms) eV/Å.
        stress: (2, 9) GPa.
        target: (2, n) unit of the data; of a classification the numbers of the classes.
        atomwise: (2, n_atoms·k). additional: (2, m).
        probabilities: (n_classes,) of a classification; empty otherwise.
    """

    identifier: str
    group: str
    n_atoms: int
    energy: Array = NOTHING
    forces: Array = NOTHING
    stress: Array = NOTHING
    target: Array = NOTHING
    atomwise: Array = NOTHING
    additional: Array = NOTHING
    probabilities: Array = NOTHING[0]


def compare(model: Potential | Predictor, records: Sequence[Record], *, batch_size: int = 16) -> list[Comparison]:
    """Predict every record and put the labels beside.

    Args:
        model: a potential says energies, forces and stresses; a predictor what else a model says.
        records: with any labels.
        batch_size: structures evaluated at once.
    """
    if isinstance(model, Potential):
        return _compare_energies(model, records, batch_size)
    outputs = model.predict([record.atoms for record in records], batch_size=batch_size)
    return [_compare_properties(record, said) for record, said in zip(records, outputs, strict=True)]


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
    classified = [item for item in comparisons if item.probabilities.size and item.target.size]
    for part in PARTS:
        if part.name == "target" and classified:
            result |= _of_classes(classified)
            continue
        joined = np.concatenate([getattr(item, part.name) for item in comparisons] or [NOTHING], axis=1)
        if joined.shape[1]:
            difference = (joined[1] - joined[0]) * part.error_scale
            result |= {part.error.format(mean): of(difference) for mean, of in MEANS.items()}
    return result


MEANS: Final[dict[str, Callable[[Array], float]]] = {
    "MAE": lambda error: float(np.abs(error).mean()),
    "RMSE": lambda error: float(np.sqrt(np.mean(error**2))),
}


def _of_classes(items: Sequence[Comparison]) -> dict[str, float]:
    labels, chosen = np.concatenate([item.target for item in items], axis=1)
    result = {"accuracy": float((labels == chosen).mean())}
    if len(items[0].probabilities) == 2 and 0 < labels.sum() < len(labels):
        result["ROC_AUC"] = _area_under_roc(labels, np.array([item.probabilities[1] for item in items]))
    return result


def _area_under_roc(labels: Array, scores: Array) -> float:
    """Probability that a structure of class 1 has the higher score than one of class 0; ties count half."""
    positive, negative = scores[labels == 1], np.sort(scores[labels == 0])
    below = np.searchsorted(negative, positive, side="left") + np.searchsorted(negative, positive, side="right")
    return float(below.mean() / (2 * len(negative)))


def _compare_energies(potential: Potential, records: Sequence[Record], batch_size: int) -> list[Comparison]:
    predictions = potential.predict([record.atoms for record in records], batch_size=batch_size)
    comparisons = []
    for record, prediction in zip(records, predictions, strict=True):
        assert prediction.forces is not None
        assert prediction.stress is not None
        n_atoms = len(record.atoms)
        stress = prediction.stress[0].numpy()
        comparisons.append(
            Comparison(
                record.identifier,
                record.group,
                n_atoms,
                energy=_side_by_side(record.energy, prediction.energy.numpy()) / n_atoms,
                forces=_side_by_side(record.forces, prediction.forces.numpy()),
                stress=_side_by_side(None if np.isnan(stress).any() else record.stress, stress) * GPA_PER_EV_PER_A3,
            )
        )
    return comparisons


def _compare_properties(record: Record, said: Predicted) -> Comparison:
    chosen = None if said.predicted_class is None else np.array([float(said.predicted_class)])
    return Comparison(
        record.identifier,
        record.group,
        len(record.atoms),
        target=_side_by_side(record.target, said.values if chosen is None else chosen),
        atomwise=_side_by_side(record.atomwise, said.atomwise),
        additional=_side_by_side(record.additional, said.additional),
        probabilities=NOTHING[0] if said.probabilities is None else said.probabilities,
    )


def _side_by_side(label: Array | float | None, prediction: Array | None) -> Array:
    if label is None or prediction is None:
        return NOTHING
    return np.stack([np.ravel(label), np.ravel(prediction)])
