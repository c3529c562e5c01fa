"""Structures that a parameter moves: an atom across a cutoff, a bond angle across 0° or 180°, pairs, triplets, cells.

:func:`scan` follows the energy along such a path, and finds where it is not explained by forces and stress.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms

from alignn_ff.potential import Potential
from alignn_ff.testing.structures import BOND_A
from alignn_ff.testing.subjects import FloatArray, Results, Subject

FINEST: Final = 2e-4
"""Width of an interval, in units of the path's parameter, that is not halved any more."""

SHARE: Final = 0.05
"""Part of the unexplained energy that an interval may have, so that many intervals together keep the limit."""

AIM: Final = 0.3
"""Part of the limit of a kink below which an interval is not halved, in the first half of the points."""

FOLLOWED: Final = 4
"""Worst intervals that are still halved when a scan has reached its number of points."""

FOURTH_DIFFERENCE: Final = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
BOOLE: Final = np.array([7.0, 32.0, 12.0, 32.0, 7.0]) / 90.0
"""Of five equally spaced values: vanishes for a cubic; the integral per width."""


class Place(NamedTuple):
    """A structure on a path.

    Attributes:
        atoms: the structure.
        velocity: (n_atoms, 3) change of the positions with the parameter, beside the strain.
        strain_rate: (3, 3) strain of the cell with the parameter.
    """

    atoms: Atoms
    velocity: FloatArray
    strain_rate: FloatArray = np.zeros((3, 3))


Path = Callable[[float], Place]


class Jump(NamedTuple):
    """A place where a path is not smooth.

    Attributes:
        at: parameter of the path.
        energy_eV: change of the energy that forces and stress do not explain.
        kink: change of a force that does not shrink with the step, relative to the largest force there (at least
            1 eV/Å).
    """

    at: float
    energy_eV: float
    kink: float


class Scan(NamedTuple):
    """A path.

    Attributes:
        parameter: of each point, increasing.
        energy_eV: of each point.
        slope: dE/dt that forces and stress give.
        unexplained_eV: largest change of the energy along the path that the slope does not explain.
        kink: largest change of a force that does not shrink with the step, relative to the largest force at the place
            (at least 1 eV/Å).
        jumps: places where one of them exceeds its limit.
    """

    parameter: FloatArray
    energy_eV: FloatArray
    slope: FloatArray
    unexplained_eV: float
    kink: float
    jumps: tuple[Jump, ...]


def scan(
    subject: Subject, path: Path, points: Sequence[float], *, explained_eV: float, jump: float, most_points: int
) -> Scan:
    """Energy and forces along a path; intervals where something is unexplained are halved until it is explained.

    An interval is explained if the change of the energy equals Boole's rule over five slopes, and if the fourth
    difference of five forces vanishes. Both errors fall with a high power of the width where the energy is smooth, and
    stay where it jumps. What is left is summed along the path, so a slope that is wrong everywhere counts as well.

    Args:
        subject: the force field.
        path: parameter → structure.
        points: parameters to start with, increasing.
        explained_eV: limit of the energy.
        jump: limit of the kink.
        most_points: number of points after which only the worst intervals are halved.
    """
    line = _Line(subject, path)
    pairs = list(itertools.pairwise(points))
    closed: list[_Interval] = []
    while pairs:
        line.add([t for pair in pairs for t in _five(*pair)])
        judged = [line.interval(*pair) for pair in pairs]
        aim = jump * (AIM if len(line.found) < most_points / 2 else 1.0)
        open_ = [i for i in judged if i.excess(SHARE * explained_eV, aim) > 1 and i.end - i.start > FINEST]
        closed += [i for i in judged if i not in open_]
        open_.sort(key=lambda interval: -interval.excess(SHARE * explained_eV, aim))
        followed = len(open_) if len(line.found) < most_points else FOLLOWED
        closed += open_[followed:]
        pairs = [half for interval in open_[:followed] for half in interval.halves]
    parameter = np.array(sorted(line.found))
    closed.sort()
    left_over = np.cumsum([0.0, *(i.energy for i in closed)])
    jumps = [Jump(0.5 * (i.start + i.end), abs(i.energy), i.kink) for i in closed if i.excess(explained_eV, jump) > 1]
    return Scan(
        parameter,
        np.array([line.found[t].results.energy for t in parameter]),
        np.array([line.found[t].slope for t in parameter]),
        float(left_over.max() - left_over.min()),
        max(i.kink for i in closed),
        tuple(sorted(jumps)),
    )


def _five(start: float, end: float) -> tuple[float, float, float, float, float]:
    middle = 0.5 * (start + end)
    return start, 0.5 * (start + middle), middle, 0.5 * (middle + end), end


