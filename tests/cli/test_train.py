"""The commands ``alignn-ff train`` and ``eval``: their files, and their errors on bad input."""

import json
from pathlib import Path

import ase.io
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from tests.support.command_line import CommandLine
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "cu.extxyz", copper_frames(8))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**SMALL, "epochs": 2}))
    return path


def test_train_then_eval_tell_the_same_story(tmp_path, config, data, command_line: CommandLine, caplog):
    trained = command_line("train", config, "--data", data, "--output", tmp_path / "out")
    assert trained.code == 0, trained.stderr
    assert "outside of the training data" not in caplog.text  # the check of the model goes there on purpose
    assert "val (best model" in trained.stdout
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"learning_curve.png", "parity_energy.png", "parity_forces.png", "parity_stress.png"} <= written
    report = json.loads((tmp_path / "out" / "check.json").read_text())
    assert report["effort"] == "quick"
    assert "check: " in trained.stdout

    evaluated = command_line("eval", tmp_path / "out", data, "--json", "--plots", tmp_path / "plots")
    metrics = json.loads(evaluated.stdout)["metrics"]
    assert set(metrics) == {"all", "bulk", "hot", "strained"}
    assert metrics["all"]["n_structures"] == 8
    assert {f"{kind}_{name}" for kind in ("energy", "force") for name in ("MAE", "RMSE")} == {
        "_".join(key.split("_")[:2]) for key in metrics["all"] if key.startswith(("energy", "force"))
    }
    assert (tmp_path / "plots" / "parity_forces.png").stat().st_size > 10_000
    assert "E MAE" in command_line("eval", tmp_path / "out", data).stdout
    by_name = command_line("eval", tmp_path / "out", data, "--json", "--backend", "eager", "--dtype", "float64")
    assert by_name.code == 0
    (tmp_path / "out" / "check.json").unlink()
    again = command_line("train", config, "--data", data, "--output", tmp_path / "out", "--overwrite", "--no-check")
    assert again.code == 0
    assert not (tmp_path / "out" / "check.json").exists()
    refused = command_line("eval", tmp_path / "out", data, "--memory-limit", "1GB")
    assert refused.code == 2
    assert "only published force fields on the backends native and blocked keep to a memory_limit" in refused.stderr


def test_train_and_eval_choose_format_and_records(tmp_path, config, data, command_line: CommandLine) -> None:
    text = tmp_path / "cu.txt"
    text.write_bytes(data.read_bytes())
    reading, out = ("--format", "extxyz", "--index", ":6"), tmp_path / "out"
    trained = command_line("train", config, "--data", text, *reading, "--output", out, "--no-check")
    assert trained.code == 0, trained.stderr
    written = json.loads((out / "config.json").read_text())
    assert (written["data_format"], written["data_index"]) == ("extxyz", ":6")
    metrics = json.loads(command_line("eval", out, data, "--json").stdout)["metrics"]
    assert metrics["all"]["n_structures"] == 8  # the choice of the training is not one of other data
    chosen = command_line("eval", out, text, "--format", "extxyz", "--index", "1:3", "--json")
    assert json.loads(chosen.stdout)["metrics"]["all"]["n_structures"] == 2


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (None, "no such config file"),
        ("", "is empty"),
        ("{not json", "not valid JSON"),
        ('{"epoch": 3}', "did you mean 'epochs'?"),
    ],
)
def test_a_bad_config_is_one_message_and_exit_code_2(tmp_path, data, command_line: CommandLine, content, hint):
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)
    result = command_line("train", path, "--data", data)
    assert result.code == 2
    assert hint in result.stderr


def test_bad_data_are_one_message_and_exit_code_2(tmp_path, config, data, command_line: CommandLine):
    junk = tmp_path / "junk.extxyz"
    junk.write_text("this is no structure\n")
    for words, hint in (
        (("train", config, "--data", tmp_path / "none.extxyz"), "no such data"),
        (("train", config, "--data", junk), "junk.extxyz"),
        (("train", config), "give --data PATH"),
        (("train", config, "--data", data, "--resume", "-o", tmp_path / "new"), "nothing to resume"),
        (("eval", tmp_path / "nowhere", data), "no model"),
    ):
        result = command_line(*words)
        assert result.code == 2, words
        assert hint in result.stderr


def test_eval_names_the_element_that_a_model_does_not_know(si_model_file, data, command_line: CommandLine):
    result = command_line("eval", si_model_file, data)
    assert result.code == 2
    assert "the data hold Cu (cu.extxyz:0 and 7 more), which" in result.stderr
    assert "tiny-si.pt does not cover: it covers Si; leave these out" in result.stderr


def test_eval_tells_energies_of_another_zero_from_errors(
    tmp_path: Path, config, data, command_line: CommandLine
) -> None:
    """Data of another code were reported with errors of 4 eV/atom and nothing else."""
    assert command_line("train", config, "--data", data, "--output", tmp_path / "run").code == 0
    assert "constant for each element" not in command_line("eval", tmp_path / "run", data).stdout
    frames = ase.io.read(data, ":")
    for frame in frames:
        shifted = frame.get_potential_energy() - 4.0 * len(frame)
        frame.calc = SinglePointCalculator(frame, energy=shifted, forces=frame.get_forces())
    ase.io.write(tmp_path / "shifted.extxyz", frames)
    said = command_line("eval", tmp_path / "run", tmp_path / "shifted.extxyz")
    assert said.code == 0
    assert "constant for each element" in said.stdout
    found = json.loads(command_line("eval", tmp_path / "run", tmp_path / "shifted.extxyz", "--json").stdout)
    assert found["energy_zero"]["shifts_eV"]["Cu"] == pytest.approx(-4.0, abs=0.3)
