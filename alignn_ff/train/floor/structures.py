"""Structures that data of a force field seldom hold: simple lattices dense and thin, random cells, small clusters."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

from alignn_ff.train.floor.law import EnergyFloor

Array = NDArray[np.float64]

LATTICES: Final[dict[str, Callable[[], Atoms]]] = {
    "fcc": lambda: bulk("X", "fcc", a=1.0),
    "bcc": lambda: bulk("X", "bcc", a=1.0),
    "hcp": lambda: bulk("X", "hcp", a=1.0, covera=1.633),
    "simple cubic": lambda: bulk("X", "sc", a=1.0),
    "diamond": lambda: bulk("X", "diamond", a=1.0),
    "β-tin": lambda: Atoms(
        "X4", scaled_positions=[[0, 0, 0], [0.5, 0, 0.25], [0.5, 0.5, 0.5], [0, 0.5, 0.75]], cell=[1, 1, 0.55], pbc=True
    ),
    "simple hexagonal": lambda: Atoms("X", cell=[[1, 0, 0], [-0.5, 3**0.5 / 2, 0], [0, 0, 0.93]], pbc=True),
}
"""Name → lattice of any size, all atoms alike."""

VOLUMES: Final = (0.4, 2.0)
"""Range of the volume of lattices relative to the sum of atomic volumes; its logarithm is uniform."""

RANDOM_VOLUMES: Final = (0.4, 1.2)
"""The same for random cells."""

SHARES: Final = {"lattice": 0.45, "cell": 0.3, "cluster": 0.25}
"""How many of the structures are of each kind."""

CLUSTER_SIZES: Final = (1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6)
"""Numbers of atoms of clusters, as often as they are listed."""

ALIGNED: Final = 0.5
"""Part of the atoms of a cluster that are put in line with two others, or nearly so: straight chains, which random
directions hardly give, are as far from any crystal as angles can be."""

CLOSEST: Final = 0.55
"""Shortest distance in random structures, relative to the sum of covalent radii."""

PURE: Final = 0.6
"""Part of the structures that consist of one element."""


def generate(floor: EnergyFloor, n_structures: int, *, seed: int) -> list[Atoms]:
    """Structures of the elements of a training set, each following from the seed and its number.

    Args:
        floor: of the training set.
        n_structures: how many.
        seed: decides all of them.
    """
    choices = _Choices(floor.elements, [name.split("-") for name in floor.systems if "-" in name])
    return [_structure(floor, choices, np.random.default_rng([seed, index])) for index in range(n_structures)]


def lattice(name: str, symbols: Sequence[str], volume_A3: float) -> Atoms:
    """A lattice of a given volume.

    Args:
        name: a key of ``LATTICES``.
        symbols: the atoms take them in turn.
        volume_A3: per atom.
    """
    atoms = LATTICES[name]()
    atoms.set_chemical_symbols([symbols[i % len(symbols)] for i in range(len(atoms))])
    factor = (volume_A3 * len(atoms) / atoms.get_volume()) ** (1.0 / 3.0)
    atoms.set_cell(atoms.cell.array * factor, scale_atoms=True)
    return atoms


class _Choices(NamedTuple):
    """Elements to make a structure of: single ones, and those that occur together in the training set."""

    single: Sequence[str]
    together: Sequence[Sequence[str]]

    def draw(self, rng: np.random.Generator) -> list[str]:
        """The elements of a structure."""
        if self.together and rng.random() > PURE:
            return list(self.together[int(rng.integers(len(self.together)))])
        return [self.single[int(rng.integers(len(self.single)))]]


def _structure(floor: EnergyFloor, choices: _Choices, rng: np.random.Generator) -> Atoms:
    symbols = choices.draw(rng)
    kind = rng.choice(list(SHARES), p=list(SHARES.values())) if floor.volumes else "cluster"
    if kind == "cluster":
        return _cluster([str(s) for s in rng.choice(symbols, rng.choice(CLUSTER_SIZES))], rng)
    if kind == "cell":
        chosen = [str(s) for s in rng.choice(symbols, rng.integers(1, 7))]
        return random_cell(chosen, floor.volume_A3(chosen) * _between(RANDOM_VOLUMES, rng), rng)
    name = str(rng.choice(list(LATTICES)))
    chosen = [str(s) for s in rng.choice(symbols, len(LATTICES[name]()))]
    atoms = lattice(name, chosen, floor.volume_A3(chosen) / len(chosen) * _between(VOLUMES, rng))
    return _distorted(atoms, rng) if rng.random() < 0.5 else atoms


def _between(limits: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))


def _distorted(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """Strained by some 5 %, and moved by up to a tenth of the distance between atoms."""
    strain = rng.normal(scale=0.05, size=(3, 3))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.5 * (strain + strain.T)), scale_atoms=True)
    spacing = (atoms.get_volume() / len(atoms)) ** (1.0 / 3.0)
    atoms.positions += rng.normal(scale=rng.uniform(0.0, 0.1) * spacing, size=atoms.positions.shape)
    return atoms


def random_cell(symbols: Sequence[str], volume_A3: float, rng: np.random.Generator) -> Atoms:
    """Random cell with atoms at random places, of which the least crowded of many tries is taken."""
    shape = np.eye(3) + rng.normal(scale=0.2, size=(3, 3))
    shape *= (volume_A3 / abs(np.linalg.det(shape))) ** (1.0 / 3.0)
    tries = [
        Atoms(list(symbols), cell=shape, pbc=True, scaled_positions=rng.random((len(symbols), 3))) for _ in range(12)
    ]
    return max(tries, key=_closest)


def _closest(atoms: Atoms) -> float:
    """Shortest distance relative to the sum of radii, within the cell and to the next images."""
    radii, places = _radii(atoms), atoms.get_scaled_positions()
    shifts = np.stack(np.meshgrid(*3 * [[-1, 0, 1]]), axis=-1).reshape(-1, 3)
    difference = places[None, :, None] - places[:, None, None] + shifts
    distance = np.linalg.norm(difference @ atoms.cell.array, axis=-1)
    relative = distance / (radii[:, None] + radii[None, :])[..., None]
    return float(relative[distance > 1e-8].min())


def _cluster(symbols: list[str], rng: np.random.Generator) -> Atoms:
    """A cluster that grows atom by atom, each near one that is there, in any direction or in line with another."""
    atoms = Atoms([symbols[0]], [[0.0, 0.0, 0.0]])
    while len(atoms) < len(symbols):
        new, near = symbols[len(atoms)], int(rng.integers(len(atoms)))
        direction = rng.normal(size=3)
        if len(atoms) > 1 and rng.random() < ALIGNED:
            line = atoms.positions[near] - atoms.positions[near - 1]
            direction = line / np.linalg.norm(line) + rng.uniform(0.0, 0.15) * direction
        reach = covalent_radii[atomic_numbers[new]] + _radii(atoms)[near]
        place = atoms.positions[near] + direction / np.linalg.norm(direction) * reach * rng.uniform(CLOSEST, 1.5)
        far = np.linalg.norm(atoms.positions - place, axis=1)
        if bool((far > CLOSEST * (_radii(atoms) + covalent_radii[atomic_numbers[new]]) * 0.999).all()):
            atoms += Atoms([new], [place])
    return atoms


def _radii(atoms: Atoms) -> Array:
    radii: Array = covalent_radii[atoms.numbers]
    return radii
