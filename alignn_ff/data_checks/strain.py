"""Are forces and stresses the slope of the energy? Checked on pairs of structures that differ little.

For two structures 1, 2 of the same atoms, close to each other, the trapezoid rule gives, exactly where the energy is
quadratic,

    E₂ − E₁ = −½ Σ (F₁ + F₂)·Δu + ½ (V₁σ₁ + V₂σ₂):ε

with displacements Δu at fixed strain and the strain ε from cell 1 to cell 2. Fitted over many pairs, a factor
of the force or the stress term shows wrong units or signs, a constant in the diagonal of σ an offset.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.train.records.record import Record

Array = NDArray[np.float64]

LARGEST_STRAIN: Final = 0.12
LARGEST_DISPLACEMENT_A: Final = 0.4
SMALLEST_STRAIN: Final = 1e-4
PARTNERS: Final = 6
"""Nearest partners of each structure that are compared."""


class Pair(NamedTuple):
    """Two structures of the same atoms, close to each other.

    Attributes:
        energy: E₂ − E₁, eV.
        work: −½ Σ (F₁ + F₂)·Δu, eV.
        strain_work: ½ (V₁σ₁ + V₂σ₂):ε, eV; None without cell or stress labels.
        virial_work: ½ (σ₁ + σ₂):ε, eV if the labels are stresses times the volume; None as strain_work.
        dilation: ½ (V₁ + V₂)·tr ε, Å³; 0 without cell.
        third_order: dilation times the mean square displacement, Å⁵, and times (tr ε)², Å³: terms of the third order
            that look like an offset of the stress.
        stiffness: −Σ(F₂ − F₁)·Δu over Σ|Δu|², eV/Å²; None where nothing is displaced.
        distance: norm of ε, plus the RMS displacement in Å.
        n_atoms: of each.
    """

    energy: float
    work: float
    strain_work: float | None
    virial_work: float | None
    dilation: float
    third_order: tuple[float, float]
    stiffness: float | None
    distance: float
    n_atoms: int


def close_pairs(records: Sequence[Record]) -> list[Pair]:
    """Pairs of neighbouring structures among those with the same atoms in the same order, with energy and forces."""
    families: dict[tuple[bytes, bytes], list[Record]] = defaultdict(list)
    for record in records:
        if record.energy is not None and record.forces is not None and record.atoms.pbc.sum() in (0, 3):
            families[record.atoms.numbers.tobytes(), record.atoms.pbc.tobytes()].append(record)
    return [pair for family in families.values() if len(family) > 1 for pair in _pairs_of(family)]


def _pairs_of(family: Sequence[Record]) -> Iterator[Pair]:
    """Each structure with its nearest partners that come after it."""
    for index, record in enumerate(family):
        others = family[index + 1 :]
        if not others:
            return
        compare = _periodic if record.atoms.pbc.all() else _molecular
        found = [pair for pair in (compare(record, other) for other in _preselected(record, others)) if pair]
        yield from sorted(found, key=lambda pair: pair.distance)[:PARTNERS]


def _preselected(record: Record, others: Sequence[Record]) -> list[Record]:
    """Those with the most similar cells, so that large families do not cost their square in work."""
    if len(others) <= 4 * PARTNERS:
        return list(others)
    cells = np.stack([other.atoms.cell.array for other in others])
    distance = np.linalg.norm(cells - record.atoms.cell.array, axis=(1, 2))
    nearest = np.argsort(distance, kind="stable")
    return [others[i] for i in nearest[: 4 * PARTNERS]]


def _periodic(one: Record, other: Record) -> Pair | None:
    """Two cells; None where they are too far apart."""
    first, second = one.atoms.cell.array, other.atoms.cell.array
    deformation = np.linalg.solve(first, second)
    strain = _strain(deformation)
    if strain is None:
        return None
    change = np.linalg.solve(second.T, other.atoms.positions.T).T - np.linalg.solve(first.T, one.atoms.positions.T).T
    change -= np.round(change)
    displacement = (change - change.mean(axis=0)) @ (0.5 * (first + second))
    spread = float(np.sqrt((displacement**2).sum(axis=1).mean()))
    if spread > LARGEST_DISPLACEMENT_A:
        return None
    size = float(np.linalg.norm(strain))
    volumes = (abs(np.linalg.det(first)), abs(np.linalg.det(second)))
    strain_work, virial_work = None, None
    if one.stress is not None and other.stress is not None:
        strain_work = float(0.5 * np.sum((volumes[0] * one.stress + volumes[1] * other.stress) * strain))
        virial_work = float(0.5 * np.sum((one.stress + other.stress) * strain))
    dilation = float(0.5 * sum(volumes) * np.trace(strain)) if size > SMALLEST_STRAIN else 0.0
    third_order = (dilation * spread**2, dilation * float(np.trace(strain)) ** 2)
    strain_work = 0.0 if size <= SMALLEST_STRAIN else strain_work
    pair = _pair(one, other, displacement, size + spread)
    return pair._replace(strain_work=strain_work, virial_work=virial_work, dilation=dilation, third_order=third_order)


def _strain(deformation: Array) -> Array | None:
    """Symmetric strain of a small deformation, right to third order; None where large or mostly a rotation."""
    if np.linalg.norm(deformation - np.eye(3)) > 2 * LARGEST_STRAIN:
        return None
    half = 0.5 * (deformation - np.linalg.inv(deformation))
    symmetric: Array = 0.5 * (half + half.T)
    turned = np.linalg.norm(half - half.T)
    return None if np.linalg.norm(symmetric) > LARGEST_STRAIN or turned > LARGEST_STRAIN else symmetric


def _molecular(one: Record, other: Record) -> Pair | None:
    """The same for molecules, the second turned onto the first."""
    first = one.atoms.positions - one.atoms.positions.mean(axis=0)
    second = other.atoms.positions - other.atoms.positions.mean(axis=0)
    u, _, vt = np.linalg.svd(second.T @ first)
    rotation = u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt
    displacement = second @ rotation - first
    spread = float(np.sqrt((displacement**2).sum(axis=1).mean()))
    if spread > LARGEST_DISPLACEMENT_A:
        return None
    assert other.forces is not None
    return _pair(one, other._replace(forces=other.forces @ rotation), displacement, spread)


def _pair(one: Record, other: Record, displacement: Array, distance: float) -> Pair:
    """A pair without strain."""
    assert one.forces is not None
    assert other.forces is not None
    assert one.energy is not None
    assert other.energy is not None
    work = float(-0.5 * np.sum((one.forces + other.forces) * displacement))
    moved = float(np.sum(displacement**2))
    still = moved < len(displacement) * SMALLEST_STRAIN**2
    stiffness = None if still else float(-np.sum((other.forces - one.forces) * displacement)) / moved
    return Pair(
        energy=other.energy - one.energy,
        work=work,
        strain_work=None,
        virial_work=None,
        dilation=0.0,
        third_order=(0.0, 0.0),
        stiffness=stiffness,
        distance=max(distance, 1e-6),
        n_atoms=len(one.atoms),
    )
