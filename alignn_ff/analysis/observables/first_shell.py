"""Pairs of elements that are not first neighbours: shells of pair functions and one frame in, those pairs out.

Like ions have other ions between them: Na-Na in NaCl, F-F in CaF2, Cs-Cs in CsCl. In many alloys the shells differ by
the sizes of atoms only, and in ethane no hydrogen is between both carbons; there all pairs count. So a pair a-b is
behind c if all of this holds:

- its first peak is clearly farther than those of a-c and b-c,
- sizes of atoms do not explain it: spheres in contact have r_ab + r_cc = r_ac + r_bc,
- most of such pairs have a common neighbour c.
"""

from collections.abc import Mapping
from math import inf
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.analysis.observables.bonds import Bonds
from alignn_ff.analysis.observables.pairs import Pairs
from alignn_ff.analysis.result import FloatArray

FARTHER: Final = 1.1
"""Ratio of distances above which a shell is farther."""
MOST: Final = 0.5
"""Part of the pairs that need a common neighbour."""
MOST_ATOMS: Final = 500
"""Atoms of an element whose pairs are looked at."""
IMAGES: Final = 64
"""Periodic images along a vector that a key can hold."""

IntArray = NDArray[np.int64]


class Shell(NamedTuple):
    """The first shell of a pair of elements.

    Attributes:
        peak_A: of g(r).
        minimum_A: behind it; bonds are shorter.
    """

    peak_A: float
    minimum_A: float


def pairs_behind(atoms: Atoms, shells: Mapping[str, Shell]) -> dict[str, str]:
    """Pairs that are not first neighbours → the element that is between them.

    Args:
        atoms: a frame.
        shells: of the pairs that have one, "Cl-Na" → shell, elements in alphabetical order.
    """
    if not shells:
        return {}
    bonds = Bonds(atoms, {name: shell.minimum_A for name, shell in shells.items()})
    pairs, symbols = bonds.of(atoms), bonds.symbols
    behind: dict[str, str] = {}
    for name in sorted(shells, key=lambda name: shells[name].peak_A):
        a, b = name.split("-")
        for c in symbols:
            sides = _name(a, c), _name(b, c)
            near = all(side in shells and side not in behind for side in sides)
            if near and _is_farther(name, sides, _name(c, c), shells):
                kinds = symbols.index(a), symbols.index(b), symbols.index(c)
                if _shared(atoms, pairs, bonds.kind, kinds) > MOST:
                    behind[name] = c
                    break
    return behind


def _name(a: str, b: str) -> str:
    return "-".join(sorted((a, b)))


def _is_farther(name: str, sides: tuple[str, str], middle: str, shells: Mapping[str, Shell]) -> bool:
    """Whether a shell is farther than both sides, and than sizes explain."""
    far, left, right = (shells[pair].peak_A for pair in (name, *sides))
    between = shells[middle].peak_A if middle in shells else inf
    return far > FARTHER * max(left, right) and far + between > FARTHER * (left + right)


def _shared(atoms: Atoms, pairs: Pairs, kind: IntArray, kinds: tuple[int, int, int]) -> float:
    """Part of the pairs a-b that have a common neighbour c, of the first atoms a."""
    a, b, c = kinds
    looked_at = np.zeros(len(atoms), dtype=bool)
    looked_at[np.flatnonzero(kind == a)[:MOST_ATOMS]] = True
    first, second = kind[pairs.first], kind[pairs.second]
    direct = np.flatnonzero(looked_at[pairs.first] & (second == b))
    if not direct.size:
        return 0.0
    there, onward = np.flatnonzero(looked_at[pairs.first] & (second == c)), np.flatnonzero((first == c) & (second == b))
    begin, end = (np.searchsorted(pairs.first[onward], pairs.second[there], side) for side in ("left", "right"))
    left = np.repeat(np.arange(len(there)), end - begin)
    right = np.arange(len(left)) - np.repeat(np.cumsum(end - begin) - end, end - begin)
    there, onward = there[left], onward[right]
    bridged = _keys(atoms, pairs.first[there], pairs.second[onward], pairs.vector[there] + pairs.vector[onward])
    return float(np.isin(_keys(atoms, pairs.first[direct], pairs.second[direct], pairs.vector[direct]), bridged).mean())


def _keys(atoms: Atoms, first: IntArray, second: IntArray, vectors: FloatArray) -> IntArray:
    """(n,) one number for each pair of atoms and periodic image."""
    inverse = np.linalg.inv(atoms.cell.complete().array)
    places = atoms.positions @ inverse
    places -= np.where(atoms.pbc, np.floor(places), 0.0)
    images = np.rint(vectors @ inverse - places[second] + places[first]).astype(np.int64) % IMAGES
    keys: IntArray = first * len(atoms) + second
    for axis in range(3):
        keys = keys * IMAGES + images[:, axis]
    return keys
