"""Where point defects can be: distinct sites of a crystal, and the atoms that are removed and added there."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.geometry import find_mic, get_distances
from numpy.typing import NDArray
from scipy.spatial import Voronoi

from alignn_ff.properties.symmetry import symmetry_dataset

FloatArray = NDArray[np.float64]

DIRECTIONS: Final = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
"""Axes of split interstitials, in lattice vectors of the conventional cell."""
SPLIT: Final = 0.5
"""Half the distance of the two atoms of a split interstitial, in units of the nearest-neighbour distance."""


class Site(NamedTuple):
    """One defect of the conventional cell.

    Attributes:
        label: "Si vacancy", with a number where there are several.
        removed: index of the atom that is taken out; None takes out none.
        added: (symbol, (3,) position in Å) of the atoms that are put in.
        centre: (3,) Å, place of the defect.
        multiplicity: number of equivalent sites per conventional cell; None for split interstitials.
    """

    label: str
    removed: int | None
    added: tuple[tuple[str, FloatArray], ...]
    centre: FloatArray
    multiplicity: int | None

    def built(self, supercell: Atoms) -> Atoms:
        """The defect in a supercell whose first atoms are those of the conventional cell."""
        defect: Atoms = supercell.copy()
        if self.removed is not None:
            del defect[self.removed]
        for symbol, position in self.added:
            defect += Atoms(symbol, positions=[position])
        return defect


def vacancies(crystal: Atoms, element: str | None, tolerance_A: float) -> list[Site]:
    """One missing atom for each distinct site."""
    sites = [
        Site(f"{crystal.symbols[index]} vacancy", index, (), crystal.positions[index], count)
        for index, count in distinct_atoms(crystal, tolerance_A)
        if element in (None, crystal.symbols[index])
    ]
    return numbered(sites)


def antisites(crystal: Atoms, element: str | None, tolerance_A: float) -> list[Site]:
    """One atom of another element of the crystal for each distinct site; ``element`` is the one that is added."""
    sites = [
        Site(f"{added} on {host}", index, ((added, place),), place, count)
        for index, count in distinct_atoms(crystal, tolerance_A)
        for host, place in [(crystal.symbols[index], crystal.positions[index])]
        for added in elements_of(crystal)
        if added != host and element in (None, added)
    ]
    return numbered(sites)


def interstitials(crystal: Atoms, element: str | None, tolerance_A: float) -> list[Site]:
    """One atom more: in each distinct void, and sharing each distinct site along three directions."""
    chosen = [symbol for symbol in elements_of(crystal) if element in (None, symbol)]
    voids = distinct_voids(crystal, tolerance_A)
    in_voids = [
        Site(f"{symbol} in void", None, ((symbol, place),), place, count) for symbol in chosen for place, count in voids
    ]
    split = [
        Site(f"{symbol} split {''.join(map(str, axis))}", index, pair, crystal.positions[index], None)
        for symbol in chosen
        for index, _ in distinct_atoms(crystal, tolerance_A)
        for axis in DIRECTIONS
        for pair in [_pair(crystal, index, symbol, np.asarray(axis, dtype=float))]
    ]
    return numbered(in_voids + split)


def elements_of(crystal: Atoms) -> list[str]:
    """Elements, in the order of the structure."""
    return list(dict.fromkeys(crystal.get_chemical_symbols()))


def distinct_atoms(crystal: Atoms, tolerance_A: float) -> list[tuple[int, int]]:
    """(index, number of equivalent atoms) of the atoms that symmetry does not map onto each other."""
    equivalent = symmetry_dataset(crystal, tolerance_A).equivalent_atoms
    indices, counts = np.unique(equivalent, return_counts=True)
    return [(int(index), int(count)) for index, count in zip(indices, counts, strict=True)]


def distinct_voids(crystal: Atoms, tolerance_A: float) -> list[tuple[FloatArray, int]]:
    """(place, number of equivalent ones) of the voids: corners of the Voronoi cells, the widest first."""
    around = crystal.repeat((3, 3, 3))
    around.positions -= crystal.cell.array.sum(axis=0)
    corners = Voronoi(around.positions).vertices @ np.linalg.inv(crystal.cell.array)
    inside = corners[((corners > -1e-6) & (corners < 1.0 - 1e-6)).all(axis=1)]
    places = _apart(inside @ crystal.cell.array, crystal, max(tolerance_A, 0.05))
    classes = equivalent_places(crystal, places, tolerance_A)
    found = [(places[members[0]], len(members)) for members in classes]
    return sorted(found, key=lambda void: -nearest_atom_A(crystal, void[0]))


def nearest_atom_A(crystal: Atoms, place: FloatArray) -> float:  # noqa: N802 - the unit's letter
    """Distance from a place to the nearest atom."""
    return float(get_distances([place], crystal.positions, cell=crystal.cell, pbc=True)[1].min())


def equivalent_places(crystal: Atoms, places: FloatArray, tolerance_A: float) -> list[list[int]]:
    """Indices of places, grouped by the space group of the crystal."""
    symmetry = symmetry_dataset(crystal, tolerance_A)
    fractional = places @ np.linalg.inv(crystal.cell.array)
    left, classes = list(range(len(places))), []
    while left:
        images = np.einsum("gij,j->gi", symmetry.rotations, fractional[left[0]]) + symmetry.translations
        members = [i for i in left if _nearest(images - fractional[i], crystal) < max(10 * tolerance_A, 0.05)]
        classes.append(members)
        left = [i for i in left if i not in members]
    return classes


def numbered(sites: Sequence[Site]) -> list[Site]:
    """Sites with numbers where labels repeat."""
    labels = [site.label for site in sites]
    return [
        site._replace(label=f"{label} {labels[: index + 1].count(label)}") if labels.count(label) > 1 else site
        for index, (site, label) in enumerate(zip(sites, labels, strict=True))
    ]


def _apart(places: FloatArray, crystal: Atoms, distance_A: float) -> FloatArray:
    """Places without those that are closer than a distance to an earlier one."""
    kept: list[FloatArray] = []
    for place in places:
        if not kept or find_mic(np.array(kept) - place, crystal.cell)[1].min() > distance_A:
            kept.append(place)
    return np.array(kept)


def _nearest(differences: FloatArray, crystal: Atoms) -> float:
    """Smallest length in Å of fractional differences, images included."""
    folded = differences - np.round(differences)
    return float(np.linalg.norm(folded @ crystal.cell.array, axis=1).min())


def _pair(crystal: Atoms, index: int, symbol: str, axis: FloatArray) -> tuple[tuple[str, FloatArray], ...]:
    """The atom of a site and one more, on both sides of the site."""
    direction = axis @ crystal.cell.array
    others = crystal.repeat((2, 2, 2))
    distances = find_mic(others.positions - crystal.positions[index], others.cell)[1]
    shift = SPLIT * float(distances[distances > 0.1].min()) * direction / np.linalg.norm(direction)
    place = crystal.positions[index]
    return (crystal.symbols[index], place - shift), (symbol, place + shift)
