"""Data folders in the form of the published package."""

import csv
import json
from pathlib import Path
from typing import Any

import ase.io
from ase import Atoms

from alignn_ff.units import GPA_PER_EV_PER_A3
from tests.support.labelled_data import copper_frames


def jarvis_atoms(atoms: Atoms, *, cartesian: bool = True) -> dict[str, Any]:
    """A structure in the form of jarvis."""
    return {
        "lattice_mat": atoms.cell.array.tolist(),
        "coords": (atoms.positions if cartesian else atoms.get_scaled_positions(wrap=False)).tolist(),
        "elements": list(atoms.symbols),
        "abc": atoms.cell.lengths().tolist(),
        "angles": atoms.cell.angles().tolist(),
        "cartesian": cartesian,
        "props": [""] * len(atoms),
    }


def force_field_entries(frames: list[Atoms], *, voigt: bool = False) -> list[dict[str, Any]]:
    """Entries of a force field's id_prop.json: eV per atom, eV/Å, GPa."""
    return [
        {
            "jid": f"cu-{index}",
            "atoms": jarvis_atoms(atoms, cartesian=bool(index % 2)),
            "total_energy": atoms.get_potential_energy() / len(atoms),
            "forces": atoms.get_forces().tolist(),
            "stresses": (atoms.get_stress(voigt=voigt) * GPA_PER_EV_PER_A3).tolist(),
        }
        for index, atoms in enumerate(frames)
    ]


def write_force_field_folder(folder: Path, n_frames: int = 12) -> Path:
    """A folder with the id_prop.json of a force field."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "id_prop.json").write_text(json.dumps(force_field_entries(copper_frames(n_frames))))
    return folder


def write_property_folder(folder: Path, targets: list[list[float]], *, suffix: str = "vasp") -> Path:
    """A folder with an id_prop.csv of rattled copper cells and the given targets."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, (atoms, target) in enumerate(zip(copper_frames(len(targets)), targets, strict=True)):
        name = f"POSCAR-{index}.{suffix}" if suffix == "vasp" else f"cell-{index}.{suffix}"
        bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
        bare.wrap()
        ase.io.write(folder / name, bare, format={"pdb": "proteindatabank", "xyz": "extxyz"}.get(suffix, suffix))
        rows.append([name, *map(repr, target)])
    with (folder / "id_prop.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def volumes(n_frames: int) -> list[float]:
    """Volume per atom of the same cells: a property that a graph network can learn."""
    return [float(atoms.get_volume() / len(atoms)) for atoms in copper_frames(n_frames)]
