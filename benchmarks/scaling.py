"""Cost of one evaluation and its graph from 8 to 100,000 atoms.

    python benchmarks/scaling.py --json docs/figures/scaling.json --figure docs/figures/scaling.png

Silicon rattled by 0.05 Å; energy, forces and stress of the shipped model. All sides share a process and take turns.
Evaluations whose forecast exceeds --memory-GiB are left out.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from ase.build import bulk
from figures import cost_per_atom
from turns import CLOCKS, take_turns, write_report

from alignn_ff import load_potential
from alignn_ff.allocator import keep_freed_memory
from alignn_ff.execution import BACKENDS, Limits, why_not
from alignn_ff.execution.memory import forecast_bytes
from alignn_ff.graph import VerletSkin, build_graph, graph_size
from alignn_ff.plots import save_figure


def main() -> None:
    arguments = parse()
    keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    loaded = load_potential(arguments.model)
    family = loaded.header.model.name
    runnable = [name for name in arguments.backends if why_not(name, family, loaded.model) is None]
    potentials = {name: load_potential(arguments.model, backend=name) for name in runnable}
    sizes, rows = [], list[dict[str, object]]()
    curves: dict[str, list[float]] = {}
    for cells in arguments.cells:
        atoms = bulk("Si", a=5.43, cubic=True).repeat(cells)
        atoms.rattle(0.05, seed=1)
        some = next(iter(potentials.values()))
        system, graph, _ = some.prepare(atoms)
        sides: dict[str, Callable[[], object]] = {
            "graph, from scratch": partial(build_graph, system, some.header.graph),
            "graph, from a skin": partial(build_graph, system, some.header.graph, skin=VerletSkin()),
        }
        for name, potential in potentials.items():
            needed = forecast_bytes(name, potential.header.model, graph_size(graph), limits=Limits(), itemsize=4) or 0
            if needed < arguments.memory_GiB * 2**30:
                sides[f"evaluation, {name}"] = partial(potential.evaluate, system, graph)
        rounds = arguments.rounds if len(atoms) < 50_000 else 2
        sizes.append(len(atoms))
        for side, one in take_turns(sides, rounds=rounds, clock=CLOCKS[arguments.clock]).items():
            micro = 1e6 * one.median / len(atoms)
            curves.setdefault(side, []).append(micro)
            rows.append({"side": side, "n_atoms": len(atoms), **one._asdict()})
            print(
                f"{len(atoms):7d} {side:24s} {micro:10.2f} ± {1e6 * one.spread / len(atoms):6.2f} µs/atom", flush=True
            )
    write_report(arguments.json, rows, unit="seconds")
    if arguments.figure is not None:
        save_figure(cost_per_atom(sizes, curves), arguments.figure)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Cost of an evaluation over the number of atoms.")
    parser.add_argument("--model", default="si")
    parser.add_argument("--backends", nargs="*", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--cells", type=int, nargs="*", default=[1, 2, 3, 5, 8, 13, 23], help="along each axis")
    parser.add_argument("--memory-GiB", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
