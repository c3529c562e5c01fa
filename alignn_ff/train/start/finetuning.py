"""Fine-tuning: weights, reference energies and elements of a run that starts from a model.

In: a loaded model, the config and elements of the new run. Out: the header and the weights to begin with. The network
and its graphs stay; heads may change, elements may be added, and reference energies are fitted to the new level of
theory.
"""

import logging
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from ase.data import chemical_symbols
from torch import Tensor

from alignn_ff.checkpoint import Header, TrainingDomain
from alignn_ff.elements import elements_with_features, feature_rows
from alignn_ff.models import EnergyModel, ModelStatistics, PropertyModel
from alignn_ff.nn import RepulsionEnds
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.statistics import TrainingSetSummary, given_references
from alignn_ff.train.start.model import Start

log = logging.getLogger(__name__)

Range = tuple[float, float]

MEASURED: Final = frozenset({"reference", "scale", "output_mean", "output_axes"})
"""Last names of buffers that come from the statistics of the header, not from the weights."""


def all_elements(elements: Sequence[int], start: Start | None, *, drop: bool = False) -> tuple[int, ...]:
    """Elements of the data, and those of the start, unless they are dropped."""
    return tuple(sorted({*elements, *(start.header.elements if start and not drop else ())}))


def inherited_statistics(start: Start, elements: tuple[int, ...], measured: ModelStatistics) -> ModelStatistics:
    """Statistics that the weights of the start belong to; reference energies of new elements are zero.

    Args:
        start: what the run starts from.
        elements: of the new model.
        measured: of the new training set; its scaling of targets, if there is one, takes the place of the old.
    """
    old = start.header.statistics
    references = dict(zip(start.header.elements, old.reference_energies, strict=True))
    kept = measured if measured.output_mean else old
    return old._replace(
        reference_energies=tuple(references.get(z, 0.0) for z in elements),
        output_mean=kept.output_mean,
        output_axes=kept.output_axes,
        repulsion_ends=(
            *(row for row in old.repulsion_ends if set(elements).issuperset(row[:2])),
            *_ends_of_new_pairs(start, measured),
        ),
        energy_bounds=(),
    )


def _ends_of_new_pairs(start: Start, measured: ModelStatistics) -> RepulsionEnds:
    """Ends of the repulsion of the pairs whose elements the start does not both cover; its weights fit its own ends."""
    known = set(start.header.elements)
    return tuple(row for row in measured.repulsion_ends if not known.issuperset(row[:2]))


def with_given_references(header: Header, given: dict[str, float], found: TrainingSetSummary) -> ModelStatistics:
    """Statistics with reference energies of isolated atoms for the elements of the data; other elements keep theirs.

    Raises:
        ConfigError: an element of the data is not given.
    """
    present = [z for z, count in zip(found.elements, found.composition.sum(axis=0), strict=True) if count]
    new = dict(zip(present, given_references(given, present), strict=True))
    old = dict(zip(header.elements, header.statistics.reference_energies, strict=True))
    references = tuple(float(new.get(z, old[z])) for z in header.elements)
    return header.statistics._replace(reference_energies=references, exact_free_atoms=True)


@torch.no_grad()
def adopt_weights(model: EnergyModel | PropertyModel, start: Start, *, log_new: bool = False) -> None:
    """Overwrite the random weights of a model by those of its start, where the start has them.

    A new element begins as the known one that is most like it; heads of another shape keep their random weights.

    Args:
        model: of the new run.
        start: what it starts from.
        log_new: log which weights and elements are new.
    """
    fresh = []
    for name, tensor in model.state_dict().items():
        if name.rpartition(".")[2] in MEASURED:
            continue
        old = start.state.get(name)
        if old is not None and name in model.ELEMENT_ROWS:
            old = _rows_of_elements(old, model.elements, start.header.elements, log_new=log_new)
        if old is not None and old.shape == tensor.shape:
            tensor.copy_(old)
        else:
            fresh.append(name)
    if fresh and log_new:
        log.info("not in %s, so learned anew: %s", start.name, ", ".join(fresh))


