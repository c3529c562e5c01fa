"""Learning curves: from scratch and from a trained model, on growing parts of a data set.

    taskset -c 1 python benchmarks/fine_tuning.py --data MgO_train.extxyz --start universal --output runs \
        --sizes 10 30 100 300 --steps 1500

Each training takes the same number of steps; the same frames are held out of all, and the errors are theirs. A run that
is finished is skipped, a stopped one resumes, so the same command continues. At the end, and with ``--table`` alone, it
prints a table, and writes it with the figure beside the runs.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from alignn_ff.plots import save_figure
from alignn_ff.plots.style import COLOURS, house_style, label_decades, new_figure

COLUMNS: Final = {"energy_MAE_meV_per_atom": "E, meV/atom", "force_MAE_eV_per_A": "F, eV/Å", "stress_MAE_GPa": "S, GPa"}
WAYS: Final = ("scratch", "fine-tuned")
BATCH = 2


def main() -> None:
    """Train what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--start", required=True, help="model that the fine-tuned runs start from")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 30, 100, 300])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--held-out", type=int, default=100, help="frames")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--table", action="store_true", help="print the table of what is there, train nothing")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for size in [] if arguments.table else arguments.sizes:
        for way in WAYS:
            folder = arguments.output / f"{way}-{size}"
            if not (folder / "metrics.json").exists():
                train(config_of(way, size, arguments), arguments.data, folder)
    found = {
        (way, size): errors(arguments.output / f"{way}-{size}")
        for size in arguments.sizes
        for way in WAYS
        if (arguments.output / f"{way}-{size}" / "metrics.json").exists()
    }
    text = table(found)
    (arguments.output / "table.md").write_text(text + "\n", encoding="utf-8")
    with house_style():
        drawn = figure(found, arguments.start)
    save_figure(drawn, arguments.output / "learning-curves.png")
    print(text)


def config_of(way: str, size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """The config of a run: the same steps whatever the size."""
    steps_per_epoch = -(-size // BATCH)
    config: dict[str, Any] = {
        "epochs": max(1, round(arguments.steps / steps_per_epoch)),
        "batch_size": BATCH,
        "learning_rate": 0.002 if way == "scratch" else 0.001,
        "warmup_steps": 100,
        "scheduler": "cosine",
        "criterion": "huber",
        "huber_delta": 0.1,
        "late_energy_factor": 4.0,
        "ema_decay": 0.99,
        "gradient_clip_norm": 5.0,
        "random_seed": 1,
        "keep_data_order": False,
        "n_train": size,
        "n_val": 0,
        "n_test": arguments.held_out,
        "model": {"graphwise_weight": 10.0, "gradwise_weight": 3.0, "stresswise_weight": 0.01},
    }
    if way == "fine-tuned":
        return {**config, "start_from": arguments.start}
    network = {
        "name": "alignn_smooth",
        "alignn_layers": 0,
        "gcn_layers": 3,
        "hidden_features": 64,
        "moment_channels": 32,
    }
    return {**config, "cutoff": 5.0, "three_body_cutoff": 3.5, "model": {**network, **config["model"]}}


def train(config: dict[str, Any], data: Path, folder: Path) -> None:
    """Train on one thread; resumes what is there."""
    file = folder.with_suffix(".json")
    file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    words = [
        sys.executable,
        "-m",
        "alignn_ff.train",
        str(file),
        "--data",
        str(data),
        "--output",
        str(folder),
        "--no-check",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    subprocess.run([*words, *(["--resume"] if folder.exists() else [])], env=environment, check=True)


def errors(folder: Path) -> dict[str, float]:
    """Errors on the held-out frames."""
    found: dict[str, float] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["test"]["all"]
    return found


def table(found: dict[tuple[str, int], dict[str, float]]) -> str:
    """A row per size, both ways beside each other."""
    names = [f"{title}: {way}" for title in COLUMNS.values() for way in WAYS]
    rows = ["| frames | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for size in sorted({size for _, size in found}):
        cells = [f"{found.get((way, size), {}).get(c, float('nan')):.3g}" for c in COLUMNS for way in WAYS]
        rows.append(f"| {size} | {' | '.join(cells)} |")
    return "\n".join(rows)


def figure(found: dict[tuple[str, int], dict[str, float]], start: str) -> Figure:
    """Errors of energies and forces over the number of frames, both axes logarithmic."""
    drawing = new_figure(6.8, 2.8)
    axes = drawing.subplots(1, 2)
    for panel, column in zip(axes, list(COLUMNS)[:2], strict=True):
        for way, marker, colour, label in zip(WAYS, "os", COLOURS, ("from scratch", f"from {start}"), strict=False):
            sizes = sorted(size for name, size in found if name == way)
            means = [found[way, size][column] for size in sizes]
            panel.loglog(sizes, means, marker=marker, color=colour, markersize=4, label=label)
        panel.set_xlabel("frames of training")
        quantity, unit = COLUMNS[column].split(", ")
        panel.set_ylabel(f"error of {quantity} ({unit})")
        panel.set_xticks(sizes, labels=[str(size) for size in sizes])
        panel.xaxis.set_minor_formatter(NullFormatter())
        label_decades(panel.yaxis)
    axes[0].legend()
    return drawing


if __name__ == "__main__":
    main()
