"""The checks of the guards, one function each: a snapshot, the limits and a baseline in, a violation or None out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.cells import heights_A, volume_A3
from alignn_ff.domain.pairs import ClosePair, closest_pair, pair_name, pair_table
from alignn_ff.md.guards.limits import GuardLimits
from alignn_ff.runs.domain import findings_of
from alignn_ff.runs.uncertainty import deviations_of, worst_of
from alignn_ff.trajectory.snapshot import Snapshot
from alignn_ff.units import MEV_PER_EV

HOTTER: Final = 10.0
"""A run may be this many times hotter than its highest target temperature, even if the limit is lower."""

GRACE_FS: Final = 1_000.0
"""Shortest time by which the change of the conserved quantity is divided."""

NAMED_ATOMS: Final = 5


class Violation(NamedTuple):
    """A problem found in a snapshot.

    Attributes:
        message: for the user.
        limit: field of the limits that was exceeded; None if the check has no limit.
        value: the value found, in the unit of the limit.
        atoms: indices of the affected atoms.
    """

    message: str
    limit: str | None = None
    value: float | None = None
    atoms: tuple[int, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """Reference values with which snapshots are compared.

    Attributes:
        hottest_K: highest temperature of the schedule.
        extent_A: lowest and highest coordinates along x, y, z relative to the centre of mass at the start.
        volume_A3: of the cell at the start; None without a volume.
        heights_A: of the cell at the start.
        shortest_A: shortest distance of each pair of elements in the training data, "Si-Si" → Å.
        outside: the first finding of each kind outside of the training data, in words.
        window_start_fs, window_value_eV, window_stage: start of the window over which the drift is measured.
    """

    hottest_K: float
    extent_A: tuple[tuple[float, float, float], tuple[float, float, float]]
    volume_A3: float | None
    heights_A: tuple[float, ...]
    shortest_A: Mapping[str, float]
    window_start_fs: float = 0.0
    window_value_eV: float | None = None
    window_stage: int = 0
    outside: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        return asdict(self)


def baseline(atoms: Atoms, *, hottest_K: float, shortest_A: Mapping[str, float]) -> Baseline:
    """The reference values of a run that starts from ``atoms``."""
    relative = atoms.positions - atoms.get_center_of_mass()
    low, high = relative.min(axis=0).tolist(), relative.max(axis=0).tolist()
    return Baseline(hottest_K, (tuple(low), tuple(high)), volume_A3(atoms), heights_A(atoms), dict(shortest_A))


def finite(snapshot: Snapshot, limits: GuardLimits, start: Baseline) -> Violation | None:  # noqa: ARG001
    """Positions, momenta, forces and energies must be finite numbers."""
    broken = broken_atoms(snapshot.atoms, snapshot.forces_eV_per_A)
    if broken.size:
        return Violation(
            f"forces or positions are not finite numbers on {in_words(snapshot.atoms, broken)}", atoms=_few(broken)
        )
    if not np.isfinite([snapshot.potential_eV, snapshot.kinetic_eV]).all():
        energies = f"potential {snapshot.potential_eV}, kinetic {snapshot.kinetic_eV} eV"
        return Violation(f"the energy is not a finite number ({energies})")
    return None


def temperature(snapshot: Snapshot, limits: GuardLimits, start: Baseline) -> Violation | None:
    """The temperature must stay below the limit."""
    if limits.max_temperature_K is None:
        return None
    highest = max(limits.max_temperature_K, HOTTER * start.hottest_K)
    if snapshot.temperature_K <= highest:
        return None
    kinetic = np.square(snapshot.atoms.get_momenta()).sum(axis=1) / snapshot.atoms.get_masses()
    fastest = np.argsort(-kinetic)[:NAMED_ATOMS]
    return Violation(
        f"the temperature is {snapshot.temperature_K:.4g} K (limit {highest:g}); the fastest atoms are "
        f"{in_words(snapshot.atoms, fastest)}",
        "max_temperature_K",
        snapshot.temperature_K,
        _few(fastest),
    )


def drift(snapshot: Snapshot, limits: GuardLimits, start: Baseline) -> Violation | None:
    """The quantity that exact dynamics conserves must not drift."""
    if limits.max_drift_meV_per_atom_per_ps is None or start.window_value_eV is None or not snapshot.is_conserved:
        return None
    passed_ps = max(snapshot.time_fs - start.window_start_fs, GRACE_FS) * 1e-3
    change = (snapshot.conserved_eV - start.window_value_eV) * MEV_PER_EV / len(snapshot.atoms)
    if abs(change) / passed_ps <= limits.max_drift_meV_per_atom_per_ps:
        return None
    largest = np.argsort(-np.linalg.norm(snapshot.forces_eV_per_A, axis=1))[:NAMED_ATOMS]
    return Violation(
        f"the conserved quantity changed by {change:+.4g} meV/atom in the last "
        f"{snapshot.time_fs - start.window_start_fs:g} fs (limit {limits.max_drift_meV_per_atom_per_ps:g} "
        "meV/atom/ps); "
        f"the largest forces are on {in_words(snapshot.atoms, largest)}",
        "max_drift_meV_per_atom_per_ps",
        change / passed_ps,
        _few(largest),
    )


def distance(snapshot: Snapshot, limits: GuardLimits, start: Baseline) -> Violation | None:
    """No two atoms may be closer than in the training data, or than the user allows."""
    if snapshot.step % limits.distances_every:
        return None
    pair = too_close(snapshot.atoms, limits, start.shortest_A)
    if pair is None:
        return None
    first, second, found, allowed = pair
    closest = start.shortest_A.get(pair_name(*snapshot.atoms.numbers[[first, second]]))
    known = "" if closest is None else f"; the shortest distance in the training data is {closest:.3f} Å"
    return Violation(
        f"{in_words(snapshot.atoms, np.array([first, second]))} are {found:.3f} Å apart (limit {allowed:.3f} Å{known})",
        "min_distance_A" if limits.min_distance_A == allowed else "min_distance_fraction",
        found,
        (first, second),
    )


def domain(snapshot: Snapshot, limits: GuardLimits, start: Baseline) -> Violation | None:  # noqa: ARG001
    """Energy and volume per atom must stay near the ranges of the training data; distances have their own guard."""
    if limits.max_outside is None:
        return None
    for finding in findings_of(snapshot.atoms.calc):
        if finding.stops and finding.check != "distance" and finding.excess > limits.max_outside:
            return Violation(
                f"{finding.message} (--outside warn goes on)", "max_outside", finding.excess, _few(finding.atoms)
            )
    return None


def escape(snapshot: Snapshot, limits: GuardLimits, start: Baseline) -> Violation | None:
    """No atom may leave the structure along a direction that is not periodic."""
    atoms = snapshot.atoms
    if limits.max_escape_A is None or atoms.pbc.all():
        return None
    low, high = np.array(start.extent_A)
    relative = atoms.positions - atoms.get_center_of_mass()
    beyond = np.maximum(low - relative, relative - high) * _open_directions(atoms)
    farthest = beyond.max(axis=1)
    gone = np.flatnonzero(farthest > limits.max_escape_A)
    if not gone.size:
        return None
    return Violation(
        f"{in_words(atoms, gone)} left the structure: {farthest.max():.2f} Å beyond its initial extent "
        f"(limit {limits.max_escape_A:g} Å)",
        "max_escape_A",
        float(farthest.max()),
        _few(gone),
    )


def uncertainty(snapshot: Snapshot, limits: GuardLimits, start: Baseline) -> Violation | None:  # noqa: ARG001
    """The standard deviations of the model must stay below the limit."""
    if limits.max_uncertainty is None or snapshot.step % limits.uncertainty_every:
        return None
    worst = worst_of(deviations_of(snapshot.atoms))
    if worst is None or worst.value <= limits.max_uncertainty:
        return None
    return Violation(
        f"the model is uncertain at {in_words(snapshot.atoms, np.array([worst.atom]))}: a standard deviation of "
        f"{worst.value:.3g} {worst.unit} (limit {limits.max_uncertainty:g})",
        "max_uncertainty",
        worst.value,
        (worst.atom,),
    )


def cell(snapshot: Snapshot, limits: GuardLimits, start: Baseline) -> Violation | None:
    """Volume and heights of the cell must stay within the limits."""
    if limits.max_cell_ratio is None or start.volume_A3 is None:
        return None
    now = np.array([volume_A3(snapshot.atoms) or 0.0, *heights_A(snapshot.atoms)])
    ratios = now / np.array([start.volume_A3, *start.heights_A])
    worst = int(np.argmax(np.maximum(ratios, 1.0 / np.maximum(ratios, 1e-12))))
    if 1.0 / limits.max_cell_ratio <= ratios[worst] <= limits.max_cell_ratio:
        return None
    what = ("volume", "height along a", "height along b", "height along c")[worst]
    return Violation(
        f"the {what} of the cell is {ratios[worst]:.3f} of its initial value "
        f"(limits {1.0 / limits.max_cell_ratio:.3g} and {limits.max_cell_ratio:g})",
        "max_cell_ratio",
        float(ratios[worst]),
    )


def broken_atoms(atoms: Atoms, *more: NDArray[np.float64]) -> NDArray[np.intp]:
    """Atoms whose positions, momenta or further rows are not finite numbers."""
    rows = np.hstack([atoms.positions, atoms.get_momenta(), *more])
    return np.flatnonzero(~np.isfinite(rows).all(axis=1))


def too_close(atoms: Atoms, limits: GuardLimits, shortest_A: Mapping[str, float]) -> ClosePair | None:
    """The pair with the smallest ratio of distance to limit, if it is closer than that."""
    fraction, smallest = limits.min_distance_fraction or 0.0, limits.min_distance_A or 0.0
    allowed = {name: max(fraction * length, smallest) for name, length in shortest_A.items()}
    reach = max([smallest, *allowed.values()])
    if reach <= 0.0:
        return None
    from alignn_ff.graph.neighbors import radius_pairs  # imports torch, which a command's help does not need

    pairs = radius_pairs(atoms.positions, atoms.cell.array, atoms.pbc, reach)
    return closest_pair(atoms.numbers, pairs, pair_table(allowed, smallest), reach=reach)


def in_words(atoms: Atoms, indices: NDArray[np.intp]) -> str:
    """Atoms by number and element, the first few of them."""
    named = ", ".join(f"{index} ({atoms.symbols[index]})" for index in indices[:NAMED_ATOMS])
    more = f" and {indices.size - NAMED_ATOMS} more" if indices.size > NAMED_ATOMS else ""
    return f"atom(s) {named}{more}"


def _few(indices: Sequence[int] | NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(int(index) for index in indices[: 4 * NAMED_ATOMS])


def _open_directions(atoms: Atoms) -> NDArray[np.float64]:
    """(3,) 1 for Cartesian directions in which no periodic lattice vector has a component, 0 for the others."""
    periodic = atoms.cell.array[atoms.pbc]
    open_ones: NDArray[np.float64] = (np.abs(periodic) < 1e-6).all(axis=0).astype(np.float64)
    return open_ones
