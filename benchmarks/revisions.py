"""Comparison of two revisions of the package in one run: inference, dynamics and training steps take turns.

    git worktree add ../before COMMIT
    python benchmarks/revisions.py --before ../before --data Si_train.extxyz

Both checkouts run under this Python. The table has the time of the other revision relative to this one; a value below
0.97 means that this one is slower by more than 3 %.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from line_graph import LINE_GRAPH_MODEL
from sides import Side, alternate, machine, report
from training import GRAPH, PUBLISHED

HERE: Final = Path(__file__).resolve().parents[1]
SMOOTH: Final[dict[str, Any]] = {"name": "alignn_smooth", "gradwise_weight": 10.0, "stresswise_weight": 0.1}
SMOOTH_GRAPH: Final[dict[str, Any]] = {"neighbor_strategy": "radius_graph", "cutoff": 5.0, "three_body_cutoff": 3.5}


def main() -> None:
    parser = argparse.ArgumentParser(description="Comparison of this revision with another one.")
    parser.add_argument("--before", type=Path, required=True, help="checkout of the other revision")
    parser.add_argument("--data", type=Path, required=True, help="extended XYZ file with energy, forces and stress")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    training = {"data": str(arguments.data.resolve()), "n_frames": 12, "batch_size": 4, "kernels": "native"}
    model = str(LINE_GRAPH_MODEL)
    tasks: dict[str, tuple[str, dict[str, Any], int]] = {
        "line graph, 216 atoms": ("alignn_ff", {"cells": 3, "model": model, "backend": "native"}, 5),
        "line graph, 1000 atoms": ("alignn_ff", {"cells": 5, "model": model, "backend": "native"}, 3),
        "published 2+2, 216 atoms": ("published_alignn_ff", {"cells": 3, "config": "2+2", "backend": "native"}, 3),
        "dynamics, 216 atoms": ("dynamics", {"cells": 3, "model": model, "steps": 20}, 2),
        "dynamics, 1000 atoms": ("dynamics", {"cells": 5, "model": model, "steps": 8}, 2),
        "training, smooth": ("train_alignn_ff", {**training, "model": SMOOTH, "graph": SMOOTH_GRAPH}, 1),
        "training, published 2+2": ("train_alignn_ff", {**training, "model": PUBLISHED, "graph": GRAPH}, 1),
    }
    rows = {}
    for title, (kind, options, repeats) in tasks.items():
        sides = [
            Side("this revision", kind, options, repeats=repeats, checkout=HERE),
            Side("the other one", kind, options, repeats=repeats, checkout=arguments.before.resolve()),
        ]
        rows[title] = alternate(sides, rounds=arguments.rounds, threads=arguments.threads)
        report(title, rows[title], ours="this revision")
    if arguments.json is not None:
        content = {
            "machine": machine(),
            "rows": {title: [row._asdict() for row in both] for title, both in rows.items()},
        }
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
