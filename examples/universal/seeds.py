"""Plausible structures of any elements, drawn at random: substituted DFT frames, prototypes, elemental crystals.

In: frames with labels, prototypes, a random generator. Out: ASE's ``Atoms``, the same for the same generator.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, chemical_symbols, covalent_radii
from ase.formula import Formula
from ase.neighborlist import neighbor_list
from numpy.random import Generator

from alignn_ff.units import GPA_PER_EV_PER_A3

CALM_EV_PER_A: Final = 1.5
CALM_GPA: Final = 0.15 * GPA_PER_EV_PER_A3
"""Largest force and stress of a frame whose volume tells the size of its atoms."""
MOST_ATOMS: Final = 20
MOST_OF_A_PROTOTYPE: Final = 16
SMALLEST_A3, LARGEST_A3 = 5.0, 120.0
"""Range of atomic volumes."""

SHARES: Final = {"substituted": 0.45, "prototype": 0.45, "elemental": 0.10}
"""How often each kind of seed is drawn."""

ANIONS: Final = ("O", "S", "Se", "Te", "F", "Cl", "Br", "I", "N", "P", "H", "C", "B", "Si", "As")
GROUPS: Final = (
    "Li Na K Rb Cs",
    "Be Mg Ca Sr Ba",
    "Sc Ti V Cr Mn Fe Co Ni Cu Zn Y Zr Nb Mo Tc Ru Rh Pd Ag Cd Hf Ta W Re Os Ir Pt Au Hg",
    "La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
    "Ac Th Pa U Np Pu",
    "B Al Ga In Tl C Si Ge Sn Pb",
    "N P As Sb Bi",
    "O S Se Te",
    "F Cl Br I",
    "H",
    "He Ne Ar Kr Xe",
)
"""Elements that replace each other."""

FOREIGN: Final = 0.25
"""How often an element is replaced by any other, and not by one of its group."""
CRYSTALS: Final = {"fcc": 1, "bcc": 1, "hcp": 2, "sc": 1, "diamond": 2}
"""Elemental crystal → atoms in its cell."""


class Prototype(NamedTuple):
    """A crystal structure of which any elements are made; ``anion`` is its most electronegative element."""

    atoms: Atoms
    anion: int


class Distortion(NamedTuple):
    """Widths of a distortion: logarithm of the volume, strain, and the displacements (Å) of which one is drawn."""

    volume: float
    strain: float
    rattle_A: tuple[float, ...]


SMALL: Final = Distortion(0.04, 0.012, (0.01, 0.03))
LARGE: Final = Distortion(0.10, 0.03, (0.02, 0.06, 0.12, 0.2))


class Pool(NamedTuple):
    """What seeds are made of.

    Attributes:
        calm: frames near equilibrium, to substitute elements in.
        prototypes: crystal structures.
        volumes: atomic number → Å³; the elements that seeds may hold.
    """

    calm: tuple[Atoms, ...]
    prototypes: tuple[Prototype, ...]
    volumes: Mapping[int, float]


def pool_of(
    frames: Iterable[Atoms],
    prototypes: Sequence[Prototype],
    *,
    most_atoms: int = MOST_ATOMS,
    held_out: Collection[str] = (),
) -> Pool:
    """The pool of labelled frames and of prototypes.

    Args:
        frames: with forces and stresses.
        prototypes: crystal structures, of which those with few atoms are used.
        most_atoms: larger frames are left out.
        held_out: formulas (:func:`formula_of`) whose frames no seed is made from.
    """
    small = [atoms for atoms in frames if len(atoms) <= most_atoms and atoms.pbc.all()]
    calm = [atoms for atoms in small if _is_calm(atoms) and formula_of(atoms.symbols) not in held_out]
    elements = sorted({int(z) for atoms in small for z in atoms.numbers})
    usable = tuple(one for one in prototypes if len(one.atoms) <= MOST_OF_A_PROTOTYPE)
    bare = tuple(Atoms(a.numbers, a.positions, cell=a.cell, pbc=True) for a in calm)
    return Pool(bare, usable, atomic_volumes(calm, elements))


def formula_of(symbols: Iterable[str]) -> str:
    """Composition with the smallest whole numbers, elements by atomic number."""
    counts = Counter(symbols)
    return str(Formula.from_dict({s: counts[s] for s in sorted(counts, key=atomic_numbers.__getitem__)}).reduce()[0])


def atomic_volumes(frames: Sequence[Atoms], elements: Sequence[int]) -> dict[int, float]:
    """Volume of each element by least squares over the frames, drawn towards one from its covalent radius, Å³."""
    prior = np.array([2.2 * 4.0 / 3.0 * np.pi * covalent_radii[z] ** 3 + 4.0 for z in elements])
    counts = np.array([[np.count_nonzero(a.numbers == z) for z in elements] for a in frames], dtype=float)
    counts = counts.reshape(-1, len(elements))
    volumes = np.array([atoms.get_volume() for atoms in frames])
    fitted = np.linalg.solve(counts.T @ counts + np.eye(len(elements)), counts.T @ volumes + prior)
    return dict(zip(elements, np.clip(fitted, SMALLEST_A3, LARGEST_A3).tolist(), strict=True))


def shares_with(substituted: float) -> dict[str, float]:
    """Shares of the kinds of seeds, of which one is given; the others stay in proportion."""
    scale = (1.0 - substituted) / (1.0 - SHARES["substituted"])
    return {kind: substituted if kind == "substituted" else scale * share for kind, share in SHARES.items()}


def draw_seed(random: Generator, pool: Pool, by_kind: Mapping[str, float] = SHARES) -> Atoms:
    """A structure at the volume that its elements need.

    Args:
        random: what it is drawn with.
        pool: what it is made of.
        by_kind: kind of seed → how often it is drawn.
    """
    kinds = [kind for kind in by_kind if kind == "elemental" or _source(kind, pool)]
    shares = np.array([by_kind[kind] for kind in kinds])
    if not shares.sum():
        raise ValueError("no frame is near equilibrium, so no elements can be substituted; give --substituted below 1")
    kind = kinds[random.choice(len(kinds), p=shares / shares.sum())]
    if kind == "elemental":
        return _elemental(random, pool)
    return _substituted(random, pool) if kind == "substituted" else _from_prototype(random, pool)


def distorted(random: Generator, atoms: Atoms, widths: Distortion) -> Atoms:
    """The same structure with another volume, strained and rattled."""
    changed = atoms.copy()
    volume = np.clip(np.exp(random.normal(0.0, widths.volume)), 0.8, 1.3)
    strain = random.normal(0.0, widths.strain, (3, 3))
    deformation = np.eye(3) * volume ** (1.0 / 3.0) + 0.5 * (strain + strain.T)
    changed.set_cell(changed.cell.array @ deformation, scale_atoms=True)
    changed.positions += random.normal(0.0, random.choice(widths.rattle_A), changed.positions.shape)
    return changed


def is_sane(atoms: Atoms) -> bool:
    """Whether a structure is matter: its density, the edges of its cell, and distances that atoms can have."""
    if not np.isfinite(atoms.positions).all() or not 2.0 < atoms.get_volume() / len(atoms) < 150.0:
        return False
    if atoms.cell.lengths().min() < 1.8:
        return False
    first, second, distance = neighbor_list("ijd", atoms, 3.0)
    radii = covalent_radii[atoms.numbers]
    return bool((distance > 0.62 * (radii[first] + radii[second])).all())


def _substituted(random: Generator, pool: Pool) -> Atoms:
    atoms = pool.calm[random.integers(len(pool.calm))].copy()
    before = _volume(atoms, pool)
    if random.random() < 0.8:
        atoms.numbers = _replaced(random, atoms.numbers, pool)
    return _scaled(atoms, atoms.get_volume() * _volume(atoms, pool) / before)


def _from_prototype(random: Generator, pool: Pool) -> Atoms:
    prototype = pool.prototypes[random.integers(len(pool.prototypes))]
    atoms, elements = prototype.atoms.copy(), list(pool.volumes)
    kinds = sorted({int(z) for z in atoms.numbers} - {prototype.anion})
    drawn = random.choice(elements, size=min(len(kinds) + 1, len(elements)), replace=False).tolist()
    if kinds and random.random() < 0.6:
        anions = [atomic_numbers[symbol] for symbol in ANIONS if atomic_numbers[symbol] in pool.volumes]
        drawn[-1] = int(random.choice([z for z in anions if z not in drawn[:-1]] or elements))
    new = dict(zip([*kinds, prototype.anion], drawn, strict=False))
    atoms.numbers = np.array([new.get(int(z), drawn[0]) for z in atoms.numbers])
    return _scaled(atoms, _volume(atoms, pool))


def _elemental(random: Generator, pool: Pool) -> Atoms:
    elements = list(pool.volumes)
    number, crystal = int(random.choice(elements)), str(random.choice(list(CRYSTALS)))
    shape = {"a": 4.0, "c": 4.0 * np.sqrt(8.0 / 3.0)} if crystal == "hcp" else {"a": 4.0}
    atoms = _scaled(bulk(chemical_symbols[number], crystal, **shape), pool.volumes[number] * CRYSTALS[crystal])
    atoms = atoms * ((2, 1, 1) if random.random() < 0.5 else (2, 2, 1))
    if random.random() < 0.4 and len(atoms) > 2:
        atoms.numbers[random.integers(len(atoms))] = int(random.choice(elements))
    return atoms


def _replaced(random: Generator, numbers: Sequence[int], pool: Pool) -> np.ndarray:
    """Each element replaced by one of its group, or by any; different ones stay different."""
    new: dict[int, int] = {}
    for old in sorted({int(z) for z in numbers}):
        options = list(pool.volumes) if random.random() < FOREIGN else _group(old, pool)
        free = [z for z in options if z not in new.values()] or list(pool.volumes)
        new[old] = int(random.choice(free))
    return np.array([new[int(z)] for z in numbers])


def _group(number: int, pool: Pool) -> list[int]:
    members = [
        atomic_numbers[s] for group in GROUPS for s in group.split() if chemical_symbols[number] in group.split()
    ]
    return [z for z in members if z in pool.volumes] or list(pool.volumes)


def _source(kind: str, pool: Pool) -> Sequence[object]:
    return pool.calm if kind == "substituted" else pool.prototypes


def _is_calm(atoms: Atoms) -> bool:
    stress_GPa = np.abs(atoms.get_stress()).max() * GPA_PER_EV_PER_A3
    return bool(np.abs(atoms.get_forces()).max() < CALM_EV_PER_A and stress_GPa < CALM_GPA)


def _volume(atoms: Atoms, pool: Pool) -> float:
    return sum(pool.volumes[int(z)] for z in atoms.numbers)


def _scaled(atoms: Atoms, volume_A3: float) -> Atoms:
    atoms.set_cell(atoms.cell * (volume_A3 / atoms.get_volume()) ** (1.0 / 3.0), scale_atoms=True)
    return atoms
