"""Cost of a step of dynamics in addition to the evaluation: neighbour list, calculator, ASE, guards, files.

    python benchmarks/md.py --json docs/figures/md.json

NVE dynamics of 1000 silicon atoms with the shipped model, files and log at their default intervals. Short runs
of dynamics take turns with bare evaluations of a prepared graph. Inside a run, the times of evaluations and graphs are
measured separately.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from ase import Atoms
from ase.build import bulk
from turns import CLOCKS, timing, write_report

from alignn_ff import AlignnCalculator, load_potential
from alignn_ff.md import MDConfig, Snapshot, md_files, run_md
from alignn_ff.potential import Potential


def main() -> None:
    arguments = parse()
    torch.set_num_threads(arguments.threads)
    potential = load_potential(arguments.model, backend=arguments.backend)
    atoms = bulk("Si", a=5.469, cubic=True).repeat(arguments.cells)
    atoms.rattle(0.05, seed=1)
    stretches = [stretch(potential, atoms, arguments) for _ in range(arguments.rounds + 1)][1:]
    rows: list[dict[str, object]] = []
    threads = torch.get_num_threads()
    print(f"{len(atoms)} atoms, {potential.name}, {potential.backend}, {threads} threads, {arguments.clock} time")
    bare = timing([part["bare evaluation"] for part in stretches]).median
    for name in stretches[0]:
        one = timing([part[name] for part in stretches])
        share = 100 * one.median / bare
        print(f"  {name:40s} {1e3 * one.median:8.2f} ± {1e3 * one.spread:5.2f} ms per step {share:7.1f} %")
        rows.append({"part": name, "n_atoms": len(atoms), "backend": potential.backend, **one._asdict()})
    # inside one run, so that a slow minute affects both
    beside = timing([100 * part["everything else, in the run"] / part["evaluation, in the run"] for part in stretches])
    print(f"  everything else over the evaluation: {beside.median:.1f} ± {beside.spread:.1f} %")
    rows.append({"part": "everything else, % of the evaluation", "n_atoms": len(atoms), **beside._asdict()})
    write_report(arguments.json, rows, unit="seconds a step")


def stretch(potential: Potential, atoms: Atoms, arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds per step of one run, and of the same number of bare evaluations after it."""
    clock, ends = CLOCKS[arguments.clock], list[float]()

    def note(snapshot: Snapshot) -> None:  # noqa: ARG001 - an observer
        ends.append(clock())

    config = MDConfig(steps=arguments.steps, temperature_K=arguments.temperature_K)
    with (
        tempfile.TemporaryDirectory() as folder,
        timed(potential, "evaluate", clock) as evaluations,
        timed(potential, "prepare", clock) as graphs,
    ):
        files = md_files(Path(folder) / "si.vasp", prefix=Path(folder) / "si")
        run_md(atoms, AlignnCalculator(potential), config=config, files=files, on_step=note)
    steps = arguments.steps
    whole, inside = (ends[-1] - ends[0]) / steps, sum(evaluations[-steps:]) / steps
    graph = sum(graphs[-steps:]) / steps
    system, prepared, _ = potential.prepare(atoms)
    began = clock()
    for _ in range(arguments.steps):
        potential.evaluate(system, prepared)
    return {
        "bare evaluation": (clock() - began) / arguments.steps,
        "a step": whole,
        "evaluation, in the run": inside,
        "everything else, in the run": whole - inside,
        "  graph": graph,
        "  calculator, ASE, guards, files": whole - inside - graph,
    }


@contextmanager
def timed(potential: Potential, method: str, clock: Callable[[], float]) -> Iterator[list[float]]:
    """A context that collects the seconds of every call of a method."""
    plain: Callable[..., Any] = getattr(potential, method)
    seconds: list[float] = []

    def call(*arguments: Any, **options: Any) -> Any:
        began = clock()
        result = plain(*arguments, **options)
        seconds.append(clock() - began)
        return result

    setattr(potential, method, call)
    try:
        yield seconds
    finally:
        delattr(potential, method)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Cost of a step of dynamics in addition to the evaluation.")
    parser.add_argument("--model", default="si")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--cells", type=int, default=5, help="cubic cells of 8 atoms along each axis")
    parser.add_argument("--temperature-K", type=float, default=600.0, help="at the start")
    parser.add_argument("--steps", type=int, default=50, help="of each short run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