class _Interval(NamedTuple):
    """An interval of a path: unexplained energy (eV), and fourth difference of the forces relative to the forces."""

    start: float
    end: float
    energy: float
    kink: float

    def excess(self, energy: float, kink: float) -> float:
        """The larger one in units of its limit; infinite if it is no number."""
        worst = np.max([abs(self.energy) / energy, self.kink / kink])
        return float(np.inf if np.isnan(worst) else worst)

    @property
    def halves(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Both halves."""
        middle = 0.5 * (self.start + self.end)
        return (self.start, middle), (middle, self.end)


class _Found(NamedTuple):
    results: Results
    slope: float


class _Line:
    """All points of a path that are known."""

    def __init__(self, subject: Subject, path: Path) -> None:
        self.subject, self.path = subject, path
        self.found: dict[float, _Found] = {}

    def add(self, points: Sequence[float]) -> None:
        """Evaluate further points."""
        new = [t for t in dict.fromkeys(points) if t not in self.found]
        places = [self.path(t) for t in new]
        for t, place, results in zip(new, places, self.subject.results([p.atoms for p in places]), strict=True):
            slope = -float((results.forces * place.velocity).sum())
            if place.strain_rate.any():
                slope += float((results.stress * place.strain_rate).sum()) * float(place.atoms.get_volume())
            self.found[t] = _Found(results, slope)

    def interval(self, start: float, end: float) -> _Interval:
        """An interval with its errors."""
        five = [self.found[t] for t in _five(start, end)]
        rule = (end - start) * float(BOOLE @ [each.slope for each in five])
        energy = five[-1].results.energy - five[0].results.energy - rule
        forces = np.array([each.results.forces for each in five])
        bend = np.abs(np.tensordot(FOURTH_DIFFERENCE, forces, axes=1)).max(initial=0.0)
        return _Interval(start, end, energy, float(bend / np.abs(forces).max(initial=1.0)))


def stretched_pair(first: int, second: int) -> Path:
    """Two atoms; the parameter is their distance, Å."""
    velocity = np.array([[0.0, 0, 0], [1.0, 0, 0]])
    return lambda distance: Place(Atoms([first, second], [[0, 0, 0], [distance, 0, 0]]), velocity)


def stretched_triplet(numbers: Sequence[int], bond_A: float) -> Path:
    """A bond, and a third atom that moves away at an angle of 100° from the first; the parameter is its distance, Å."""
    direction = np.array([np.cos(np.deg2rad(100.0)), np.sin(np.deg2rad(100.0)), 0.0])
    velocity = np.array([np.zeros(3), np.zeros(3), direction])
    return lambda r: Place(Atoms(list(numbers), [[0, 0, 0], [bond_A, 0, 0], r * direction]), velocity)


def bent_triplet(numbers: Sequence[int], bond_A: float) -> Path:
    """Two bonds at the first atom; the parameter is their angle, rad."""

    def at(angle: float) -> Place:
        cos, sin = np.cos(angle), np.sin(angle)
        positions = [[0, 0, 0], [bond_A, 0, 0], [bond_A * cos, bond_A * sin, 0]]
        velocity = bond_A * np.array([[0, 0, 0], [0, 0, 0], [-sin, cos, 0]])
        return Place(Atoms(list(numbers), positions), velocity)

    return at


def scaled_cell(atoms: Atoms) -> Path:
    """A structure whose cell and positions are scaled; the parameter is the factor."""

    def at(factor: float) -> Place:
        scaled = atoms.copy()
        scaled.set_cell(factor * atoms.cell.array, scale_atoms=False)
        scaled.positions = factor * atoms.positions
        return Place(scaled, np.zeros((len(atoms), 3)), np.eye(3) / factor)

    return at


def crossing_atom(potential: Potential, distance_A: float) -> Atoms:
    """Two bonded pairs; the last atom lies ``distance_A`` from the first, and no other pair is near a cutoff."""
    recipe = potential.header.graph
    candidates = [_two_pairs(potential.header.elements, distance_A, width) for width in (1.0, 1.06, 0.94, 1.12, 0.88)]
    margins = [_margin(atoms, (recipe.cutoff, recipe.line_cutoff)) for atoms in candidates]
    place = next((k for k, margin in enumerate(margins) if margin > 0.03), None)
    assert place is not None, "the scan would cross a cutoff twice"
    return candidates[place]


def _two_pairs(elements: Sequence[int], x: float, width: float) -> Atoms:
    positions = np.array([[0, 0, 0], [-0.8, 1.3, 1.0], [0.6 * x, 2.1, 0.4], [x + 0.8, -0.1, 1.7], [x, 0, 0]])
    positions[:, 1:] *= width
    return Atoms([elements[i % len(elements)] for i in range(5)], positions)


def _margin(atoms: Atoms, cutoffs_A: Sequence[float]) -> float:
    """Smallest difference of a distance to a cutoff; the pair of the first and last atom does not count."""
    distances = atoms.get_all_distances()
    distances[0, -1] = distances[-1, 0] = 0.0
    return float(min(np.abs(distances - reach).min() for reach in cutoffs_A))


def bent_chain(potential: Potential, angle: float, offset_A: float) -> Atoms:
    """Three atoms at 0° or 180°, the third moved across the line, and a fourth one off the line."""
    elements = potential.header.elements
    bond = 0.45 * potential.header.graph.line_cutoff if angle == 0.0 else BOND_A
    third = 2.0 * bond if angle == 0.0 else -bond
    positions = [[bond, 0, 0], [0, 0, 0], [third, offset_A, 0], [0.4, -0.3, 2.3]]
    return Atoms([elements[i % len(elements)] for i in range(4)], positions)
