"""E(V) of simple lattices of elements, and dense random cells relaxed: whether a model has a hole at any density.

    python benchmarks/density.py universal Si Cu W --cells 4
    python benchmarks/density.py universal --compressed        # all elements of the model, from 3 Å³ per atom on

Energies are per atom, relative to the lowest of the lattices near its volume. A line per lattice: its ends, and every
minimum of the curve.
"""

import argparse

import numpy as np
from ase.data import atomic_numbers, chemical_symbols, covalent_radii
from numpy.typing import NDArray

from alignn_ff import AlignnCalculator, Potential, load_potential
from alignn_ff.errors import AlignnError
from alignn_ff.relax import RelaxConfig, relax
from alignn_ff.train.floor.structures import LATTICES, lattice, random_cell

Array = NDArray[np.float64]

TIMES: Array = np.linspace(0.5, 2.0, 61)
"""Volumes relative to that of the lowest lattice."""

STARTS: Array = np.geomspace(4.0, 120.0, 120)
"""Volumes per atom among which that of the lowest lattice is looked for, Å³."""

COMPRESSED: Array = np.geomspace(3.0, 120.0, 140)
"""Volumes per atom, Å³."""


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("elements", nargs="*", help="Si, or Na=36 with a volume per atom, Å³, to start from; none: all")
    parser.add_argument("--compressed", action="store_true", help="name only those whose compressed lattices fall")
    parser.add_argument("--cells", type=int, default=0, help="random cells that are relaxed, for each element")
    arguments = parser.parse_args()
    potential = load_potential(arguments.model)
    elements = arguments.elements or [chemical_symbols[z] for z in potential.header.elements]
    if arguments.compressed:
        falling = [element for element in elements if falls_when_compressed(potential, element)]
        print(f"{len(elements)} elements; lattices fall when compressed: {', '.join(falling) or 'of none'}")
        return
    for word in elements:
        element, _, given = word.partition("=")
        volume = float(given) if given else ground_volume(potential, element)
        curves = {name: curve(potential, element, name, TIMES * volume) for name in LATTICES}
        lowest = min(float(energies[abs(TIMES - 1.0) < 0.1].min()) for energies in curves.values())
        print(f"{element}: {volume:.2f} Å³ per atom")
        for name, energies in curves.items():
            print("  " + described(name, energies - lowest))
        ends = [relaxed(potential, element, volume, k) for k in range(arguments.cells)]
        if ends:
            print(
                "  random cells, eV/atom: " + ", ".join("stopped" if e is None else f"{e - lowest:.3f}" for e in ends)
            )


def curve(potential: Potential, element: str, name: str, volumes: Array) -> Array:
    """Energy per atom at each volume per atom, eV."""
    structures = [lattice(name, [element], volume) for volume in volumes]
    found = potential.predict(structures, derivatives=False)
    return np.array([one.energy / len(atoms) for one, atoms in zip(found, structures, strict=True)])


def ground_volume(potential: Potential, element: str) -> float:
    """Volume per atom of the lowest local minimum of all lattices, Å³."""
    minima = []
    for name in LATTICES:
        energies = curve(potential, element, name, STARTS)
        inner = np.flatnonzero((energies[1:-1] < energies[:-2]) & (energies[1:-1] < energies[2:])) + 1
        minima += [(energies[i], STARTS[i]) for i in inner.tolist()]
    return float(min(minima)[1])


def falls_when_compressed(potential: Potential, element: str) -> bool:
    """Whether the lowest energy of all lattices is at less than half a sphere of the covalent radius per atom."""
    lowest = np.min([curve(potential, element, name, COMPRESSED) for name in LATTICES], axis=0)
    sphere = 4.0 / 3.0 * np.pi * covalent_radii[atomic_numbers[element]] ** 3
    return bool(COMPRESSED[lowest.argmin()] < 0.5 * sphere)


def described(name: str, energies: Array) -> str:
    """One curve in words."""
    inner = np.flatnonzero((energies[1:-1] < energies[:-2]) & (energies[1:-1] < energies[2:])) + 1
    minima = ", ".join(f"{energies[i]:.3f} at {TIMES[i]:.2f}" for i in inner.tolist())
    falls = " FALLS towards the dense end" if energies[0] < energies[1] else ""
    return f"{name:18s} dense end {energies[0]:7.2f}, thin end {energies[-1]:5.2f} eV; minima: {minima}{falls}"


def relaxed(potential: Potential, element: str, volume: float, seed: int) -> float | None:
    """Energy per atom of a dense random cell after its relaxation, eV; None where the relaxation was stopped."""
    rng = np.random.default_rng([7, seed])
    n_atoms = int(rng.integers(2, 9))
    atoms = random_cell([element] * n_atoms, volume * n_atoms * rng.uniform(0.45, 0.9), rng)
    calculator = AlignnCalculator(potential, outside="ignore")
    config = RelaxConfig(relax_cell="free", fmax_eV_per_A=0.05, max_steps=300, outside="ignore")
    try:
        return relax(atoms, calculator, config=config).after.energy_eV / n_atoms
    except AlignnError:
        return None


if __name__ == "__main__":
    main()
