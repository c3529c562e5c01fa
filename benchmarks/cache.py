"""The graph cache: memory and time of building and training with many structures, and the cost of its entries.

    python benchmarks/cache.py --json docs/figures/cache.json --figure docs/figures/cache.png

Synthetic structures of two atoms are made one by one on access, so that the measured memory is that of the package.
Each number of structures runs in its own process. Memory is the largest anonymous resident memory in /proc (data read
through LMDB is in the kernel's page cache, which is freed when other processes need memory).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff.allocator import keep_freed_memory
from alignn_ff.graph import GraphRecipe, edge_vectors
from alignn_ff.graph.line_graph import line_pairs
from alignn_ff.graph.neighbors import NeighborPairs
from alignn_ff.plots import save_figure
from alignn_ff.plots.style import house_style
from alignn_ff.train import Record, resolve, validate_config
from alignn_ff.train.cache.entries import pack_sample, unpack_sample
from alignn_ff.train.cache.packing import pack, unpack
from alignn_ff.train.distributed.ranks import SingleProcess
from alignn_ff.train.loop.loader import Loader
from alignn_ff.train.preparation import prepare_run
from alignn_ff.train.records.batches import build_sample, epoch_order
from alignn_ff.train.run_data import Notify, prepared_data

CONFIG = {
    "cutoff": 4.0,
    "three_body_cutoff": 3.0,
    "epochs": 1,
    "batch_size": 64,
    "progress": False,
    "model": {"hidden_features": 16, "alignn_layers": 1, "gcn_layers": 1},
}
MOST_STEPS = 400
"""Largest number of steps of an epoch; the loader reads all batches."""


def main() -> None:
    arguments = parse()
    if arguments.one is not None:
        print(json.dumps(measure(arguments.one, in_memory=arguments.in_memory, workers=arguments.workers)))
        return
    rows = [
        child(n, in_memory, arguments.workers)
        for n in arguments.structures
        for in_memory in (False, True)
        if not in_memory or n <= arguments.largest_in_memory
    ]
    report = {"runs": rows, "entries": entries()}
    print(json.dumps(report, indent=2))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    if arguments.figure is not None:
        draw(rows, arguments.figure)


class Synthetic(Sequence[Record]):
    """Records that are made on access."""

    notices = ()

    def __init__(self, n_records: int) -> None:
        self.n_records = n_records

    def __len__(self) -> int:
        return self.n_records

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        if index >= self.n_records:
            raise IndexError(index)
        numbers = np.random.default_rng(index).normal(size=14)
        edge = 2.95 * (1 + 0.02 * numbers[0])
        positions = np.array([[0.0] * 3, [edge / 2] * 3]) + 0.05 * numbers[1:7].reshape(2, 3)
        atoms = Atoms([29, 30], positions=positions, cell=[edge] * 3, pbc=True)
        return Record(f"synthetic:{index}", atoms, float(numbers[7]), numbers[8:].reshape(2, 3), None, "")


class Memory(threading.Thread):
    """Measures the anonymous memory of this process, MiB."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest = 0.0
        self.start()

    def run(self) -> None:
        """Measure repeatedly."""
        while True:
            self.largest = max(self.largest, anonymous())
            time.sleep(0.02)

    def take(self) -> float:
        """Largest since the last call."""
        found, self.largest = max(self.largest, anonymous()), 0.0
        return round(found)


def anonymous() -> float:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) / 1024


def measure(n_structures: int, *, in_memory: bool, workers: int) -> dict[str, object]:
    """One run: build, statistics, one epoch."""
    keep_freed_memory()
    memory, watch = Memory(), Stopwatch()
    row: dict[str, object] = {"n_structures": n_structures, "in_memory": in_memory, "MiB_at_start": memory.take()}
    with tempfile.TemporaryDirectory() as folder:
        config = validate_config({**CONFIG, "output_dir": folder, "use_lmdb": not in_memory, "num_workers": workers})
        records = Synthetic(n_structures)
        with prepared_data(config, config.recipe, lambda: records, SingleProcess(), Notify(nothing, nothing)) as data:
            row |= {"build_s": watch.lap(), "MiB_build": memory.take()}
            if data.cache is not None:
                row["cache_MB"] = round((data.cache.folder / "data.mdb").stat().st_size / 1e6, 1)
            run = prepare_run(resolve(config), data, torch.device("cpu"), SingleProcess())
            row |= {"survey_s": watch.lap(), "MiB_survey": memory.take()}
            order = epoch_order(len(data.training), config.batch_size, seed=1, epoch=0)
            for threads in (0, 2):
                for _ in Loader(n_threads=threads).batches(data.training, order):
                    pass
                row[f"loader_{threads}_us_per_structure"] = round(1e6 * watch.lap() / sum(map(len, order)), 1)
            memory.take()
            run.trainer.run(observer=Nobody(), save=nothing, stop=lambda: run.trainer.progress.step >= MOST_STEPS)
            row |= {"steps": run.trainer.progress.step, "epoch_s": watch.lap(), "MiB_epoch": memory.take()}
    return row


