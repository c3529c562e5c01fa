"""Judgements of a potential, not laws: dimers repel when short, clusters hold no spikes, crystals have one volume."""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import chemical_symbols, covalent_radii

from alignn_ff.testing.law import Curve, Figure, Law, Measured, Setting, named
from alignn_ff.testing.physics.derivatives import has_volume
from alignn_ff.testing.scans import scaled_cell
from alignn_ff.testing.subjects import FloatArray

SHORTEST: Final = 0.5
"""Start of the dimers, in units of the sum of covalent radii."""

MOST_SHELLS: Final = 4.5
"""Cutoff over the shortest bond of a crystal; with a shorter bond an atom would have hundreds of neighbours."""

NOISE_EV: Final = 5e-3
"""A minimum or a fall that is smaller does not count, eV and eV per atom."""

CLUSTERS: Final = (3, 3, 3, 4, 4, 5, 6, 6)
"""Numbers of atoms of the clusters of an element, several times over."""

N_ROUNDS: Final = 6

CLOSEST: Final = 0.7
"""Shortest distance in a cluster, in units of the sum of covalent radii."""

STRAIGHT: Final = 0.4
"""Part of the atoms that go on nearly in line with two others."""

SPIKE_EV: Final = 10.0
"""Largest energy per atom of a cluster beyond that of its pairs; bonds of several atoms are worth less than this."""

BONDS_IN_A: Final[dict[str, float]] = {
    "diamond": np.sqrt(3) / 4,
    "sc": 1.0,
    "bcc": np.sqrt(3) / 2,
    "fcc": np.sqrt(0.5),
}
"""Crystal structure of one element → bond length in units of the lattice constant."""


def _dimers(setting: Setting) -> Measured:
    pairs = list(itertools.combinations_with_replacement(setting.subject.elements, 2))
    pairs.sort(key=lambda pair: pair[0] != pair[1])  # equal ones first
    tried = pairs[: setting.effort.n_pairs]
    figures, curves = [], []
    for pair in tried:
        name = "-".join(chemical_symbols[z] for z in pair)
        radii = covalent_radii[pair[0]] + covalent_radii[pair[1]]
        distance = np.linspace(
            SHORTEST * radii, max(max(setting.cutoffs_A, default=0.0), 3 * radii), 3 * _points(setting)
        )
        dimers = [Atoms(list(pair), [[0, 0, 0], [r, 0, 0]]) for r in distance]
        energy = np.array([found.energy for found in setting.subject.results(dimers)])
        bottoms = minima(energy, NOISE_EV)
        where = ", ".join(f"{distance[k]:.2f} Å ({energy[k] - energy[-1]:.2f} eV)" for k in bottoms)
        figures.append(Figure("minima of a dimer", float(len(bottoms)), 1.0, "", f"{name}: {where}"))
        hole = fall_inwards(energy, bottoms)
        figures.append(Figure("fall of the energy towards short distances", hole, NOISE_EV, "eV", name))
        curves.append(
            Curve(f"{name} dimer", "distance (Å)", "energy (eV)", _tuple(distance), _tuple(energy - energy[-1]))
        )
    if len(tried) < len(pairs):
        figures.append(Figure("pairs that were not scanned", float(len(pairs) - len(tried)), None, ""))
    return Measured(tuple(figures), tuple(curves))


