"""Structures evaluated by LAMMPS with pair_style alignn, all in one run of the program, and what it printed."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.build import bulk, diamond100
from ase.calculators.lammps import Prism
from ase.io.lammpsdata import write_lammps_data
from numpy.typing import NDArray

from alignn_ff.interfaces.lammps import Lammps
from alignn_ff.interfaces.lammps.running import environment, start_words

BAR_PER_EV_PER_A3 = 1.6021765e6  # as LAMMPS has it in units metal
PLACES = "%.16g"


class Case(NamedTuple):
    """One structure and how LAMMPS gets it.

    Attributes:
        atoms: the structure.
        boundary: of LAMMPS.
        order: elements of the atom types, in this order.
        words: elements of ``pair_coeff``, if others than ``order``.
    """

    atoms: Atoms
    boundary: str
    order: tuple[str, ...] = ("Si", "O")
    words: tuple[str, ...] | None = None


class Evaluated(NamedTuple):
    """Numbers of LAMMPS in the frame of the structure: eV, eV/Å, eV/Å³ (tension positive)."""

    energy: float
    atomic_energy: NDArray[np.float64]
    forces: NDArray[np.float64]
    stress: NDArray[np.float64]
    summed_virial: NDArray[np.float64]
    pressure: NDArray[np.float64]


def cases() -> dict[str, Case]:
    """Every shape that neighbour lists and ghosts may get wrong, with large forces."""
    rng = np.random.default_rng(3)
    cube, pair = bulk("Si", cubic=True), bulk("Si")
    made: dict[str, Case] = {}

    def add(name: str, atoms: Atoms, boundary: str = "p p p", amplitude: float = 0.1) -> None:
        atoms.positions += rng.normal(scale=amplitude, size=(len(atoms), 3)) if len(atoms) > 1 else 0.0
        atoms.numbers[1::3] = 8
        made[name] = Case(atoms, boundary)

    add("cubic", cube.repeat((2, 2, 2)))
    triclinic = pair.repeat((3, 3, 3))
    triclinic.set_cell(triclinic.cell.array @ (np.eye(3) + rng.normal(0, 0.04, (3, 3))), scale_atoms=True)
    add("triclinic", triclinic)
    add("two atoms", pair.copy())
    add("thin", pair.repeat((1, 1, 3)))
    tilted = pair.repeat((2, 2, 2))
    tilted.set_cell(np.array([[1, 0, 0], [1, 1, 0], [-1, 1, 1]]) @ tilted.cell.array)
    add("strongly tilted", tilted)
    add("slab", diamond100("Si", (2, 2, 6), vacuum=8.0), "p p f")
    cluster = cube.repeat((2, 1, 1))
    cluster.center(vacuum=6.0)
    add("cluster", cluster, "f f f")
    hot = cube.repeat((2, 2, 2))
    del hot[[5, 17]]
    hot.positions[3] = hot.positions[4] + [1.2, 0.2, 0.1]
    add("hot, with vacancies", hot, amplitude=0.2)
    chain = Atoms("Si9", [[5.0, 5.0, z] for z in np.cumsum([1.0, 4.3, 3.1, 4.3, 3.1, 4.3, 3.1, 4.3, 3.1])])
    chain.cell = [10.0, 10.0, 34.0]
    add("chain", chain, "f f f", amplitude=0.02)
    add("lone atom", Atoms("Si", [[1.0, 2.0, 3.0]], cell=[12.0, 12.0, 12.0]))
    add("no edges", Atoms("Si3", [[1, 1, 1], [9, 9, 9], [1, 9, 17]], cell=[18.0, 18.0, 24.0]))
    mixed = cube.copy()
    mixed.positions += rng.normal(scale=0.1, size=(8, 3))
    mixed.numbers[:] = [14, 1, 8, 14, 14, 8, 1, 14]
    made["three elements"] = Case(mixed, "p p p", order=("O", "Si", "H"))
    made["elements in another order"] = made["triclinic"]._replace(order=("O", "Si"))
    for case in made.values():
        case.atoms.pbc = [letter == "p" for letter in case.boundary.split()]
    return made


def script(name: str, case: Case, data: Path, model: Path, style: str) -> str:
    """Input of one case."""
    elements = " ".join(case.words or case.order)
    components = " ".join(f"$(c_pressure[{k}]:{PLACES})" for k in range(1, 7))
    summed = " ".join(f"$(c_summed[{k}]:{PLACES})" for k in range(1, 7))
    return f"""
