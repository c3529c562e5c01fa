"""Findings about single records and labels: net forces, outliers, short bonds, energies of an unlikely size."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

from alignn_ff.data_checks.environments import Environment
from alignn_ff.data_checks.findings import DataSet, Finding, named
from alignn_ff.train.records.doubtful import zero_labels, zero_sentences
from alignn_ff.train.records.record import Record
from alignn_ff.units import GPA_PER_EV_PER_A3

Array = NDArray[np.float64]

NET_FORCE: Final = 0.02
"""Net force per atom, as a part of the RMS force, and at least NET_FORCE_EV_PER_A, that is too much."""
NET_FORCE_EV_PER_A: Final = 0.005

OUTLIER: Final = 12.0
"""Robust standard deviations from the median."""
FEWEST_FOR_OUTLIERS: Final = 20

SHORT_BOND: Final = 0.5
"""Part of the sum of covalent radii."""

ALL_ELECTRON: Final = 0.7687
"""Energy of a neutral atom by Thomas and Fermi is −0.7687·Z^(7/3) Ha; light atoms have 0.6 to 0.8 of it."""
ENERGY_UNITS: Final[dict[str, float]] = {"Ha": 1.0, "kcal/mol": 627.509, "kJ/mol": 2625.5}


def net_forces(data: DataSet) -> list[Finding]:
    """Structures whose forces do not sum to zero."""
    records, name = data.records, data.name
    with_forces = [record for record in records if record.forces is not None]
    if not with_forces:
        return []
    rms = float(np.sqrt(np.mean(np.concatenate([_forces(r).ravel() for r in with_forces]) ** 2)))
    net = np.array([np.linalg.norm(_forces(r).sum(axis=0)) / len(r.atoms) for r in with_forces])
    limit = max(NET_FORCE * rms, NET_FORCE_EV_PER_A)
    bad = [record.identifier for record, value in zip(with_forces, net, strict=True) if value > limit]
    if not bad:
        return []
    sentence = (
        f"{name}: forces of {len(bad)} of {len(with_forces)} structures do not sum to zero (up to {net.max():.3g} eV/Å "
        f"per atom): {named(bad)}; constraints, an external field, or rows that were lost"
    )
    return [Finding("net force", sentence, tuple(bad))]


def outliers(data: DataSet) -> list[Finding]:
    """Records with a label far from those of the others."""
    records, name = data.records, data.name
    findings = []
    for title, unit, measure in QUANTITIES:
        measured = measure(records)
        if len(measured) < FEWEST_FOR_OUTLIERS:
            continue
        values = np.array([value for _, value in measured])
        middle = float(np.median(values))
        spread = 1.4826 * float(np.median(np.abs(values - middle)))
        far = [
            (abs(value - middle), identifier, value)
            for identifier, value in measured
            if abs(value - middle) > OUTLIER * max(spread, 1e-9) and abs(value - middle) > 0.05 * abs(middle)
        ]
        if 0 < len(far) <= max(2, 0.05 * len(measured)):
            _, worst, value = max(far)
            identifiers = tuple(identifier for _, identifier, _ in sorted(far, reverse=True))
            sentence = (
                f"{name}: {title} of {len(far)} structures is far from the others; the farthest, {worst}, has "
                f"{value:.4g} {unit}, the median is {middle:.4g}, the spread {spread:.2g}: {named(identifiers)}"
            )
            findings.append(Finding("outlier", sentence, identifiers))
    return findings


def filled_labels(data: DataSet) -> list[Finding]:
    """Labels that are exactly zero."""
    zero = zero_labels(data.records)
    sentences = zero_sentences(zero, f"of {len(data.records)} records")
    return [
        Finding("zero labels", f"{data.name}: {sentence}", names)
        for sentence, names in zip(sentences, zero.values(), strict=True)
    ]


def short_bonds(data: DataSet) -> list[Finding]:
    """Structures with atoms much closer than their covalent radii."""
    records, environments, name = data.records, data.environments, data.name
    contacts = [(*closest_contact(e), r.identifier) for r, e in zip(records, environments, strict=True) if e.shortest]
    short = sorted(contact for contact in contacts if contact[0] < SHORT_BOND)
    if not short:
        return []
    ratio, length, pair, worst = short[0]
    identifiers = tuple(identifier for *_, identifier in short)
    sentence = (
        f"{name}: {len(short)} structures have bonds below {SHORT_BOND:g} of the sum of covalent radii; the shortest, "
        f"{pair} in {worst}, is {length:.3f} Å ({ratio:.2f}): {named(identifiers)}; positions in Bohr or fractional?"
    )
    return [Finding("short bond", sentence, identifiers)]


def closest_contact(environment: Environment) -> tuple[float, float, str]:
    """The shortest bond relative to the sum of covalent radii: that ratio, length in Å, elements."""
    radii = {pair: sum(covalent_radii[atomic_numbers[s]] for s in pair.split("-")) for pair in environment.shortest}
    return min((length / radii[pair], length, pair) for pair, length in environment.shortest.items())


def unlikely_energies(data: DataSet) -> list[Finding]:
    """Energies of the size of all-electron energies in another unit than eV, or that do not grow with the size."""
    records, name = data.records, data.name
    labelled = [record for record in records if record.energy is not None]
    if not labelled:
        return []
    estimates = np.array([-ALL_ELECTRON * np.sum(record.atoms.numbers ** (7 / 3)) for record in labelled])
    ratio = float(np.median(np.array([record.energy for record in labelled]) / estimates))
    for unit, value in ENERGY_UNITS.items():
        if 0.6 * value < ratio < 1.05 * value:
            sentence = f"{name}: the energies are as large as all-electron energies in {unit}; eV are expected"
            return [Finding("units of energy", sentence)]
    return _per_atom(labelled, name)


def _per_atom(records: Sequence[Record], name: str) -> list[Finding]:
    """Total energies that are the same for any number of atoms."""
    by_formula: dict[tuple[int, ...], list[tuple[int, float]]] = {}
    for record in records:
        numbers, counts = np.unique(record.atoms.numbers, return_counts=True)
        key = (*numbers.tolist(), *(counts // np.gcd.reduce(counts)).tolist())
        assert record.energy is not None
        by_formula.setdefault(key, []).append((len(record.atoms), record.energy))
    slopes = []
    for sized in by_formula.values():
        sizes, energies = (np.array(column, dtype=np.float64) for column in zip(*sized, strict=True))
        if sizes.max() >= 2 * sizes.min() and np.all(energies < 0):
            slopes.append(float(np.polyfit(np.log(sizes), np.log(-energies), 1)[0]))
    if slopes and abs(float(np.median(slopes))) < 0.2:
        sentence = (
            f"{name}: energies do not grow with the number of atoms (power {np.median(slopes):.2f}); they look like "
            "energies per atom, where the total is expected"
        )
        return [Finding("units of energy", sentence)]
    return []


def _forces(record: Record) -> Array:
    assert record.forces is not None
    return record.forces


def _residual_energies(records: Sequence[Record]) -> list[tuple[str, float]]:
    """Energy per atom less what the composition explains, eV."""
    labelled = [record for record in records if record.energy is not None]
    if not labelled:
        return []
    elements = sorted({int(z) for record in labelled for z in record.atoms.numbers})
    fractions = np.array([[np.mean(record.atoms.numbers == z) for z in elements] for record in labelled])
    energies = np.array([(record.energy or 0.0) / len(record.atoms) for record in labelled])
    solution, *_ = np.linalg.lstsq(fractions, energies, rcond=None)
    return [(r.identifier, float(e)) for r, e in zip(labelled, energies - fractions @ solution, strict=True)]


def _largest_forces(records: Sequence[Record]) -> list[tuple[str, float]]:
    return [(r.identifier, float(np.linalg.norm(r.forces, axis=1).max())) for r in records if r.forces is not None]


def _pressures(records: Sequence[Record]) -> list[tuple[str, float]]:
    return [(r.identifier, float(-np.trace(r.stress) / 3 * GPA_PER_EV_PER_A3)) for r in records if r.stress is not None]


def _targets(records: Sequence[Record]) -> list[tuple[str, float]]:
    return [(r.identifier, float(r.target[0])) for r in records if r.target is not None and r.target.size == 1]


QUANTITIES: Final[tuple[tuple[str, str, Callable[[Sequence[Record]], list[tuple[str, float]]]], ...]] = (
    ("the energy per atom, less what the composition explains,", "eV", _residual_energies),
    ("the largest force", "eV/Å", _largest_forces),
    ("the pressure", "GPa", _pressures),
    ("the target", "", _targets),
)
"""Quantities in which outliers are searched: title, unit, identifier and value of each record."""
