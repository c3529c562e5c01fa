"""Cost of neighbours: a graph from scratch, a graph from a Verlet skin, and the search compared with other packages.

    python benchmarks/neighbors.py --json docs/figures/neighbors.json

Silicon rattled by 0.05 Å, graph with cutoff 5.0 Å and angles below 3.5 Å. All sides share a process and
take turns. For the choice of the skin, the positions of NVE dynamics of 1000 atoms with a model at several
temperatures are recorded and replayed with several skins.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from numpy.typing import NDArray
from turns import CLOCKS, Timing, take_turns, write_report

from alignn_ff import AlignnCalculator
from alignn_ff.allocator import keep_freed_memory
from alignn_ff.graph import SKIN_A, GraphRecipe, VerletSkin, build_graph, system_from_atoms
from alignn_ff.md import MDConfig, Snapshot, run_md

RECIPE = GraphRecipe(cutoff=5.0, three_body_cutoff=3.5)
SLOW_PEERS_END = 5_000
"""ASE's list is not timed on more atoms."""


def main() -> None:
    arguments = parse()
    keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    rows: list[dict[str, object]] = []
    for cells in arguments.cells:
        atoms = silicon(cells)
        timings = take_turns(sides(atoms), rounds=arguments.rounds, clock=CLOCKS[arguments.clock])
        print(f"\n{len(atoms)} atoms, {arguments.threads} threads, {arguments.clock:4s}{'':6s} µs/atom        ±")
        for name, one in timings.items():
            print(f"  {name:34s} {_micro(one.median, atoms):8.2f} {_micro(one.spread, atoms):8.2f}", flush=True)
            rows.append(_row(name, one, atoms))
    for temperature in arguments.temperatures:
        frames = dynamics(arguments.model, temperature, arguments.steps)
        print(f"\n1000 atoms at about {temperature / 2:.0f} K, {arguments.steps} steps of 1 fs")
        for skin in arguments.skins:
            seconds, searches = replay(frames, skin, CLOCKS[arguments.clock])
            steps_each = len(frames) / searches
            print(
                f"  skin {skin:.1f} Å: {_micro(seconds, frames[0]):6.2f} µs/atom per step, "
                f"one search per {steps_each:.0f} steps"
            )
            rows.append(
                {"side": f"skin {skin}", "start_K": temperature, "seconds": seconds, "steps_a_search": steps_each}
            )
    write_report(arguments.json, rows, unit="seconds")


def silicon(cells: int) -> Atoms:
    atoms = bulk("Si", a=5.43, cubic=True).repeat(cells)
    atoms.rattle(0.05, seed=1)
    return atoms


def sides(atoms: Atoms) -> dict[str, Callable[[], object]]:
    """The timed calls: graphs of this package, and searches of others, which give unordered pairs and no angles."""
    system = system_from_atoms(atoms)
    served = VerletSkin()
    chosen: dict[str, Callable[[], object]] = {
        "graph, from scratch": partial(build_graph, system, RECIPE),
        f"graph, from a skin of {SKIN_A} Å": partial(build_graph, system, RECIPE, skin=served),
    }
    return chosen | {name: side for name, make in PEERS.items() if (side := make(atoms)) is not None}


def vesin_pairs(atoms: Atoms) -> Callable[[], object]:
    from vesin import NeighborList

    neighbors = NeighborList(cutoff=RECIPE.cutoff, full_list=True, n_threads=torch.get_num_threads())
    return lambda: neighbors.compute(atoms.positions, atoms.cell.array, atoms.pbc, quantities="ijS")


def matscipy_pairs(atoms: Atoms) -> Callable[[], object] | None:
    try:
        from matscipy.neighbours import neighbour_list
    except ImportError:
        return None
    return partial(neighbour_list, "ijS", atoms, RECIPE.cutoff)


def ase_pairs(atoms: Atoms) -> Callable[[], object] | None:
    from ase.neighborlist import neighbor_list

    return partial(neighbor_list, "ijS", atoms, RECIPE.cutoff) if len(atoms) <= SLOW_PEERS_END else None


PEERS: dict[str, Callable[[Atoms], Callable[[], object] | None]] = {
    "pairs alone, vesin": vesin_pairs,
    "pairs alone, matscipy": matscipy_pairs,
    "pairs alone, ASE": ase_pairs,
}


def dynamics(model: str, temperature_K: float, steps: int) -> list[Atoms]:
    """Every step of a short run from perfect sites, where half of the kinetic energy becomes potential energy."""
    frames: list[Atoms] = []
    atoms = bulk("Si", a=5.469, cubic=True).repeat(5)

    def keep(snapshot: Snapshot) -> None:
        frames.append(Atoms(snapshot.atoms, calculator=None))

    settle = 100
    run_md(
        atoms, AlignnCalculator(model), config=MDConfig(steps=settle + steps, temperature_K=temperature_K), on_step=keep
    )
    return frames[settle:]


def replay(frames: list[Atoms], skin_A: float, clock: Callable[[], float]) -> tuple[float, int]:
    """Mean seconds per graph, and the number of searches."""
    skin = VerletSkin(skin_A)
    seconds: NDArray[np.float64] = np.zeros(len(frames))
    for step, atoms in enumerate(frames):
        system = system_from_atoms(atoms)
        began = clock()
        build_graph(system, RECIPE, skin=skin)
        seconds[step] = clock() - began
    return float(seconds.mean()), skin.n_searches


def _micro(seconds: float, atoms: Atoms) -> float:
    return 1e6 * seconds / len(atoms)


def _row(name: str, one: Timing, atoms: Atoms) -> dict[str, object]:
    return {"side": name, "n_atoms": len(atoms), **one._asdict()}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Cost of neighbours.")
    parser.add_argument("--cells", type=int, nargs="*", default=[1, 2, 5, 10, 23], help="cubic cells along each axis")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--model", default="si")
    parser.add_argument("--temperatures", type=float, nargs="*", default=[600.0, 2000.0], help="at the start, K")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--skins", type=float, nargs="*", default=[0.2, 0.4, 0.6, 0.8, 1.0, 1.5])
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
