"""How good a potential is on labelled structures: errors in all and by group."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.potential import Potential
from alignn_ff.train.records import Record
from alignn_ff.units import GPA_PER_EV_PER_A3, MEV_PER_EV

Array = NDArray[np.float64]


class Comparison(NamedTuple):
    """Labels and predictions of one structure.

    Attributes:
        identifier, group: of the record.
        n_atoms: of the structure.
        energy: (2,) eV/atom: label, prediction.
        forces: (2, 3·n_atoms) eV/Å, or (2, 0) without labels.
        stress: (2, 9) GPa, or (2, 0) without labels.
    """

    identifier: str
    group: str
    n_atoms: int
    energy: Array
    forces: Array
    stress: Array


def compare(potential: Potential, records: Sequence[Record], *, batch_size: int = 16) -> list[Comparison]:
    """Predict every record and put the labels beside."""
    predictions = potential.predict([record.atoms for record in records], batch_size=batch_size)
    comparisons = []
    for record, prediction in zip(records, predictions, strict=True):
        assert prediction.forces is not None
        assert prediction.stress is not None
        n_atoms = len(record.atoms)
        stress = prediction.stress[0].numpy()
        known_stress = None if np.isnan(stress).any() else record.stress
        comparisons.append(
            Comparison(
                record.identifier,
                record.group,
                n_atoms,
                np.array([record.energy, float(prediction.energy[0])]) / n_atoms,
                _side_by_side(record.forces, prediction.forces.numpy()),
                _side_by_side(known_stress, stress) * GPA_PER_EV_PER_A3,
            )
        )
    return comparisons


def summarise(comparisons: Sequence[Comparison]) -> dict[str, dict[str, float]]:
    """Errors of all structures ("all") and of each group."""
    groups = sorted({item.group for item in comparisons} - {""})
    table = {"all": errors(comparisons)}
    table.update({group: errors([item for item in comparisons if item.group == group]) for group in groups})
    return table


def errors(comparisons: Sequence[Comparison]) -> dict[str, float]:
    """MAE and RMSE with the unit in the name; kinds without labels are left out."""
    kinds: Mapping[str, tuple[list[Array], float]] = {
        "energy_{}_meV_per_atom": ([item.energy[:, None] for item in comparisons], MEV_PER_EV),
        "force_{}_eV_per_A": ([item.forces for item in comparisons], 1.0),
        "stress_{}_GPa": ([item.stress for item in comparisons], 1.0),
    }
    result: dict[str, float] = {"n_structures": len(comparisons), "n_atoms": sum(i.n_atoms for i in comparisons)}
    for name, (pairs, unit) in kinds.items():
        joined = np.concatenate(pairs, axis=1)
        if joined.shape[1]:
            error = (joined[1] - joined[0]) * unit
            result[name.format("MAE")] = float(np.abs(error).mean())
            result[name.format("RMSE")] = float(np.sqrt(np.mean(error**2)))
    return result


def _side_by_side(label: Array | None, prediction: Array) -> Array:
    if label is None:
        return np.zeros((2, 0))
    return np.stack([label.ravel(), prediction.ravel()])
