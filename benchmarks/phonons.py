"""Displaced supercells as one batch, against the usual loop of phonopy's users over an ASE calculator.

    python benchmarks/phonons.py --rounds 3

Both sides evaluate the same cells with the same model, alternating in one run; forces must agree to 1e-9 eV/Å. The
crystal is silicon without symmetry (8 atoms, displaced), so that every atom is displaced along every direction, both
ways.
"""

import argparse
import time

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff import AlignnCalculator
from alignn_ff.properties.phonons.bridge import Harmonic
from alignn_ff.properties.work import Work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of the 8 atoms along each direction")
    arguments = parser.parse_args()
    crystal = bulk("Si", cubic=True, a=5.47)
    crystal.rattle(0.03, seed=1)
    harmonic = Harmonic(crystal, np.diag([arguments.repeat] * 3))
    cells = harmonic.displaced(0.01, plus_minus=True)
    print(f"{len(cells)} supercells of {len(cells[0])} atoms, {torch.get_num_threads()} threads")
    one_by_one(cells[:2])
    together(cells[:2])
    times: dict[str, list[float]] = {"loop": [], "batch": []}
    for _ in range(arguments.rounds):
        for name, side in (("loop", one_by_one), ("batch", together)):
            began = time.perf_counter()
            forces = side(cells)
            times[name].append(time.perf_counter() - began)
            if name == "loop":
                expected = forces
            assert np.abs(np.array(forces) - np.array(expected)).max() < 1e-9
    loop, batch = min(times["loop"]), min(times["batch"])
    print(f"loop over cells {loop:.2f} s, one batch {batch:.2f} s: {loop / batch:.1f} times faster")


def one_by_one(cells: list[Atoms]) -> list[np.ndarray]:
    """As in examples of phonopy: a new Atoms object per supercell, the same calculator."""
    calculator = AlignnCalculator("si", dtype="float64")
    forces = []
    for cell in cells:
        atoms = Atoms(cell.symbols, positions=cell.positions, cell=cell.cell, pbc=True)
        atoms.calc = calculator
        forces.append(atoms.get_forces())
    return forces


def together(cells: list[Atoms]) -> list[np.ndarray]:
    """As ``alignn-ff phonon`` evaluates them."""
    work = Work(AlignnCalculator("si", dtype="float64"))
    return [one.forces for one in work.evaluate("displaced supercells", cells)]


if __name__ == "__main__":
    main()
