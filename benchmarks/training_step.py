"""Time of whole training steps of a shipped model, beside another revision of the package in turns.

    git worktree add ../before COMMIT
    python benchmarks/training_step.py --before ../before --data Si_train.extxyz --json docs/figures/training-step.json

The config is that of the model (from random weights); batches are of frames with 60 to 64 atoms. A step is all that a
trainer does with a batch: loss, derivatives, clipping, optimiser, average of the weights; with and without structures
of a floor. Where others use the machine, take the column of CPU time: the median over rounds of the smallest of
``--repeats`` passes.

    python benchmarks/training_step.py --data Si_train.extxyz --profile

prints what the time consists of: of each operation of torch's profiler the smallest time over some passes.
"""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

from sides import Row, Side, alternate, machine, report

HERE = Path(__file__).resolve().parents[1]

GROUPS: Final = {
    "kernels": ("_First", "_FirstBackward", "_Operation"),
    "products of matrices": ("aten::mm", "aten::addmm", "aten::bmm"),
}
"""Names of operations in the profile; all others are small ones of torch."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of whole training steps, compared with another revision.")
    parser.add_argument("--before", type=Path, help="checkout of the other revision")
    parser.add_argument("--data", type=Path, required=True, help="extended XYZ file with energy, forces and stress")
    parser.add_argument("--model", default="si", help="folder in models_zoo whose config is used")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", action="store_true", help="print parts of a step of this revision instead")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    options = {
        "data": str(arguments.data.resolve()),
        "n_frames": arguments.frames,
        "config": str(HERE / "models_zoo" / arguments.model / "config.json"),
    }
    if arguments.profile:
        profile(options, threads=arguments.threads)
        return
    found: dict[str, list[Row]] = {}
    for title, floor in (("data alone", 0), ("data and a floor", 200)):
        chosen = {**options, "floor": floor}
        sides = [Side("this revision", "whole_training_step", chosen, repeats=arguments.repeats, checkout=HERE)]
        if arguments.before is not None:
            before = arguments.before.resolve()
            sides.append(
                Side("the other one", "whole_training_step", chosen, repeats=arguments.repeats, checkout=before)
            )
        found[title] = alternate(sides, rounds=arguments.rounds, threads=arguments.threads)
        report(title, found[title], ours="this revision")
    if arguments.json is not None:
        rows = {title: [row._asdict() for row in rows] for title, rows in found.items()}
        content = {"machine": machine(), "unit": "seconds per pass", "rows": rows}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


def profile(options: dict[str, Any], *, threads: int, n_passes: int = 8) -> None:
    """Print the smallest times of all operations in µs per atom and step, in groups."""
    import torch
    from torch.profiler import ProfilerActivity
    from worker import whole_training_step

    torch.set_num_threads(threads)
    n_atoms, evaluate, _ = whole_training_step(**options)
    evaluate()
    times: dict[tuple[str, int], list[float]] = defaultdict(list)
    for _ in range(n_passes):
        with torch.profiler.profile(activities=[ProfilerActivity.CPU]) as found:
            evaluate()
        count = Counter[str]()
        for event in found.events():
            count[event.name] += 1
            times[event.name, count[event.name]].append(event.self_cpu_time_total)
    sums: dict[str, float] = defaultdict(float)
    for (name, _), values in times.items():
        group = next((group for group, names in GROUPS.items() if name in names), "small operations")
        sums[group] += min(values) / n_atoms
    for group, time in [*sorted(sums.items(), key=lambda item: -item[1]), ("all", sum(sums.values()))]:
        print(f"{group:24s}{time:8.1f} µs/atom")


if __name__ == "__main__":
    main()