def _clusters(setting: Setting) -> Measured:
    """Energies of small clusters beyond those of their pairs, which the dimer of the same force field gives.

    What no data show, a network may lift or lower by any amount, also one with small errors.
    """
    chosen = setting.subject.elements[: max(1, setting.effort.n_pairs // 2)]
    return Measured(tuple(figure for z in chosen for figure in _clusters_of(setting, z)))


def _clusters_of(setting: Setting, z: int) -> tuple[Figure, Figure]:
    rng, bond = np.random.default_rng(z), 2.0 * float(covalent_radii[z])
    clusters = [_cluster(z, n_atoms, bond, rng) for n_atoms in CLUSTERS * N_ROUNDS]
    far = max(max(setting.cutoffs_A, default=0.0), 3.0 * bond)
    distance = np.linspace(CLOSEST * bond, far, 60)
    dimers = [Atoms([z, z], [[0, 0, 0], [r, 0, 0]]) for r in distance]
    found = [one.energy for one in setting.subject.results([Atoms([z]), *dimers, *clusters])]
    alone, of_pair, energies = found[0], np.array(found[1 : len(distance) + 1]), found[len(distance) + 1 :]
    of_pair -= of_pair[-1]
    beyond = []
    for atoms, energy in zip(clusters, energies, strict=True):
        pairs = atoms.get_all_distances()[np.triu_indices(len(atoms), 1)]
        beyond.append((energy - np.interp(pairs, distance, of_pair).sum()) / len(atoms) - alone)

    def figure(words: str, values: FloatArray) -> Figure:
        k = int(np.argmax(values))
        where = f"{chemical_symbols[z]}{len(clusters[k])}: {_shape(clusters[k])}"
        return Figure(words, float(np.maximum(values[k], 0.0)), SPIKE_EV, "eV/atom", where)

    above = np.array(beyond)
    return figure("height of a cluster above its pairs", above), figure("depth of a cluster below its pairs", -above)


def _cluster(z: int, n_atoms: int, bond: float, rng: np.random.Generator) -> Atoms:
    """Atoms, each near one that is there, in any direction or nearly in line with two others."""
    positions = np.zeros((1, 3))
    while len(positions) < n_atoms:
        near = int(rng.integers(len(positions)))
        direction = rng.normal(size=3)
        if len(positions) > 1 and rng.random() < STRAIGHT:
            line = positions[near] - positions[near - 1]
            direction = line / np.linalg.norm(line) + rng.uniform(0.0, 0.1) * direction
        reach = bond * rng.uniform(CLOSEST, 1.4)
        place = positions[near] + reach * direction / np.linalg.norm(direction)
        if np.linalg.norm(positions - place, axis=1).min() >= CLOSEST * bond * 0.999:
            positions = np.vstack([positions, place])
    return Atoms([z] * n_atoms, positions)


def _shape(atoms: Atoms) -> str:
    """Shortest distance and widest angle of a cluster, in words."""
    distances = atoms.get_all_distances() + np.diag(np.full(len(atoms), np.inf))
    angles = [
        atoms.get_angle(int(i), j, int(k))
        for j in range(len(atoms))
        for i, k in itertools.combinations(np.argsort(distances[j])[: min(3, len(atoms) - 1)], 2)
    ]
    return f"shortest {distances.min():.2f} Å, widest angle {max(angles):.0f}°"


def _volumes(setting: Setting, crystal: str) -> Measured:
    """E(V) of one crystal of the largest elements, of which a thorough check takes more."""
    elements = sorted(setting.subject.elements, key=lambda z: -covalent_radii[z])
    chosen = elements[: max(1, setting.effort.n_pairs // 10)]
    found = [_volumes_of_element(setting, crystal, z) for z in chosen]
    return Measured(
        tuple(figure for each in found for figure in each.figures),
        tuple(curve for each in found for curve in each.curves),
    )


def _volumes_of_element(setting: Setting, crystal: str, z: int) -> Measured:
    bond = 2 * covalent_radii[z]
    atoms = bulk(chemical_symbols[z], crystal, a=bond / BONDS_IN_A[crystal])
    reach = max(setting.cutoffs_A, default=2.0 * bond)
    start = max(0.75, reach / (MOST_SHELLS * bond))
    points = np.linspace(start, max(1.3, min(1.8, 0.95 * reach / bond), start + 0.3), 2 * _points(setting))
    return _energy_of_volume(setting, atoms, points, f"{chemical_symbols[z]}, {crystal}")


def _volumes_of(setting: Setting, name: str) -> Measured:
    return _energy_of_volume(setting, setting.example(name), np.linspace(0.8, 1.25, 2 * _points(setting)), name)


def _energy_of_volume(setting: Setting, atoms: Atoms, points: FloatArray, name: str) -> Measured:
    path = scaled_cell(atoms)
    cells = [path(float(factor)).atoms for factor in points]
    energy = np.array([setting.results(cell).energy for cell in cells]) / len(atoms)  # dense cells one by one
    volume = np.array([cell.get_volume() for cell in cells]) / len(atoms)
    bottoms = minima(energy, NOISE_EV)
    where = ", ".join(f"{volume[k]:.2f} Å³ ({energy[k]:.3f} eV)" for k in bottoms)
    figures = [
        Figure("minima of E(V)", float(len(bottoms)), 1.0, "", f"{name}: {where}"),
        Figure("fall of the energy towards high density", fall_inwards(energy, bottoms), NOISE_EV, "eV/atom", name),
        Figure("fall of the energy towards low density", _fall_outwards(energy, bottoms), NOISE_EV, "eV/atom", name),
    ]
    curve = Curve(f"E(V), {name}", "volume (Å³/atom)", "energy (eV/atom)", _tuple(volume), _tuple(energy))
    return Measured(tuple(figures), (curve,))


def minima(energy: FloatArray, noise: float) -> list[int]:
    """Places of the minima inside a curve that lie deeper than ``noise`` below both sides."""
    found = []
    for k in range(1, len(energy) - 1):
        if not (energy[k] < energy[k - 1] and energy[k] <= energy[k + 1]):
            continue
        left, right = _barrier(energy[:k][::-1], energy[k]), _barrier(energy[k + 1 :], energy[k])
        if min(left, right) > noise:
            found.append(k)
    return found


def _barrier(side: FloatArray, bottom: float) -> float:
    """How high the curve rises on one side before it falls below a minimum."""
    below = np.flatnonzero(side < bottom)
    return float(side[: below[0]].max(initial=bottom) - bottom) if len(below) else float(side.max() - bottom)


def fall_inwards(energy: FloatArray, bottoms: Sequence[int]) -> float:
    """How far the energy falls towards small parameters, left of the first minimum (of the curve, without one)."""
    end = bottoms[0] if bottoms else len(energy) - 1
    steps = np.diff(energy[: end + 1])
    return float(steps.clip(min=0.0).sum()) if bottoms else float(np.maximum(energy[: end + 1].max() - energy[0], 0.0))


def _fall_outwards(energy: FloatArray, bottoms: Sequence[int]) -> float:
    """How far the energy falls towards large parameters, right of the last minimum."""
    if not bottoms:
        return 0.0
    steps = np.diff(energy[bottoms[-1] :])
    return float((-steps).clip(min=0.0).sum())


def _points(setting: Setting) -> int:
    return max(10, setting.effort.scan_points // 3)


def _tuple(numbers: FloatArray) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)


JUDGEMENTS: Final[dict[str, Law]] = {
    "dimers_repel_at_short_range": Law(
        "dimers: one minimum, repulsive at short range",
        "minima, and falls of the energy towards short distances",
        _dimers,
        nature="judgement",
        in_contracts=False,
    ),
    "clusters_hold_no_spikes": Law(
        "small clusters: no energies far from those of their pairs",
        "energy per atom beyond that of the pairs",
        _clusters,
        nature="judgement",
        in_contracts=False,
    ),
    "crystals_have_one_volume": Law(
        "E(V) of simple crystals: one minimum",
        "minima, and falls of the energy away from them",
        _volumes,
        nature="judgement",
        cases={"crystal": named(list(BONDS_IN_A))},
        in_contracts=False,
    ),
    "structures_have_one_volume": Law(
        "E(V) of the given structures: one minimum",
        "minima, and falls of the energy away from them",
        _volumes_of,
        nature="judgement",
        cases={"name": {}},
        in_contracts=False,
        suits=has_volume,
    ),
}
"""Rows of the table of laws."""