def nearest_element(new: int, known: Sequence[int]) -> int:
    """The known element that is most like a new one: in group, period, radius, valence and electronegativity.

    By the published table "basic", each number divided by its spread over the elements; where that has no data, the
    nearest atomic number.
    """
    covered = elements_with_features("basic")
    candidates = [z for z in known if z in covered]
    if new not in covered or not candidates:
        return min(known, key=lambda z: (abs(z - new), z))
    spread = feature_rows("basic", covered).std(axis=0)
    features = feature_rows("basic", candidates) / spread
    distances = np.linalg.norm(features - feature_rows("basic", [new])[0] / spread, axis=1)
    return candidates[int(distances.argmin())]


def merged_domain(old: TrainingDomain, new: TrainingDomain) -> TrainingDomain:
    """What the two training sets covered together; what one of them does not tell stays unknown.

    Energies of two levels of theory are comparable only less the reference energies of their own model.
    """
    shortest = dict(old.shortest_distance_A)
    for pair, distance in new.shortest_distance_A.items():
        shortest[pair] = min(distance, shortest.get(pair, distance))
    ranges = [r for r in (old.energy_per_atom_eV, new.energy_per_atom_eV) if r is not None]
    forces = [f for f in (old.largest_force_eV_per_A, new.largest_force_eV_per_A) if f is not None]
    return TrainingDomain(
        shortest_distance_A=dict(sorted(shortest.items())),
        energy_per_atom_eV=(min(r[0] for r in ranges), max(r[1] for r in ranges)) if ranges else None,
        energy_above_references_eV=_widened(old.energy_above_references_eV, new.energy_above_references_eV),
        volume_per_atom_A3=_widened(old.volume_per_atom_A3, new.volume_per_atom_A3),
        largest_force_eV_per_A=max(forces, default=None),
        n_structures=old.n_structures + new.n_structures,
        n_atoms=old.n_atoms + new.n_atoms,
        n_structures_per_element=_added(old.n_structures_per_element, new.n_structures_per_element),
        n_structures_per_pair=_added(old.n_structures_per_pair, new.n_structures_per_pair),
        n_lone_atoms=_added(old.n_lone_atoms, new.n_lone_atoms),
        n_dimers=_added(old.n_dimers, new.n_dimers),
    )


def _widened(one: Range | None, other: Range | None) -> Range | None:
    return None if one is None or other is None else (min(one[0], other[0]), max(one[1], other[1]))


def _added(one: dict[str, int] | None, other: dict[str, int] | None) -> dict[str, int] | None:
    if one is None or other is None:
        return None
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


def rebased(records: Sequence[Record], old: Header, new: Header) -> list[Record]:
    """Records of the old level of theory, with the difference of the reference energies added to their energies.

    So both levels agree on the energy that the network has to predict.
    """
    before = dict(zip(old.elements, old.statistics.reference_energies, strict=True))
    after = dict(zip(new.elements, new.statistics.reference_energies, strict=True))
    shift = {z: after[z] - before.get(z, after[z]) for z in after}
    return [
        record
        if record.energy is None
        else record._replace(energy=record.energy + sum(shift[int(z)] for z in record.atoms.numbers))
        for record in records
    ]


def _rows_of_elements(old: Tensor, elements: tuple[int, ...], known: tuple[int, ...], *, log_new: bool) -> Tensor:
    row_of = {z: row for row, z in enumerate(known)}
    models = {z: nearest_element(z, known) for z in elements if z not in row_of}
    if models and log_new:
        begun = ", ".join(f"{chemical_symbols[new]} as {chemical_symbols[like]}" for new, like in models.items())
        log.info("new elements begin as the known one most like them: %s", begun)
    return old[[row_of[models.get(z, z)] for z in elements]]
