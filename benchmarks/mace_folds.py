"""MACE on the folds of a cross-validation, to stand beside ``ablations.py`` on the same frames.

    python -m venv peers && peers/bin/pip install mace-torch==0.3.16
    taskset -c 0 python benchmarks/mace_folds.py --config tests/data/line_graph/config.json --data Si_train.extxyz \
        --peer-python peers/bin/python --folds 0 1 2 --output mace

The folds are those that ``ablations.py`` makes of the same config, so both sides train on the same frames and hold out
the same ones. MACE has 64 channels, L = 0 and a cutoff of 5 Å. It trains on forces first (weights 1 : 100 : 1) and on
energies in the last quarter (1000 : 100 : 10, its second stage), with a learning rate that falls by 5 % per epoch and
the moving average of its weights; of each stage it keeps the epoch with the smallest loss on the frames held out. A
finished fold is skipped, a stopped one goes on from its last checkpoint: another ``--epochs`` needs another folder.
``--table`` prints what is there.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from ablations import changed
from ase import Atoms
from ase.io import read, write
from ase.units import GPa

from alignn_ff.train import Record, TrainingConfig, read_records
from alignn_ff.train.datasets import keys_of
from alignn_ff.train.records.split import split_records

LAST_QUARTER = 0.75

STAGES = {"forces first": "mace.model", "with energies": "mace_stagetwo.model"}
"""The models that MACE writes."""


def main() -> None:
    parser = argparse.ArgumentParser(description="MACE on the folds of a cross-validation.")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peer-python", type=Path, default=Path(sys.executable), help="that can import mace")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--folds", type=int, nargs="+", default=[0])
    parser.add_argument("--n-folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--table", action="store_true", help="print the table of what is there, train nothing")
    arguments = parser.parse_args()
    peer = arguments.peer_python.absolute()
    for fold in [] if arguments.table else arguments.folds:
        folder = (arguments.output / f"fold{fold}").absolute()
        if not (folder / "mace_stagetwo.model").exists():
            write_fold(arguments.config, arguments.data, folder, fold=fold, n_folds=arguments.n_folds)
            train(peer, folder, epochs=arguments.epochs)
        for model in STAGES.values():
            predict(peer, folder, model)
    print("| fold | stage | E, meV/atom | F, eV/Å | S, GPa |\n|---|---|---|---|---|")
    for fold in arguments.folds:
        for stage, model in STAGES.items():
            predicted = arguments.output / f"fold{fold}" / f"{model}.extxyz"
            if predicted.exists():
                print(f"| {fold} | {stage} {errors(predicted)}")


def write_fold(config: Path, data: Path, folder: Path, *, fold: int, n_folds: int) -> None:
    """Write the training and held-out frames of a fold with the names of labels that MACE reads."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = changed(json.loads(config.read_text(encoding="utf-8")), {"cross_validation.fold": fold}, n_folds=n_folds)
    checked = TrainingConfig.model_validate(fields)
    records = read_records(data, keys_of(checked))
    split = split_records(records, checked)
    for name, indices in (("train", split.train), ("held_out", split.val)):
        write(folder / f"{name}.extxyz", [labelled(records[index]) for index in indices])


def labelled(record: Record) -> Atoms:
    atoms = Atoms(record.atoms.symbols, record.atoms.positions, cell=record.atoms.cell, pbc=record.atoms.pbc)
    atoms.info["REF_energy"] = record.energy
    atoms.info["REF_stress"] = record.stress
    atoms.arrays["REF_forces"] = record.forces
    return atoms


def train(peer: Path, folder: Path, *, epochs: int) -> None:
    options = {
        "name": "mace",
        "train_file": "train.extxyz",
        "valid_file": "held_out.extxyz",
        "E0s": "average",
        "model": "MACE",
        "num_channels": 64,
        "max_L": 0,
        "r_max": 5.0,
        "loss": "stress",
        "energy_weight": 1,
        "forces_weight": 100,
        "stress_weight": 1,
        "start_stage_two": int(LAST_QUARTER * epochs),
        "stage_two_energy_weight": 1000,
        "stage_two_forces_weight": 100,
        "stage_two_stress_weight": 10,
        "max_num_epochs": epochs,
        "batch_size": 4,
        "valid_batch_size": 8,
        "eval_interval": 1,
        "lr": 0.01,
        "scheduler": "ExponentialLR",
        "lr_scheduler_gamma": 0.95,
        "ema_decay": 0.99,
        "compute_stress": True,
        "error_table": "PerAtomMAEstressvirials",
        "default_dtype": "float32",
        "device": "cpu",
        "seed": 1,
        "plot": False,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    run(peer, "mace.cli.run_train", [*words, "--stage_two", "--ema", "--restart_latest"], folder)


def predict(peer: Path, folder: Path, model: str) -> None:
    """A model on the held-out frames; the file is renamed when it is whole."""
    if (folder / f"{model}.extxyz").exists():
        return
    words = ["--configs", "held_out.extxyz", "--model", model, "--output", "part.extxyz"]
    more = ["--compute_stress", "--device", "cpu", "--default_dtype", "float32", "--batch_size", "8"]
    run(peer, "mace.cli.eval_configs", [*words, *more], folder)
    (folder / "part.extxyz").rename(folder / f"{model}.extxyz")


def run(peer: Path, module: str, words: list[str], folder: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    subprocess.run([str(peer), "-m", module, *words], cwd=folder, env=environment, check=True)


def errors(predicted: Path) -> str:
    """Cells of the table: mean errors of energies over frames, and of forces and stresses over components."""
    frames = read(predicted, ":")
    energies = [abs(a.info["MACE_energy"] - a.info["REF_energy"]) / len(a) for a in frames]
    forces = np.concatenate([(a.arrays["MACE_forces"] - a.arrays["REF_forces"]).ravel() for a in frames])
    stresses = [np.ravel(a.info["MACE_stress"]) - np.ravel(a.info["REF_stress"]) for a in frames]
    return f"| {1000 * np.mean(energies):.2f} | {np.mean(np.abs(forces)):.4f} | {np.mean(np.abs(stresses)) / GPa:.3f} |"


if __name__ == "__main__":
    main()
