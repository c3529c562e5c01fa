"""Small labelled data sets, made with potentials of ASE."""

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

GROUPS = ("bulk", "strained", "hot")


def copper_frames(n_frames: int = 12) -> list[Atoms]:
    """Rattled and strained cells of four copper atoms with energy, forces and stress of EMT."""
    generator = np.random.default_rng(7)
    frames = []
    for index in range(n_frames):
        atoms = bulk("Cu", cubic=True)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.02 * generator.normal(size=(3, 3))), scale_atoms=True)
        atoms.positions += 0.08 * generator.normal(size=(4, 3))
        frames.append(labelled(atoms, group=GROUPS[index % len(GROUPS)]))
    return frames


def molecule_frames(n_frames: int = 4) -> list[Atoms]:
    """Rattled water-like molecules of EMT's elements: energy and forces, no cell, no stress."""
    generator = np.random.default_rng(8)
    frames = []
    for _ in range(n_frames):
        atoms = molecule("CO")
        atoms.positions += 0.05 * generator.normal(size=(2, 3))
        frames.append(labelled(atoms, group="molecule"))
    return frames


def labelled(atoms: Atoms, group: str) -> Atoms:
    """The structure with EMT's labels attached as ASE reads them from a file."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    labels = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}
    if atoms.cell.rank == 3:
        labels["stress"] = atoms.get_stress()
    atoms.calc = SinglePointCalculator(atoms, **labels)
    atoms.info["config_type"] = group
    return atoms


def write_frames(path: Path, frames: list[Atoms]) -> Path:
    """Write extended XYZ."""
    ase.io.write(path, frames, format="extxyz")
    return path