clear
units metal
atom_style atomic
newton on
boundary {case.boundary}
box tilt large
read_data {data}
neighbor 1.0 bin
pair_style {style}
pair_coeff * * {model} {elements}
compute each all pe/atom
compute virials all stress/atom NULL virial
compute summed all reduce sum c_virials[1] c_virials[2] c_virials[3] c_virials[4] c_virials[5] c_virials[6]
compute pressure all pressure NULL virial
thermo_style custom step pe c_pressure[1] c_summed[1]
thermo_modify norm no
run 0
write_dump all custom {data}.dump id fx fy fz c_each modify sort id format float {PLACES}
print "RESULT {name}: $(pe:{PLACES}) $(vol:{PLACES}) {components} {summed}"
"""


def evaluate(
    lammps: Lammps,
    plugin: Path,
    folder: Path,
    model: Path,
    chosen: Mapping[str, Case],
    *,
    processes: int,
    threads: int = 1,
    style: str = "alignn",
) -> dict[str, Evaluated]:
    """All cases in one run of LAMMPS."""
    text, prisms = "", {}
    for number, (name, case) in enumerate(chosen.items()):
        prisms[name] = Prism(case.atoms.cell.array, pbc=case.atoms.pbc)
        data = folder / f"{number}.data"
        write_lammps_data(data, case.atoms, specorder=list(case.order), prismobj=prisms[name], masses=True)
        text += script(name, case, data, model, style)
    output = run(lammps, plugin, folder, text, processes=processes, threads=threads)
    found = {}
    for number, name in enumerate(chosen):
        (line,) = [row for row in output.splitlines() if row.startswith(f"RESULT {name}: ")]
        numbers = np.array(line.partition(": ")[2].split(), dtype=float)
        table = np.loadtxt(folder / f"{number}.data.dump", skiprows=9, ndmin=2)
        found[name] = _evaluated(prisms[name], numbers, table)
    return found


def run(
    lammps: Lammps, plugin: Path, folder: Path, text: str, *, processes: int = 1, threads: int = 1, code: int = 0
) -> str:
    """Output of LAMMPS for an input file."""
    path = folder / "in.lammps"
    path.write_text(text)
    command = [*start_words(lammps, processes), str(lammps.program), "-in", str(path), "-log", "none"]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env=environment(lammps, [plugin], threads), timeout=500
    )
    output = ended.stdout + ended.stderr
    assert (ended.returncode == 0) == (code == 0), output[-3000:]
    return output


def driven_by_the_package(lammps: Lammps, script: Path, model: Path) -> str:
    """Output of LAMMPS where ``tests.support.lammps_driven`` gives the forces."""
    command = [sys.executable, "-m", "tests.support.lammps_driven", script.name, str(model)]
    variables = {**environment(lammps, [], 1), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=script.parent, env=variables, timeout=500)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-3000:]
    return ended.stdout


def _evaluated(prism: Prism, numbers: NDArray[np.float64], table: NDArray[np.float64]) -> Evaluated:
    energy, volume, pressure, summed = numbers[0], numbers[1], numbers[2:8], numbers[8:14]
    stress = -prism.tensor2_to_ase(_matrix(pressure)) / BAR_PER_EV_PER_A3
    forces = prism.vector_to_ase(table[:, 1:4])
    return Evaluated(energy, table[:, 4], forces, stress, -summed / volume, pressure)


def _matrix(voigt: Sequence[float]) -> NDArray[np.float64]:
    xx, yy, zz, xy, xz, yz = voigt
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
