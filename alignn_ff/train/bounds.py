"""Bounds of the energies of atoms, measured on what a model was trained on, and kept in its file.

In: a model file and structures of its training. Out: the same file, whose energies level off where they are far beyond
those of these structures (``nn/bounds.py``). Predictions in between stay as they are, bit for bit.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from ase.data import chemical_symbols
from torch import Tensor

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header
from alignn_ff.errors import ConfigError, DataError
from alignn_ff.graph import edge_vectors
from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.nn import EnergyBounds, scatter_sum
from alignn_ff.train.floor.law import measure_floor
from alignn_ff.train.floor.structures import generate
from alignn_ff.train.records.batches import Sample, build_sample, join
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.statistics import check_covered, summarise_training_set
from alignn_ff.train.records.targets import LabelShapes, label_shapes

log = logging.getLogger(__name__)

BELOW: Final = (0.25, 0.75)
"""The lower bound is below the lowest energy by this part of it, and by this energy in eV."""

ABOVE: Final = (0.25, 2.0)
"""The upper bound is above the highest energy by this part of the range, and by this energy in eV; it is farther away,
since what repels must go on to repel. Beyond both bounds energies level off within as much again."""

FAR_OFF: Final = (0.5, 10.0)
"""Structures whose energy per atom is off by more than this, in eV, and than so many times the median, do not count."""

ODD_EV: Final = 30.0
"""Nor do those without a label whose mean over the atoms is larger, up or down."""

ATOMS_AT_ONCE: Final = 1000
"""Atoms in one pass through the network."""

Range = tuple[float, float]
Bounds = tuple[float, float, float, float]


def bound_trained(
    files: Sequence[Path],
    sets: Sequence[Sequence[Sample]],
    *,
    keep: Header | None,
    device: torch.device,
) -> None:
    """As :func:`bound_energies`, for the files of a run; logs the reason where there are no bounds.

    Args:
        files: with the same training data; those that are not there are passed over.
        sets: training data, replayed structures, and those whose energies were held above a floor.
        keep: of the model that the run started from and whose elements it keeps.
        device: where the network runs.
    """
    try:
        for file in files:
            if file.exists():
                bound_energies(file, chain(*sets), keep=keep, device=device)
    except (ConfigError, DataError) as error:
        log.info("no bounds of energies: %s", error)


def bound_by_records(
    file: Path, records: Sequence[Record], *, floor_structures: int | None, device: torch.device, output: Path
) -> Header:
    """As :func:`bound_energies`, from the records of the training; graphs are built one after another.

    Args:
        file: of the model.
        records: that it was trained on.
        floor_structures: generated structures that count as well, since its training held their energies above a
            floor; None: as many as its training had.
        device: where the network runs.
        output: the file that is written.

    Raises:
        ConfigError, DataError: as :func:`bound_energies`; a floor needs records with energies.
        ElementNotCoveredError: a record holds an element that the model does not cover.
    """
    header, model = checkpoint.load(file)
    _force_field(model)
    check_covered(records, header.elements, file.name, advice="give the structures that it was trained on")
    if past := header.provenance.training_config.get("floor_data"):
        log.warning("its training held the structures of floor_data (%s) above a floor: add them to the data", past)
    shapes = label_shapes(records)

    def samples() -> Iterator[Sample]:
        return (build_sample(record, header.graph, shapes) for record in records)

    generated = _floor_samples(header, zip(records, samples(), strict=True), shapes, floor_structures)
    return bound_energies(file, chain(samples(), generated), device=device, output=output)


def _floor_samples(
    header: Header, pairs: Iterable[tuple[Record, Sample]], shapes: LabelShapes, n_structures: int | None
) -> Iterator[Sample]:
    n_structures = _number_of_training(header, "floor_structures") if n_structures is None else n_structures
    if not n_structures:
        return iter(())
    found = summarise_training_set(pairs, header.elements)
    if not np.isfinite(found.energies).any():
        raise DataError(
            "no structure of the data has an energy, which the floor of generated structures follows from; with "
            "--floor-structures 0 none count"
        )
    floor = measure_floor(found, header.statistics.reference_energies)
    structures = generate(floor, n_structures, seed=_number_of_training(header, "random_seed"))
    log.info("generated structures of the energy floor that count too: %d", n_structures)
    return (
        build_sample(Record(f"structure {index} of the floor", atoms, None, None, None, ""), header.graph, shapes)
        for index, atoms in enumerate(structures)
    )


def _number_of_training(header: Header, field: str) -> int:
    value = header.provenance.training_config.get(field)
    return value if isinstance(value, int) else 0


def bound_energies(
    file: Path,
    samples: Iterable[Sample],
    *,
    keep: Header | None = None,
    device: torch.device,
    output: Path | None = None,
) -> Header:
    """Measure bounds, and write them with the model.

    Args:
        file: of the model.
        samples: structures that it was trained on, one each.
        keep: header of the model that it started from, whose bounds count as well.
        device: where the network runs.
        output: the file that is written; None replaces ``file``.

    Returns:
        The header of the new file.

    Raises:
        ConfigError: the model has no repulsion, its family has no bounds, or it is a committee.
        DataError: no structure that counts holds an element.
    """
    header, loaded = checkpoint.load(file)
    model = _force_field(loaded)
    passed = [_passed(model.to(device), join(part).to(device)) for part in _parts(samples)]
    seen = _ranges(_Passed(*(torch.cat(parts) for parts in zip(*passed, strict=True)))) if passed else {}
    bounds = bounds_of(header, seen, keep)
    header = header.model_copy(update={"statistics": header.statistics._replace(energy_bounds=bounds)})
    checkpoint.save(output or file, header, model.cpu().state_dict())
    return header


def _force_field(model: EnergyModel | PropertyModel) -> EnergyModel:
    if not isinstance(model, EnergyModel) or len(model.members) > 1:
        raise ConfigError("bounds of energies are for one force field, not for a committee or a model of a property")
    return model


def bounds_of(header: Header, seen: Mapping[int, Range], keep: Header | None = None) -> EnergyBounds:
    """Bounds of each element.

    Args:
        header: of the model. Where free atoms have exactly their reference energy, this energy is within the bounds.
        seen: lowest and highest energy of each element in the data.
        keep: of the start, whose bounds count as well.

    Raises:
        DataError: an element is neither in the data nor has it bounds in ``keep``.
    """
    exact = header.statistics.exact_free_atoms
    found = {
        z: _bounds(min(low, 0.0), max(high, 0.0)) if exact else _bounds(low, high) for z, (low, high) in seen.items()
    }
    if keep is not None and keep.statistics.energy_bounds and keep.statistics.exact_free_atoms == exact:
        for z, bounds in zip(keep.elements, keep.statistics.energy_bounds, strict=True):
            found[z] = _widest([bounds, found.get(z, bounds)])
    missing = [chemical_symbols[z] for z in header.elements if z not in found]
    if missing:
        raise DataError(
            f"no structure that counts holds {', '.join(missing)}, so nothing bounds the energies of its atoms"
        )
    return tuple(found[z] for z in header.elements)


def _bounds(low: float, high: float) -> Bounds:
    below, above = BELOW[0] * abs(low) + BELOW[1], ABOVE[0] * (high - low) + ABOVE[1]
    return low - 2.0 * below, low - below, high + above, high + 2.0 * above


def _widest(several: Sequence[Bounds]) -> Bounds:
    lowest, lower, upper, highest = zip(*several, strict=True)
    return min(lowest), min(lower), max(upper), max(highest)


def _parts(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    part, n_atoms = list[Sample](), 0
    for sample in samples:
        part.append(sample)
        n_atoms += len(sample.graph.atomic_numbers)
        if n_atoms >= ATOMS_AT_ONCE:
            yield part
            part, n_atoms = [], 0
    if part:
        yield part


class _Passed(NamedTuple):
    """Energies of structures by the network.

    Attributes:
        errors: (n_structures,) eV per atom, NaN without a label.
        means: (n_structures,) eV, learned energy per atom.
        learned, numbers: (n_atoms,) eV, and atomic numbers.
        sizes: (n_structures,) atoms.
    """

    errors: Tensor
    means: Tensor
    learned: Tensor
    numbers: Tensor
    sizes: Tensor


@torch.no_grad()
def _passed(model: EnergyModel, batch: Sample) -> _Passed:
    graph, targets = batch.graph, batch.targets
    vectors, sizes = edge_vectors(batch.system, graph), graph.n_atoms
    energies_of_atoms = model.learned_energy(graph, vectors)
    if energies_of_atoms is None:
        raise ConfigError("bounds of energies are for alignn_smooth with a repulsion (use_zbl)")
    learned, whole = energies_of_atoms
    energies = scatter_sum(whole, graph.system_idx, sizes.shape[0])
    errors = (energies - targets.values["energy"]).abs() / sizes
    errors = errors.masked_fill(~targets.known["energy"], float("nan"))
    means = scatter_sum(learned, graph.system_idx, sizes.shape[0]) / sizes
    return _Passed(*(tensor.cpu() for tensor in (errors, means, learned, graph.atomic_numbers, sizes)))


def _ranges(passed: _Passed) -> dict[int, Range]:
    """Lowest and highest energy of each element, of the structures that count.

    Those without a label raise the highest energy only, wherever labelled ones hold the element: what is known of a
    generated structure is how low its energy may be, and a low one is a hole.
    """
    energy_eV, factor = FAR_OFF
    labelled = ~passed.errors.isnan()
    limit = max(energy_eV, factor * float(passed.errors.nanmedian().nan_to_num()))
    counts = torch.where(labelled, passed.errors <= limit, passed.means.abs() <= ODD_EV)
    if int((~counts).sum()):
        log.info("bounds of energies: structures that are far off do not count: %d", int((~counts).sum()))
    numbers, found = passed.numbers, dict[int, Range]()
    every, known = (chosen.repeat_interleave(passed.sizes) for chosen in (counts, counts & labelled))
    for z in map(int, numbers[every].unique()):
        own = passed.learned[every & (numbers == z)]
        certain = passed.learned[known & (numbers == z)]
        found[z] = float((certain if certain.numel() else own).min()), float(own.max())
    return found
