"""Kinds of files that are mutated: one row each. A new kind of file is a new row."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff import checkpoint
from alignn_ff.analysis import AnalysisConfig, analyze
from alignn_ff.io import Source, read_structures
from alignn_ff.train import load_config
from tests.support import fuzz_states as states
from tests.support.mutations import BINARY, TEXT, Mutation


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        suffix: of its name.
        write: writes a valid file.
        read: reads a file as the package does; raises an ``AlignnError`` where it refuses it.
        reference: reads the same numbers with other means, or raises anything; None where there is no such means.
        mutations: how it is damaged.
        exit_codes: of the errors that are allowed.
    """

    suffix: str
    write: Callable[[Path], None]
    read: Callable[[Path], object]
    reference: Callable[[Path], list[Atoms]] | None = None
    mutations: Mapping[str, Mutation] = field(default_factory=lambda: TEXT)
    exit_codes: tuple[int, ...] = (2,)


def crystals() -> list[Atoms]:
    made = []
    for k in range(4):
        atoms = bulk("SiC", "zincblende", a=4.36, cubic=True)
        atoms.rattle(0.05, seed=k)
        atoms.info["time_fs"] = 2.5 * k
        made.append(atoms)
    return made


def with_labels() -> list[Atoms]:
    made = crystals()
    for k, atoms in enumerate(made):
        forces = np.random.default_rng(k).normal(size=(len(atoms), 3))
        atoms.set_momenta(forces)
        atoms.calc = SinglePointCalculator(atoms, energy=-3.0 * k, forces=forces, stress=forces[:2].ravel())
    return made


def write_dump(path: Path) -> None:
    """A dump of LAMMPS; ASE writes none."""
    text = io.StringIO()
    for k, atoms in enumerate(crystals()):
        print(f"ITEM: TIMESTEP\n{k}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS pp pp pp", file=text)
        for length in atoms.cell.lengths():
            print(f"0.0 {length:.6f}", file=text)
        print("ITEM: ATOMS id type element x y z", file=text)
        for i, (symbol, place) in enumerate(zip(atoms.symbols, atoms.positions, strict=True), start=1):
            print(i, 1 + (symbol == "C"), symbol, *(f"{x:.6f}" for x in place), file=text)
    path.write_text(text.getvalue())


def write_h5md(path: Path) -> None:
    from alignn_ff.trajectory.h5md import H5MDFile
    from alignn_ff.trajectory.snapshot import Snapshot

    file = H5MDFile(path, ("forces", "velocities"))
    for k, atoms in enumerate(with_labels()):
        file.write(Snapshot(k, 2.5 * k, atoms, atoms.get_forces(), -3.0 * k, 1.0, 300.0, -2.0))
    file.close()


def averaged(path: Path) -> object:
    """The analysis of a trajectory, as the command does it."""
    return analyze(path, config=AnalysisConfig()).to_json()


def by_ase(format_name: str) -> Callable[[Path], list[Atoms]]:
    return lambda path: ase.io.read(path, ":", format=format_name)


def structure_kind(
    suffix: str, format_name: str, *, many: bool = True, settings: Mapping[str, object] | None = None
) -> Kind:
    """Structures in a text format that ASE writes."""

    def write(path: Path) -> None:
        atoms = with_labels() if format_name == "extxyz" else crystals()
        ase.io.write(path, atoms if many else atoms[0], format=format_name, **(settings or {}))

    return Kind(suffix, write, read_structures, by_ase(format_name))


KINDS: Final[dict[str, Kind]] = {
    "extended XYZ": structure_kind(".extxyz", "extxyz"),
    "POSCAR": structure_kind(".vasp", "vasp", many=False),
    "CIF": structure_kind(".cif", "cif"),
    "LAMMPS data": structure_kind(".data", "lammps-data", many=False, settings={"masses": True}),
    "LAMMPS dump": Kind(".lammpstrj", write_dump, read_structures, by_ase("lammps-dump-text")),
    "LAMMPS dump with elements given": Kind(
        ".lammpstrj",
        write_dump,
        lambda path: read_structures(Source.of(path, elements=("Si", "C"))),
    ),
    "ASE trajectory": Kind(
        ".traj", lambda path: ase.io.write(path, with_labels()), read_structures, by_ase("traj"), BINARY
    ),
    "analysis of extended XYZ": Kind(".extxyz", lambda path: ase.io.write(path, with_labels()), averaged),
    "analysis of an ASE trajectory": Kind(
        ".traj", lambda path: ase.io.write(path, with_labels()), averaged, None, BINARY
    ),
    "analysis of HDF5": Kind(".h5", write_h5md, averaged, None, BINARY),
    "analysis of a LAMMPS dump": Kind(".lammpstrj", write_dump, averaged),
    "labels of extended XYZ": Kind(
        ".extxyz", lambda path: ase.io.write(path, with_labels()), states.labelled, by_ase("extxyz")
    ),
    "labels of an ASE database": Kind(".db", states.write_database, states.labelled, states.database_by_ase, BINARY),
    "id_prop.json": Kind(".json", states.write_id_prop, states.labelled),
    "id_prop.csv": Kind(".csv", states.write_table, states.labelled),
    "training config": Kind(".json", states.write_config, load_config),
    "restart file of dynamics": Kind(
        ".restart",
        states.write_dynamics,
        states.resumed_dynamics,
        None,
        {**states.ARCHIVE, "headed": states.headed, "headed again": states.headed},
        exit_codes=(2, 4),  # a guard may stop dynamics of another structure
    ),
    "restart file of a relaxation": Kind(".json", states.write_relaxation, states.resumed_relaxation),
    "journal of a property": Kind(".jsonl", states.write_journal, states.resumed_property),
    "training state": Kind(".pt", states.write_training, states.resumed_training, None, states.ARCHIVE),
    "model file": Kind(".pt", states.write_model, checkpoint.load, None, states.ARCHIVE),
}
"""Name → kind."""
