"""Contents of a data set: elements, sizes, labels with their ranges, shortest distances."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alignn_ff.data_checks.environments import Environment
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.record import Record, reduced_formula
from alignn_ff.units import GPA_PER_EV_PER_A3

Array = NDArray[np.float64]


class Range(NamedTuple):
    """Spread of a kind of number: how many, smallest, mean, largest, root mean square about zero."""

    n: int
    lowest: float
    mean: float
    highest: float
    rms: float


class Contents(NamedTuple):
    """Contents of one data set.

    Attributes:
        n_structures, n_atoms: how many.
        elements: symbol → structures that contain it.
        sizes: atoms per structure.
        periodicity: "bulk", "slab", "wire", "molecule" → structures.
        formulas: number of different reduced formulas.
        groups: ``config_type`` → structures.
        labels: kind → records that have it.
        ranges: named quantity with its unit → its spread.
        shortest_distance_A: pair of elements → Å.
    """

    n_structures: int
    n_atoms: int
    elements: dict[str, int]
    sizes: Range
    periodicity: dict[str, int]
    formulas: int
    groups: dict[str, int]
    labels: dict[str, int]
    ranges: dict[str, Range]
    shortest_distance_A: dict[str, float]


PERIODICITY: Final = ("molecule", "wire", "slab", "bulk")


def contents_of(records: Sequence[Record], environments: Sequence[Environment]) -> Contents:
    """Count and measure everything."""
    sizes = np.array([len(record.atoms) for record in records], dtype=np.float64)
    present = [sorted({chemical_symbols[z] for z in record.atoms.numbers}) for record in records]
    return Contents(
        n_structures=len(records),
        n_atoms=int(sizes.sum()),
        elements=dict(sorted(Counter(symbol for symbols in present for symbol in symbols).items())),
        sizes=range_of(sizes),
        periodicity=dict(Counter(PERIODICITY[int(record.atoms.pbc.sum())] for record in records)),
        formulas=len({reduced_formula(record) for record in records}),
        groups=dict(Counter(record.group for record in records if record.group)),
        labels={kind: n for kind in LABELS if (n := sum(record.label(kind) is not None for record in records))},
        ranges=_ranges(records),
        shortest_distance_A=shortest_of_all(environments),
    )


def range_of(values: Array) -> Range:
    """Spread of some numbers; there is at least one."""
    return Range(
        int(values.size),
        float(values.min()),
        float(values.mean()),
        float(values.max()),
        float(np.sqrt(np.mean(values**2))),
    )


def shortest_of_all(environments: Sequence[Environment]) -> dict[str, float]:
    """Pair of elements → shortest distance, Å, of those that come within reach."""
    shortest: dict[str, float] = {}
    for environment in environments:
        for pair, length in environment.shortest.items():
            shortest[pair] = min(shortest.get(pair, np.inf), length)
    return dict(sorted(shortest.items()))


def _ranges(records: Sequence[Record]) -> dict[str, Range]:
    energies = [r.energy / len(r.atoms) for r in records if r.energy is not None]
    volumes = [r.atoms.get_volume() / len(r.atoms) for r in records if r.atoms.pbc.all()]
    parts: dict[str, list[Array]] = {
        "energy_eV_per_atom": [np.array(energies)],
        "force_component_eV_per_A": [r.forces.ravel() for r in records if r.forces is not None],
        "pressure_GPa": [
            np.array([-np.trace(r.stress) / 3 * GPA_PER_EV_PER_A3]) for r in records if r.stress is not None
        ],
        "stress_component_GPa": [r.stress.ravel() * GPA_PER_EV_PER_A3 for r in records if r.stress is not None],
        "volume_A3_per_atom": [np.array(volumes)],
        "target": [r.target for r in records if r.target is not None],
    }
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items() if arrays}
    return {name: range_of(values) for name, values in joined.items() if values.size}
