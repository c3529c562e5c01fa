"""The loop of docs/uncertainty.md with EMT in the place of DFT: dynamics → harvest → labels → fine-tuning."""

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from tests.support.command_line import CommandLine
from tests.support.labelled_data import copper_frames, labelled, write_frames
from tests.support.training_runs import SMALL

CONFIG = {
    **SMALL,
    "epochs": 15,
    "learning_rate": 0.02,
    "batch_size": 4,
    "cross_validation": None,
    "train_ratio": None,
    "val_ratio": 0.2,
    "test_ratio": 0.0,
    "keep_data_order": False,
    "kernels": "torch",
    "use_lmdb": False,
    "num_workers": 0,
    "write_predictions": False,
}
HOT_K = 2500


def errors_of(command_line: CommandLine, model: Path, data: Path) -> dict[str, float]:
    found = command_line("eval", model, data, "--json", "--dtype", "float64")
    assert found.code == 0, found.stderr
    errors: dict[str, float] = json.loads(found.stdout)["metrics"]["all"]
    return errors


def harvest(command_line: CommandLine, model: Path, start: Path, output: Path, *, seed: int) -> list[Atoms]:
    """Frames of hot dynamics above the threshold."""
    run = ["md", start, "--model", model, "--steps", 200, "--timestep", 2, "--ensemble", "nvt_langevin"]
    run += ["--temperature", HOT_K, "--seed", seed, "--supercell", "1,1,2", "--outside", "ignore"]
    run += ["--uncertain-above", 0.05, "--harvest", output, "--harvest-gap", 40, "--guard", "max_uncertainty=20"]
    run += ["--no-guards", "-o", output.with_suffix(".run"), "--dtype", "float64"]
    ended = command_line(*run)
    assert ended.code in (0, 4), ended.stderr  # 4: so uncertain that a guard stopped it
    return list(ase.io.iread(output))


@pytest.mark.slow
def test_errors_on_harvested_states_fall_when_they_are_labelled_and_learned(
    tmp_path: Path, command_line: CommandLine
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    first = copper_frames(15)
    ase.io.write(tmp_path / "start.vasp", bulk("Cu", cubic=True))
    words = ("train", tmp_path / "config.json", "--no-check", "--data")
    data = write_frames(tmp_path / "round-0.extxyz", first)
    begun = command_line(*words, data, "--committee", 2, "-o", tmp_path / "round-0")
    assert begun.code == 0, begun.stderr
    model = tmp_path / "round-0" / "best_model.pt"

    found = harvest(command_line, model, tmp_path / "start.vasp", tmp_path / "harvest.extxyz", seed=1)
    others = harvest(command_line, model, tmp_path / "start.vasp", tmp_path / "unseen.extxyz", seed=2)
    assert len(found) >= 4
    assert len(others) >= 4
    assert not any("energy" in frame.info for frame in found)

    new = write_frames(tmp_path / "round-1.extxyz", [*first, *(labelled(f, "harvest") for f in found)])
    unseen = write_frames(tmp_path / "test.extxyz", [labelled(f, "harvest") for f in others])
    tuned = command_line(*words, new, "--from", model, "-o", tmp_path / "round-1")
    assert tuned.code == 0, tuned.stderr

    again = tmp_path / "round-1" / "best_model.pt"
    again = tmp_path / "round-1" / "best_model.pt"
    before, after = (errors_of(command_line, each, unseen) for each in (model, again))
    assert after["force_RMSE_eV_per_A"] < 0.8 * before["force_RMSE_eV_per_A"]
    assert after["energy_RMSE_meV_per_atom"] < before["energy_RMSE_meV_per_atom"]

    still = harvest(command_line, again, tmp_path / "start.vasp", tmp_path / "still.extxyz", seed=1)
    largest = [np.mean([frame.info["largest_std"] for frame in frames] or [0.0]) for frames in (found, still)]
    assert largest[1] < largest[0]
