"""Errors of a potential beside its standard deviations, on labelled structures, for each method that it has.

In: a potential and records. Out: method and quantity, such as "committee forces", with errors and deviations.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from alignn_ff.execution import has_last_layer, last_layer_spread
from alignn_ff.graph import AtomicGraph, AtomicSystem, Spread, TensorPrediction, batch_graphs, batch_systems
from alignn_ff.potential import Potential
from alignn_ff.preparing import split_prediction, split_spread
from alignn_ff.train.records.record import Record
from alignn_ff.train.uncertainty.calibration import Array, Measured
from alignn_ff.train.uncertainty.derivatives import informative, thinned

BATCH: Final = 16

DERIVED: Final = ("last_layer forces", "last_layer stress")

Found = dict[str, list[tuple[Array, Array]]]
"""Method and quantity → (errors, deviations) of each structure."""

QUANTITIES: Final[dict[str, tuple[int, str]]] = {
    "committee energy": (1, "eV/atom"),
    "committee forces": (3, "eV/Å"),
    "committee stress": (6, "eV/Å³"),
    "last_layer energy": (1, "eV/atom"),
    "last_layer forces": (3, "eV/Å"),
    "last_layer stress": (6, "eV/Å³"),
}
"""Method and quantity → number of components of an error, unit."""


def measured_on(potential: Potential, records: Sequence[Record]) -> dict[str, Measured]:
    """Errors and deviations of every quantity that is labelled and has a deviation.

    Those of forces and stress by a last layer are measured on some of the structures, and only for one model: a
    committee gives them by its spread.

    Args:
        potential: a committee, or one with a last layer; any other gives nothing.
        records: labelled structures.
    """
    found: Found = defaultdict(list)
    for start in range(0, len(records), BATCH):
        _add(found, potential, records[start : start + BATCH])
    if potential.n_members == 1 and has_last_layer(potential.model):
        labelled = [record for record in records if record.forces is not None or record.stress is not None]
        chosen = [labelled[place] for place in thinned([len(record.atoms) for record in labelled])]
        for start in range(0, len(chosen), BATCH):
            _add_derivatives(found, potential, chosen[start : start + BATCH])
    measured = {name: _joined(parts, *QUANTITIES[name]) for name, parts in found.items() if parts}
    measured |= {name: informative(measured[name]) for name in DERIVED if name in measured}
    return {name: each for name, each in measured.items() if len(each.errors)}


def _joined(parts: Iterable[tuple[Array, Array]], n_axes: int, unit: str) -> Measured:
    errors, deviations = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Measured(errors, deviations, n_axes, unit)


def _add_derivatives(found: Found, potential: Potential, records: Sequence[Record]) -> None:
    """Forces and stress by the last layer of one model."""
    system, graph = _together(potential, records)
    counts = [len(record.atoms) for record in records]
    predictions = split_prediction(potential.evaluate(system, graph), counts)
    spreads = split_spread(last_layer_spread(potential.model, system, graph, derivatives=True), counts)
    for record, prediction, spread in zip(records, predictions, spreads, strict=True):
        for name in DERIVED:
            _put(found[name], COMPARED[name.removeprefix("last_layer ")](record, prediction, spread))


def _together(potential: Potential, records: Sequence[Record]) -> tuple[AtomicSystem, AtomicGraph]:
    prepared = [potential.prepare(record.atoms) for record in records]
    return batch_systems([item.system for item in prepared]), batch_graphs([item.graph for item in prepared])


def _add(found: Found, potential: Potential, records: Sequence[Record]) -> None:
    system, graph = _together(potential, records)
    counts = [len(record.atoms) for record in records]
    batch = potential.evaluate(system, graph)
    predictions = split_prediction(batch, counts)
    if batch.spread is not None:
        spreads = split_spread(batch.spread, counts)
        for record, prediction, spread in zip(records, predictions, spreads, strict=True):
            for quantity, compare in COMPARED.items():
                _put(found[f"committee {quantity}"], compare(record, prediction, spread))
    if has_last_layer(potential.model):
        spreads = split_spread(last_layer_spread(potential.model, system, graph), counts)
        for record, prediction, spread in zip(records, predictions, spreads, strict=True):
            _put(found["last_layer energy"], _energies(record, prediction, spread))


def _put(parts: list[tuple[Array, Array]], pair: tuple[Array, Array] | None) -> None:
    if pair is not None and np.isfinite(pair[0]).all() and np.isfinite(pair[1]).all():
        parts.append(pair)


def _energies(record: Record, prediction: TensorPrediction, spread: Spread) -> tuple[Array, Array] | None:
    if record.energy is None:
        return None
    n_atoms = len(record.atoms)
    return np.abs(_numbers(prediction.energy) - record.energy) / n_atoms, _numbers(spread.energy) / n_atoms


def _forces(record: Record, prediction: TensorPrediction, spread: Spread) -> tuple[Array, Array] | None:
    if record.forces is None or prediction.forces is None or spread.forces is None:
        return None
    errors = np.linalg.norm(_numbers(prediction.forces) - record.forces, axis=1)
    return np.asarray(errors, dtype=np.float64), _numbers(spread.forces)


def _stresses(record: Record, prediction: TensorPrediction, spread: Spread) -> tuple[Array, Array] | None:
    if record.stress is None or prediction.stress is None or spread.stress is None:
        return None
    return np.array([np.linalg.norm(_numbers(prediction.stress)[0] - record.stress)]), _numbers(spread.stress)


COMPARED: Final[dict[str, Callable[[Record, TensorPrediction, Spread], tuple[Array, Array] | None]]] = {
    "energy": _energies,
    "forces": _forces,
    "stress": _stresses,
}
"""Quantity → (errors, deviations) of one structure; None where it is not labelled."""


def _numbers(values: Tensor) -> Array:
    numbers: Array = values.to(torch.float64).numpy()
    return numbers
