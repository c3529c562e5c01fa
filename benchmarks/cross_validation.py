"""Held-out errors of a cross-validation: every structure is predicted by the run that was not trained on it.

Train each fold with `cross_validation` set in the config, then evaluate the folders:

    for k in 0 1 2 3 4; do alignn-ff train fold$k.json --data Si_train.extxyz --output fold$k; done
    python benchmarks/cross_validation.py fold0 fold1 fold2 fold3 fold4 --json cv.json --figures cv
"""

import argparse
import json
from pathlib import Path

import numpy as np

from alignn_ff.plots import parity_figures, save_figure
from alignn_ff.train import Comparison, summarise
from alignn_ff.train.labels import LABELS

COLUMNS = ("energy_MAE_meV_per_atom", "force_MAE_eV_per_A", "stress_MAE_GPa")


def main() -> None:
    parser = argparse.ArgumentParser(description="Held-out errors of a cross-validation.")
    parser.add_argument("folders", nargs="+", type=Path, help="output folders of the folds")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figures", type=Path, help="prefix of the parity plots")
    arguments = parser.parse_args()
    folds = [held_out(folder) for folder in arguments.folders]
    everything = [item for fold in folds for item in fold]
    if len({item.identifier for item in everything}) != len(everything):
        parser.error(
            "a structure is held out by several of these folders, so they are not folds of one cross-validation"
        )
    tables = {
        f"fold {folder.name}": summarise(fold)["all"] for folder, fold in zip(arguments.folders, folds, strict=True)
    }
    pooled = summarise(everything)
    for name, errors in {**tables, **{f"all folds: {group}": row for group, row in pooled.items()}}.items():
        print(f"{name:28s} {errors['n_structures']:4.0f} frames  " + "  ".join(cell(errors, c) for c in COLUMNS))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"folds": tables, "pooled": pooled}, indent=2) + "\n")
    if arguments.figures is not None:
        for kind, figure in parity_figures({"val": everything}).items():
            save_figure(figure, arguments.figures.with_name(f"{arguments.figures.name}-{kind}.png"))


def held_out(folder: Path) -> list[Comparison]:
    """Labels and predictions of the validation records of one run."""
    rows = json.loads((folder / "predictions.json").read_text())["val"]
    return [
        Comparison(
            identifier=row["id"],
            group=row["config_type"],
            n_atoms=row["n_atoms"],
            pairs={kind: side_by_side(row[LABELS[kind].title]) for kind in ("energy", "forces", "stress")},
        )
        for row in rows
    ]


def side_by_side(pair: dict[str, object]) -> np.ndarray:
    """(2, n) label and prediction; energies are numbers in the file."""
    return np.array([np.ravel(pair["label"]), np.ravel(pair["prediction"])], dtype=np.float64)


def cell(errors: dict[str, float], column: str) -> str:
    return f"{column} {errors[column]:8.4f}" if column in errors else ""


if __name__ == "__main__":
    main()
