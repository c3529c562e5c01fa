"""Constants measured on the training set: reference energies, scale, average counts, training domain."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from alignn_ff.checkpoint import TrainingDomain
from alignn_ff.errors import ConfigError
from alignn_ff.graph import AtomicGraph
from alignn_ff.models import ModelStatistics
from alignn_ff.train.records import Record


def covered_elements(records: Sequence[Record]) -> tuple[int, ...]:
    """Atomic numbers in the records, ascending."""
    return tuple(sorted({int(z) for record in records for z in record.atoms.numbers}))


def measure_statistics(
    records: Sequence[Record],
    graphs: Sequence[AtomicGraph],
    elements: tuple[int, ...],
    *,
    reference_energies: str | dict[str, float],
) -> ModelStatistics:
    """What the model needs to know of the training set before it sees it.

    The scale is the RMS of the force components (in eV for 1 Å), or the spread of the energies per atom
    where there are no forces.
    """
    given = isinstance(reference_energies, dict)
    references = (
        _given_references(reference_energies, elements)
        if isinstance(reference_energies, dict)
        else fit_references(records, elements)
    )
    n_atoms = sum(len(record.atoms) for record in records)
    n_line_nodes = sum(graph.line_nodes.shape[0] for graph in graphs)
    return ModelStatistics(
        reference_energies=tuple(float(e) for e in references),
        scale=label_scales(records, references, elements).natural,
        edges_per_atom=sum(graph.edge_src.shape[0] for graph in graphs) / n_atoms,
        triplets_per_line_node=sum(graph.line_src.shape[0] for graph in graphs) / max(n_line_nodes, 1),
        exact_free_atoms=given,
    )


def fit_references(records: Sequence[Record], elements: tuple[int, ...]) -> NDArray[np.float64]:
    """Energy of each element by least squares of minimum norm, eV.

    Minimum norm, since a set of one composition does not tell its elements apart.
    """
    counts, energies = _composition(records, elements), np.array([record.energy for record in records])
    n_atoms = counts.sum(axis=1)
    solution, *_ = np.linalg.lstsq(counts / n_atoms[:, None], energies / n_atoms, rcond=None)
    return np.asarray(solution, dtype=np.float64)


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


def label_scales(
    records: Sequence[Record], references: Sequence[float] | NDArray[np.float64], elements: tuple[int, ...]
) -> LabelScales:
    """RMS of each kind of label."""
    counts = _composition(records, elements)
    residual = (np.array([r.energy for r in records]) - counts @ np.asarray(references)) / counts.sum(axis=1)
    return LabelScales(
        _rms([residual]) or 0.0,
        _rms([record.forces for record in records if record.forces is not None]),
        _rms([record.stress for record in records if record.stress is not None]),
    )


def training_domain(
    records: Sequence[Record], graphs: Sequence[AtomicGraph], distances: Sequence[NDArray[np.float64]]
) -> TrainingDomain:
    """Shortest distances, and ranges of energy and force, that later safeguards compare with."""
    shortest: dict[str, float] = defaultdict(lambda: np.inf)
    for record, graph, distance in zip(records, graphs, distances, strict=True):
        pairs = np.sort(record.atoms.numbers[np.stack([graph.edge_src.numpy(), graph.edge_dst.numpy()])], axis=0)
        for first, second in combinations_with_replacement(np.unique(record.atoms.numbers), 2):
            chosen = distance[(pairs[0] == first) & (pairs[1] == second)]
            if chosen.size:
                name = f"{chemical_symbols[first]}-{chemical_symbols[second]}"
                shortest[name] = min(shortest[name], float(chosen.min()))
    energies = [record.energy / len(record.atoms) for record in records if record.energy is not None]
    norms = [np.linalg.norm(record.forces, axis=1).max() for record in records if record.forces is not None]
    return TrainingDomain(
        shortest_distance_A=dict(sorted(shortest.items())),
        energy_per_atom_eV=(min(energies), max(energies)),
        largest_force_eV_per_A=float(max(norms)) if norms else None,
        n_structures=len(records),
        n_atoms=sum(len(record.atoms) for record in records),
    )


def _given_references(given: dict[str, float], elements: tuple[int, ...]) -> NDArray[np.float64]:
    by_number = {atomic_numbers[symbol]: energy for symbol, energy in given.items()}
    missing = [chemical_symbols[z] for z in elements if z not in by_number]
    if missing:
        raise ConfigError(f"reference_energies lacks {', '.join(missing)}, which the training data contains")
    return np.array([by_number[z] for z in elements], dtype=np.float64)


def _composition(records: Sequence[Record], elements: tuple[int, ...]) -> NDArray[np.float64]:
    counts = [[np.count_nonzero(record.atoms.numbers == z) for z in elements] for record in records]
    return np.array(counts, dtype=np.float64)


def _rms(arrays: Sequence[NDArray[np.float64]]) -> float | None:
    if not arrays:
        return None
    flat = np.concatenate([array.ravel() for array in arrays])
    return float(np.sqrt(np.mean(flat**2)))
