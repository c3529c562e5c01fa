"""Judgements of a potential, not laws: dimers repel at short range, a crystal has one volume of lowest energy."""

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
    return float(steps.clip(min=0.0).sum()) if bottoms else float(max(0.0, energy[: end + 1].max() - energy[0]))


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
