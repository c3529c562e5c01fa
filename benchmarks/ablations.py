"""Variants of a training config, trained one after another on folds of a data set, and compared.

    taskset -c 1 python benchmarks/ablations.py --config tests/data/line_graph/config.json --data Si_train.extxyz \
        --variants variants.json --output runs

``variants.json`` maps a name to changes of the config, with dots for fields of the model:

    {"K32": {"epochs": 60, "model.alignn_layers": 1, "model.gcn_layers": 2, "model.moment_channels": 32},
     "K32 fold 1": {"epochs": 60, "model.moment_channels": 32, "cross_validation.fold": 1}}

Each variant has a folder. A finished one is skipped, a stopped one resumes, so the same command continues where it was
stopped. At the end, and with ``--table`` alone, it prints the errors of the last epoch.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

COLUMNS = ("val_energy_MAE_meV_per_atom", "val_force_MAE_eV_per_A", "val_stress_MAE_GPa")
RATIOS = ("train_ratio", "val_ratio", "test_ratio")


def main() -> None:
    parser = argparse.ArgumentParser(description="Variants of a training config on folds of a data set.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--variants", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--n-folds", type=int, default=5)
    parser.add_argument("--table", action="store_true", help="print the table of what is there, train nothing")
    arguments = parser.parse_args()
    variants = json.loads(arguments.variants.read_text(encoding="utf-8"))
    base = json.loads(arguments.config.read_text(encoding="utf-8"))
    for name, changes in {} if arguments.table else variants.items():
        folder = arguments.output / name.replace(" ", "-")
        if not (folder / "metrics.json").exists():
            train(changed(base, changes, n_folds=arguments.n_folds), arguments.data, folder)
    print(table({name: arguments.output / name.replace(" ", "-") for name in variants}))


def changed(base: dict[str, Any], changes: dict[str, Any], *, n_folds: int) -> dict[str, Any]:
    """The config of a variant: a fold of a cross-validation instead of ratios, and its changes."""
    config = json.loads(json.dumps({name: value for name, value in base.items() if name not in RATIOS}))
    config["cross_validation"] = {"n_folds": n_folds, "fold": 0}
    for path, value in changes.items():
        *sections, field = path.split(".")
        place = config
        for section in sections:
            place = place.setdefault(section, {})
        place[field] = value
    return config


def train(config: dict[str, Any], data: Path, folder: Path) -> None:
    """Train on one thread; resumes what is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = folder.with_suffix(".json")
    file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    words = [sys.executable, "-m", "alignn_ff.train", str(file), "--data", str(data), "--output", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    subprocess.run([*words, *(["--resume"] if folder.exists() else [])], env=environment, check=True)


def table(folders: dict[str, Path]) -> str:
    """One row per variant: the last epoch so far, and its errors on the fold that was held out."""
    rows = [f"| variant | epoch | {' | '.join(COLUMNS)} | s |", "|---" * (len(COLUMNS) + 3) + "|"]
    for name, folder in folders.items():
        history = folder / "history.json"
        if not history.exists():
            continue
        last = json.loads(history.read_text(encoding="utf-8"))["rows"][-1]
        errors = " | ".join(f"{last.get(column, float('nan')):.4g}" for column in COLUMNS)
        rows.append(f"| {name} | {int(last['epoch'])} | {errors} | {last['seconds']:.0f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
