"""Constants measured on the training set: reference energies, scale, average counts, training domain.

In: records and graphs, one at a time. One pass gathers a :class:`TrainingSetSummary`, whose size is a few numbers per
structure; everything else follows from that.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols, covalent_radii
from numpy.typing import NDArray

from alignn_ff.checkpoint import TrainingDomain
from alignn_ff.display import elements_in_words
from alignn_ff.domain.environments import volume_per_atom_A3
from alignn_ff.errors import ConfigError, ElementNotCoveredError
from alignn_ff.models import ModelStatistics
from alignn_ff.nn import RepulsionEnds
from alignn_ff.train.labels import properties
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.doubtful import ZeroLabels
from alignn_ff.train.records.element_energies import Counts, energies_of_elements, fit_per_element
from alignn_ff.train.records.environments import Environments, RunningEnvironments
from alignn_ff.train.records.properties import Moments, RunningMoments
from alignn_ff.train.records.record import Record

Array = NDArray[np.float64]


class TrainingSetSummary(NamedTuple):
    """Result of one pass over the training set.

    Attributes:
        elements: atomic numbers that the model will cover, ascending.
        composition: (n_structures, n_elements) number of atoms, int16.
        energies: (n_structures,) eV, total; NaN where there is none.
        volumes: (n_structures,) Å³ per atom of bulk structures; NaN of all others.
        forces, stress: RMS of the components, eV/Å and eV/Å³; None without labels.
        largest_force: norm, eV/Å; None without labels.
        n_edges, n_line_nodes, n_triplets: of all graphs.
        environments: pairs of elements, lone atoms, dimers, volumes.
        properties: kind of property → moments, of those that any record has.
        zero: kind of label → records in which it is doubtful that it is zero.
    """

    elements: tuple[int, ...]
    composition: Counts
    energies: Array
    volumes: Array
    forces: float | None
    stress: float | None
    largest_force: float | None
    n_edges: int
    n_line_nodes: int
    n_triplets: int
    environments: Environments
    properties: dict[str, Moments]
    zero: dict[str, tuple[str, ...]]

    @property
    def n_atoms(self) -> Array:
        """(n_structures,) number of atoms."""
        counts: Array = self.composition.sum(axis=1, dtype=np.float64)
        return counts


def elements_of(records: Iterable[Record]) -> tuple[int, ...]:
    """Atomic numbers in the records, ascending."""
    found: set[int] = set()
    for record in records:
        found.update(record.atoms.numbers.tolist())
    return tuple(sorted(found))


def counts_of(atoms: Atoms, elements: Sequence[int]) -> list[int]:
    """Number of atoms of each element."""
    counts: list[int] = np.bincount(atoms.numbers, minlength=MAX_ELEMENT)[list(elements)].tolist()
    return counts


def check_covered(records: Sequence[Record], elements: Sequence[int], model: str, *, advice: str) -> None:
    """Check that a model covers all elements of some records.

    Args:
        records: of the data.
        elements: atomic numbers that the model covers.
        model: its name in the message.
        advice: what to do, the end of the message.

    Raises:
        ElementNotCoveredError: it does not; the elements and the first record that holds one are named.
    """
    unknown = sorted({*elements_of(records)} - {*elements})
    if not unknown:
        return
    holding = [record.identifier for record in records if np.isin(record.atoms.numbers, unknown).any()]
    where = holding[0] + (f" and {len(holding) - 1} more" if len(holding) > 1 else "")
    foreign, covered = ([chemical_symbols[z] for z in numbers] for numbers in (unknown, elements))
    raise ElementNotCoveredError(
        f"the data hold {', '.join(foreign)} ({where}), which {model} does not cover: it covers "
        f"{elements_in_words(covered)}; {advice}"
    )


def summarise_training_set(pairs: Iterable[tuple[Record, Sample]], elements: tuple[int, ...]) -> TrainingSetSummary:
    """Go through a training set once, holding one structure at a time."""
    composition, energies, volumes = array("h"), array("d"), array("d")
    moments = {kind: RunningMoments() for kind in properties()}
    forces, stress, environments = _Squares(), _Squares(), RunningEnvironments()
    largest, counts = -1.0, np.zeros(3, dtype=np.int64)
    zero = ZeroLabels()
    for record, sample in pairs:
        zero.add(record)
        composition.extend(counts_of(record.atoms, elements))
        energies.append(np.nan if record.energy is None else record.energy)
        volume = volume_per_atom_A3(record.atoms)
        volumes.append(np.nan if volume is None else volume)
        for kind, running in moments.items():
            running.add(record.label(kind))
        stress.add(record.stress)
        forces.add(record.forces)
        if record.forces is not None:
            largest = max(largest, float(np.linalg.norm(record.forces, axis=1).max()))
        graph = sample.graph
        counts += (len(graph.edge_src), len(graph.line_nodes), len(graph.line_src))
        environments.add(record.atoms, sample)
    n_edges, n_line_nodes, n_triplets = counts.tolist()
    return TrainingSetSummary(
        elements=elements,
        composition=np.frombuffer(composition, dtype=np.int16).reshape(-1, len(elements)),
        energies=np.frombuffer(energies),
        volumes=np.frombuffer(volumes),
        forces=forces.rms,
        stress=stress.rms,
        largest_force=None if largest < 0 else largest,
        n_edges=n_edges,
        n_line_nodes=n_line_nodes,
        n_triplets=n_triplets,
        environments=environments.result(),
        properties={kind: running.result() for kind, running in moments.items() if running.count},
        zero=zero.result(),
    )


def measure_statistics(found: TrainingSetSummary, *, reference_energies: str | dict[str, float]) -> ModelStatistics:
    """Constants of the training set that the model is built with.

    The scale is the RMS of the force components (in eV for 1 Å), or the spread of the energies per atom
    where there are no forces.
    """
    given = isinstance(reference_energies, dict)
    references = (
        given_references(reference_energies, found.elements)
        if isinstance(reference_energies, dict)
        else fit_references(found)
    )
    return ModelStatistics(
        reference_energies=tuple(float(e) for e in references),
        scale=label_scales(found, references).natural,
        edges_per_atom=found.n_edges / found.n_atoms.sum(),
        triplets_per_line_node=found.n_triplets / max(found.n_line_nodes, 1),
        exact_free_atoms=given,
        repulsion_ends=repulsion_ends(found.environments.shortest),
    )


def repulsion_ends(shortest: Mapping[str, float]) -> RepulsionEnds:
    """Pairs (z, z, Å) whose shortest distance in the training set is below the sum of their covalent radii.

    A repulsion that ends there exerts no force on any training structure. Many bonds are shorter than that sum (N–O,
    C–O, most oxides and fluorides by 10 to 20 %), so the network would otherwise have to learn the repulsion away.

    Args:
        shortest: "O-Ti" → shortest distance, Å.
    """
    ends = []
    for pair, distance in shortest.items():
        first, second = sorted(atomic_numbers[symbol] for symbol in pair.split("-"))
        if distance < covalent_radii[first] + covalent_radii[second]:
            ends.append((first, second, distance))
    return tuple(ends)


def fit_references(found: TrainingSetSummary) -> Array:
    """Energy of each element by least squares of minimum norm, eV.

    Minimum norm, since energies of one composition do not determine those of its elements.
    """
    return fit_per_element(found.composition, found.energies)


class LabelScales(NamedTuple):
    """Spread of each kind of label over the training set.

    Attributes:
        energy: eV/atom, RMS of the energy per atom less the references.
        forces: eV/Å, RMS of the components; None without forces.
        stress: eV/Å³, RMS of the components; None without stresses.
    """

    energy: float
    forces: float | None
    stress: float | None

    @property
    def natural(self) -> float:
        """The energy scale of the model, eV: from the forces (for 1 Å) where there are any."""
        return self.forces or self.energy or 1.0


def label_scales(found: TrainingSetSummary, references: Sequence[float] | Array) -> LabelScales:
    """RMS of each kind of label."""
    residual = (found.energies - energies_of_elements(found.composition, references)) / found.n_atoms
    known = residual[np.isfinite(residual)]
    return LabelScales(float(np.sqrt(np.mean(known**2))) if known.size else 0.0, found.forces, found.stress)


def training_domain(found: TrainingSetSummary, references: Sequence[float] | Array) -> TrainingDomain:
    """What the training set covers, with which ``alignn_ff.domain`` compares structures.

    Args:
        found: of the training set.
        references: energies of the elements in the model, eV.
    """
    above = found.energies - energies_of_elements(found.composition, references)
    environments = found.environments
    return TrainingDomain(
        shortest_distance_A=environments.shortest,
        energy_per_atom_eV=_range(found.energies / found.n_atoms),
        energy_above_references_eV=_range(above / found.n_atoms),
        volume_per_atom_A3=_range(found.volumes),
        largest_force_eV_per_A=found.largest_force,
        n_structures=len(found.energies),
        n_atoms=int(found.n_atoms.sum()),
        n_structures_per_element=environments.per_element,
        n_structures_per_pair=environments.per_pair,
        n_lone_atoms=environments.lone_atoms,
        n_dimers=environments.dimers,
    )


def _range(values: Array) -> tuple[float, float] | None:
    """Lowest and highest finite number; None without any."""
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if known.size else None


MAX_ELEMENT = len(chemical_symbols)


class _Squares:
    """Sum of squares of labels that come one by one."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, label: Array | None) -> None:
        if label is not None:
            self._sum += float(np.square(label).sum())
            self._count += label.size

    @property
    def rms(self) -> float | None:
        return float(np.sqrt(self._sum / self._count)) if self._count else None


def given_references(given: dict[str, float], elements: Sequence[int]) -> Array:
    """Reference energies in the order of the elements, eV.

    Raises:
        ConfigError: an element is missing.
    """
    by_number = {atomic_numbers[symbol]: energy for symbol, energy in given.items()}
    missing = [chemical_symbols[z] for z in elements if z not in by_number]
    if missing:
        raise ConfigError(f"reference_energies lacks {', '.join(missing)}, which the training data contains")
    return np.array([by_number[z] for z in elements], dtype=np.float64)
