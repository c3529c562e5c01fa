"""Time of training steps (energy, forces, stress), compared with the published package.

    python benchmarks/training.py --data Si_train.extxyz --peer-python PYTHON --json docs/figures/training.json

Same config, same frames in the same batches, random weights, float32. An evaluation is one pass over the batches; the
table gives µs per atom and step. PYTHON is an interpreter with `alignn` (by default this one).
"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from sides import Side, alternate, machine, report

PUBLISHED: Final[dict[str, Any]] = {
    "name": "alignn_atomwise_pure",
    "alignn_layers": 2,
    "gcn_layers": 2,
    "atom_input_features": 92,
    "edge_input_features": 80,
    "triplet_input_features": 40,
    "embedding_features": 64,
    "hidden_features": 128,
    "calculate_gradient": True,
    "use_zbl": False,
    "gradwise_weight": 10.0,
    "stresswise_weight": 0.1,
}
"""The documented force-field config with 2+2 layers."""

GRAPH: Final[dict[str, Any]] = {
    "neighbor_strategy": "pure_torch",
    "cutoff": 5.0,
    "three_body_cutoff": 3.5,
    "max_neighbors": 12,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of training steps, compared with the published package.")
    parser.add_argument("--data", type=Path, required=True, help="extended XYZ file with energy, forces and stress")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer-python", help="interpreter with alignn (default: this one)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    options = {
        "data": str(arguments.data),
        "n_frames": arguments.frames,
        "batch_size": arguments.batch_size,
        "model": PUBLISHED,
        "graph": GRAPH,
    }
    sides = [
        Side("native kernels", "train_alignn_ff", {**options, "kernels": "native"}),
        Side("torch alone", "train_alignn_ff", options),
        Side("PyPI alignn", "train_alignn", options, arguments.peer_python),
    ]
    rows = alternate(sides, rounds=arguments.rounds, threads=arguments.threads)
    report(f"training, 2+2 layers × 128, batch {arguments.batch_size}", rows, ours="native kernels")
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        content = {"machine": machine(), "unit": "seconds per pass", "rows": [row._asdict() for row in rows]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