class Stopwatch:
    """Seconds between laps."""

    def __init__(self) -> None:
        self.last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last call."""
        now = time.perf_counter()
        found, self.last = now - self.last, now
        return round(found, 2)


class Nobody:
    """An observer that does nothing."""

    def on_step(self, progress: object, n_steps: int) -> None:
        """Do nothing."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """Do nothing."""


def nothing(*_: object) -> None:
    """Do nothing."""


def child(n_structures: int, in_memory: bool, workers: int) -> dict[str, object]:
    words = [sys.executable, __file__, "--one", str(n_structures), "--workers", str(workers)]
    finished = subprocess.run(
        [*words, *(["--in-memory"] if in_memory else [])], check=True, stdout=subprocess.PIPE, text=True
    )
    row: dict[str, object] = json.loads(finished.stdout.splitlines()[-1])
    print(row, file=sys.stderr)
    return row


def entries() -> list[dict[str, object]]:
    """Time to read a part of an entry, and to compute it, µs."""
    rows = []
    for repeat in (1, 2, 3):
        atoms = bulk("Si", cubic=True).repeat(repeat)
        atoms.rattle(0.05, seed=1)
        record = Record("silicon", atoms, 0.0, np.zeros((len(atoms), 3)), np.zeros((3, 3)), "")
        recipe = GraphRecipe(cutoff=5.0, three_body_cutoff=3.5)
        sample = build_sample(record, recipe)
        graph, entry = sample.graph, pack_sample(sample)
        pairs = NeighborPairs(
            graph.edge_src.numpy(), graph.edge_dst.numpy(), graph.edge_shift.numpy(), np.zeros(len(graph.edge_src))
        )
        angles = pack([graph.line_src.numpy(), graph.line_dst.numpy()])
        vectors = pack([edge_vectors(sample.system, graph).numpy()])
        rows.append(
            {
                "n_atoms": len(atoms),
                "n_edges": len(graph.edge_src),
                "n_triplets": len(graph.line_src),
                "entry_kB": round(len(entry) / 1e3, 1),
                "read_entry_us": timed(lambda e=entry: unpack_sample(e)),
                "build_graph_us": timed(lambda r=record, c=recipe: build_sample(r, c)),
                "triplets_kB": round(len(angles) / 1e3, 1),
                "read_triplets_us": timed(lambda a=angles: unpack(a)),
                "build_triplets_us": timed(
                    lambda p=pairs, g=graph: line_pairs(p, g.line_nodes.numpy(), len(g.atomic_numbers))
                ),
                "vectors_kB": round(len(vectors) / 1e3, 1),
                "read_vectors_us": timed(lambda v=vectors: unpack(v)),
                "build_vectors_us": timed(lambda s=sample: edge_vectors(s.system, s.graph)),
            }
        )
    return rows


def timed(work: Callable[[], object]) -> float:
    """Shortest time of many rounds, each short enough that some are not interrupted, µs."""
    rounds = []
    for _ in range(100):
        started = time.perf_counter()
        work()
        work()
        rounds.append((time.perf_counter() - started) / 2)
    return round(1e6 * min(rounds), 1)


def draw(rows: Sequence[dict[str, object]], path: Path) -> None:
    import matplotlib.pyplot as plt

    with house_style():
        figure, axes = plt.subplots(figsize=(4.2, 3.0), layout="constrained")
        for in_memory, label in ((False, "cache"), (True, "in memory")):
            chosen = [row for row in rows if row["in_memory"] == in_memory]
            largest = [max(row["MiB_build"], row["MiB_survey"], row["MiB_epoch"]) for row in chosen]
            axes.semilogx([row["n_structures"] for row in chosen], largest, "o-", label=label)
        axes.set_xlabel("number of structures")
        axes.set_ylabel("largest anonymous memory (MiB)")
        axes.set_ylim(bottom=0)
        axes.legend()
    save_figure(figure, path)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structures", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--largest-in-memory", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--in-memory", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
