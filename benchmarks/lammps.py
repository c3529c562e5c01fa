"""LAMMPS with pair_style alignn beside dynamics of the package, and what a step costs in addition to the evaluation.

    python benchmarks/lammps.py --json docs/figures/lammps.json

NVE dynamics of silicon with the shipped model at 1,000 and 10,000 atoms. Short runs of LAMMPS take turns with short
runs of ``run_md`` (ASE, files and log at their default intervals). LAMMPS prints the time of its loop, and the pair
style counts the seconds of the network, so that the share of everything else is measured inside one run.
"""

import argparse
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import torch
from ase import Atoms
from ase.build import bulk
from ase.io.lammpsdata import write_lammps_data
from turns import timing, write_report

from alignn_ff import AlignnCalculator, load_potential
from alignn_ff.export import ExportOptions
from alignn_ff.export.lammps.file import write
from alignn_ff.interfaces.lammps import Lammps, build_plugin, find_lammps
from alignn_ff.interfaces.lammps.running import environment, start_words
from alignn_ff.md import MDConfig, Snapshot, md_files, run_md
from alignn_ff.potential import Potential

INPUT = """
units metal
atom_style atomic
newton on
read_data si.data
neighbor 1.0 bin
pair_style alignn
pair_coeff * * si.alignn Si
velocity all create {temperature} 1 loop geom
timestep 0.001
fix move all nve
compute network all pair alignn
thermo_style custom step pe c_network[3]
thermo_modify format float %.15g
thermo {steps}
run {steps}
run {steps}
"""


class Step(NamedTuple):
    """Seconds per step of one short run: all of it, and the evaluation of the network."""

    whole: float
    evaluation: float


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    potential = load_potential(arguments.model, device="cpu", dtype=arguments.dtype, backend="native")
    lammps = find_lammps()
    rows: list[dict[str, object]] = []
    for n_atoms in arguments.atoms:
        cells = round((n_atoms / 8) ** (1 / 3))
        atoms = bulk("Si", a=5.469, cubic=True).repeat(cells)
        atoms.rattle(0.05, seed=1)
        rows += rounds(potential, atoms, lammps, arguments)
    write_report(arguments.json, rows, unit="seconds a step")


def rounds(
    potential: Potential, atoms: Atoms, lammps: Lammps, arguments: argparse.Namespace
) -> list[dict[str, object]]:
    """LAMMPS and the package in turns; the first round is not counted."""
    sides = {"LAMMPS": list[Step](), "run_md": list[Step]()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(potential, folder / "si.alignn", ExportOptions())
        write_lammps_data(folder / "si.data", atoms, masses=True)
        for _ in range(arguments.rounds + 1):
            sides["LAMMPS"].append(in_lammps(lammps, folder, arguments))
            sides["run_md"].append(in_package(potential, atoms, folder, arguments))
    threads, processes = arguments.threads, arguments.processes
    print(
        f"{len(atoms)} atoms, {potential.name}, {arguments.dtype}, {threads} threads, LAMMPS on {processes} processes"
    )
    rows: list[dict[str, object]] = []
    for side, steps in sides.items():
        whole = timing([step.whole for step in steps[1:]])
        beside = timing([100 * (step.whole / step.evaluation - 1) for step in steps[1:]])
        print(
            f"  {side:8s} {1e3 * whole.median:9.2f} ± {1e3 * whole.spread:5.2f} ms per step; everything beside the "
            f"evaluation: {beside.median:5.1f} ± {beside.spread:4.1f} % of it"
        )
        rows.append(
            {"side": side, "n_atoms": len(atoms), "processes": processes, **whole._asdict(), "beside_%": beside.median}
        )
    return rows


def in_lammps(lammps: Lammps, folder: Path, arguments: argparse.Namespace) -> Step:
    """The second of two short runs, when everything is in memory."""
    text = INPUT.format(temperature=arguments.temperature_K, steps=arguments.steps)
    (folder / "in.si").write_text(text)
    command = [*start_words(lammps, arguments.processes), str(lammps.program), "-in", "in.si", "-log", "none"]
    variables = environment(lammps, [build_plugin(lammps)], arguments.threads)
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=variables)
    whole = float(re.findall(r"Loop time of (\S+)", ended.stdout)[-1])
    table = ended.stdout.rpartition("   Step ")[2].splitlines()
    first, last = (float(line.split()[2]) for line in (table[1], table[2]))
    evaluation = (last - first) / arguments.processes
    return Step(whole / arguments.steps, evaluation / arguments.steps)


def in_package(potential: Potential, atoms: Atoms, folder: Path, arguments: argparse.Namespace) -> Step:
    """The same dynamics by the package; its first step is not counted."""
    plain, ends, seconds = potential.evaluate, list[float](), list[float]()

    def note(snapshot: Snapshot) -> None:  # noqa: ARG001 - an observer
        ends.append(time.perf_counter())

    def evaluate(*given: object, **options: object) -> object:
        began = time.perf_counter()
        result = plain(*given, **options)  # type: ignore[arg-type]
        seconds.append(time.perf_counter() - began)
        return result

    config = MDConfig(steps=arguments.steps, temperature_K=arguments.temperature_K)
    files = md_files(folder / "si.vasp", prefix=folder / "si")
    potential.evaluate = evaluate  # type: ignore[method-assign, assignment]
    try:
        run_md(atoms, AlignnCalculator(potential), config=config, files=files, on_step=note)
    finally:
        del potential.evaluate
        for path in folder.glob("si-*"):
            path.unlink()
    steps = len(ends) - 1
    return Step((ends[-1] - ends[0]) / steps, sum(seconds[-steps:]) / steps)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="LAMMPS with pair_style alignn beside dynamics of the package.")
    parser.add_argument("--model", default="si")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--atoms", type=int, nargs="+", default=[1000, 10648], help="rounded to cubes of 8 atoms")
    parser.add_argument("--temperature-K", type=float, default=600.0, help="at the start")
    parser.add_argument("--steps", type=int, default=20, help="of each short run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="of each process")
    parser.add_argument("--processes", type=int, default=1, help="of LAMMPS")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
