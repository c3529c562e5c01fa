"""Relaxations of many small cells: structures per hour of a batch, against a loop of ASE's relaxations.

    taskset -c 0,1 python benchmarks/batch.py --structures 60 --rounds 3

Both sides relax the same cells of 2 to 20 atoms (rattled and strained silicon) with the same model to the same limit,
and take turns in one run. The loop is what users of ASE write: one calculator, one structure after another, ASE's FIRE
or LBFGS, for cells with ``FrechetCellFilter``; it has all threads. The batch is what ``alignn-ff batch relax`` computes
without any options: processes by the number of cores, structures in flight in each. Its time includes the start of the
processes and all files, so few structures make it look slow: give some hundred.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.filters import FrechetCellFilter
from ase.io import read
from ase.optimize import FIRE, LBFGS
from turns import write_report

from alignn_ff import AlignnCalculator
from alignn_ff.batch import Batch, BatchConfig, Given, run_batch
from alignn_ff.relax import RelaxConfig

OPTIMIZERS = {"fire": FIRE, "lbfgs": LBFGS}
AGREE_EV = 2e-3
"""Per atom; two optimisers end at different points within the limit of forces."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="si")
    parser.add_argument("--dtype", default="float64")
    parser.add_argument("--structures", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fmax", type=float, default=0.02)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--cases", nargs="*", default=["lbfgs:none", "lbfgs:free", "fire:none", "fire:free"])
    parser.add_argument("--processes", type=int, default=None)
    parser.add_argument("--together", type=int, default=None)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    structures = cells(arguments.structures)
    sizes = [len(atoms) for atoms in structures]
    print(f"{len(structures)} cells of {min(sizes)} to {max(sizes)} atoms, {torch.get_num_threads()} threads")
    print(f"{'optimizer:cell':>15} {'loop, per hour':>15} {'batch, per hour':>16} {'ratio':>6} {'steps':>6}")
    rows = [measured(case, structures, arguments) for case in arguments.cases]
    write_report(arguments.report, rows, unit="structures per hour")


def cells(number: int) -> list[Atoms]:
    """Rattled, strained supercells of silicon of 2 to 20 atoms, the same each time."""
    random = np.random.default_rng(0)
    found = []
    for k in range(number):
        atoms = make_supercell(bulk("Si", a=5.43), np.diag([1, 1, 1 + k % 10]))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + random.normal(scale=0.015, size=(3, 3))), scale_atoms=True)
        atoms.rattle(0.08, seed=k)
        found.append(atoms)
    return found


def measured(case: str, structures: list[Atoms], arguments: argparse.Namespace) -> dict[str, object]:
    """Both sides in turns; their best rates."""
    optimizer, cell = case.split(":")
    sides = {
        "loop": partial(loop, structures, optimizer, cell, arguments),
        "batch": partial(batch, structures, optimizer, cell, arguments),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    energies: dict[str, np.ndarray] = {}
    n_steps: dict[str, float] = {}
    for _ in range(arguments.rounds):
        for name, side in sides.items():
            began = time.perf_counter()
            energies[name], n_steps[name] = side()
            seconds[name].append(time.perf_counter() - began)
    difference = float(np.abs(energies["loop"] - energies["batch"]).max())
    assert difference < AGREE_EV, f"the sides end at energies that differ by {difference:.2g} eV/atom"
    rates = {name: 3600.0 * len(structures) / min(values) for name, values in seconds.items()}
    ratio = rates["batch"] / rates["loop"]
    print(f"{case:>15} {rates['loop']:15,.0f} {rates['batch']:16,.0f} {ratio:6.1f} {n_steps['batch']:6.1f}")
    return {"case": case, **rates, "ratio": ratio, "seconds": seconds, "steps": n_steps, "eV_per_atom": difference}


def loop(structures: list[Atoms], optimizer: str, cell: str, arguments: argparse.Namespace) -> tuple[np.ndarray, float]:
    """As in the documentation of ASE: energies per atom (eV), and the mean number of steps."""
    calculator = AlignnCalculator(arguments.model, dtype=arguments.dtype, outside="ignore")
    energies, n_steps = [], 0
    for start in structures:
        atoms = start.copy()
        atoms.calc = calculator
        target = atoms if cell == "none" else FrechetCellFilter(atoms)
        relaxation = OPTIMIZERS[optimizer](target, logfile=None)
        relaxation.run(fmax=arguments.fmax, steps=arguments.steps)
        n_steps += relaxation.nsteps
        energies.append(atoms.get_potential_energy() / len(atoms))
    return np.array(energies), n_steps / len(structures)


def batch(
    structures: list[Atoms], optimizer: str, cell: str, arguments: argparse.Namespace
) -> tuple[np.ndarray, float]:
    """The same of ``alignn-ff batch relax``."""
    config = RelaxConfig(
        optimizer=optimizer,
        relax_cell=cell,
        fmax_eV_per_A=arguments.fmax,
        max_steps=arguments.steps,
        outside="ignore",
    )
    make = partial(AlignnCalculator, arguments.model, dtype=arguments.dtype, outside="ignore")
    how = BatchConfig(processes=arguments.processes, together=arguments.together)
    with tempfile.TemporaryDirectory() as folder:
        inputs = partial(given, structures)
        run_batch(Batch("relax", inputs, config, make, Path(folder) / "out", how))
        frames = read(Path(folder) / "out" / "shard-0000.extxyz", ":")
        records = (Path(folder) / "out" / "shard-0000.jsonl").read_text()
    by_name = {atoms.info["identifier"]: atoms.get_potential_energy() / len(atoms) for atoms in frames}
    n_steps = sum(int(line.split('"n_steps": ')[1].split(",")[0]) for line in records.splitlines())
    return np.array([by_name[f"cell-{k}"] for k in range(len(structures))]), n_steps / len(structures)


def given(structures: list[Atoms]) -> list[Given]:
    """The structures as a batch reads them."""
    return [Given(f"cell-{k}", f"cell {k}", atoms) for k, atoms in enumerate(structures)]


if __name__ == "__main__":
    main()
