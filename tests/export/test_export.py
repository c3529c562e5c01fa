"""``alignn-ff export``: nothing is written that was not proven; a record of the proof is in the file."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from alignn_ff.cli import export_torchscript
from alignn_ff.errors import ConfigError, ExportError
from alignn_ff.export import TARGETS, ExportOptions, export, proof
from alignn_ff.export.structures import proof_structures
from alignn_ff.export.torchscript.file import read, write
from alignn_ff.export.torchscript.networks import NETWORKS
from alignn_ff.potential import Potential
from tests.support.command_line import CommandLine
from tests.support.exports import HEADERS, SMOOTH, model_file


def test_the_record_of_the_proof_is_in_the_file(tmp_path: Path, command_line: CommandLine) -> None:
    model = model_file(tmp_path / "tiny.pt", SMOOTH["smooth, moments"])
    ended = command_line("export", model, "--to", "torchscript", "-o", tmp_path / "out.pt", "--json", "--no-check")
    assert ended.code == 0, ended.stderr
    told, about = json.loads(ended.stdout), read(tmp_path / "out.pt")[1]
    assert told["proof"] == about["proof"]
    assert about["dtype"] == about["proof"]["dtype"] == "float32"
    rows = about["proof"]["differences"]
    assert {row["network"] for row in rows} == {"as written", "float64"}
    assert {row["structure"] for row in rows} == set(proof_structures((1,)))
    assert all(row["exceeded"] <= 1 for row in rows)
    assert max(row["largest_force_eV_per_A"] for row in rows) > 10
    assert max(row["forces_eV_per_A"] for row in rows if row["network"] == "float64") < 1e-10


@pytest.mark.parametrize("name", ["pure, ZBL", "ealignn"])
def test_published_force_fields_are_exported(name: str, tmp_path: Path) -> None:
    made = export(model_file(tmp_path / "m.pt", HEADERS[name]), tmp_path / "e.pt", to="torchscript", dtype="float64")
    assert max(row.forces_eV_per_A for row in made.proof.differences) < 1e-10


@pytest.fixture
def _one_structure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short proof, where the structures are not what is tested."""
    few = {"small bulk": proof_structures((14,))["small bulk"]}
    monkeypatch.setattr(proof, "proof_structures", lambda elements: few)


def other_weights(potential: Potential, path: Path, options: ExportOptions) -> None:
    with torch.no_grad():
        kept = [parameter.clone() for parameter in potential.model.parameters()]
        for parameter in potential.model.parameters():
            parameter.mul_(1.0 + 1e-7)
        write(potential, path, options)
        for parameter, value in zip(potential.model.parameters(), kept, strict=True):
            parameter.copy_(value)


def no_file(potential: Potential, path: Path, options: ExportOptions) -> None:
    path.write_text("nothing")


@pytest.mark.usefixtures("_one_structure")
@pytest.mark.parametrize("wrong, words", [(other_weights, "other numbers"), (no_file, "cannot be read back")])
def test_a_file_that_does_not_agree_is_deleted_and_the_exit_code_is_1(
    wrong: Any, words: str, tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS, "torchscript", TARGETS["torchscript"]._replace(write=wrong))
    model = model_file(tmp_path / "tiny.pt", SMOOTH["smooth"])
    (tmp_path / "out").mkdir()
    ended = command_line("export", model, "-o", tmp_path / "out" / "x.pt", "--dtype", "float64")
    assert ended.code == 1
    assert words in " ".join(ended.stderr.split())
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(ExportError):
        export(model, tmp_path / "out" / "x.pt", to="torchscript", dtype="float64")


@pytest.mark.usefixtures("_one_structure")
def test_a_target_from_outside_the_package_is_a_word_of_the_command(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS, "mine", TARGETS["torchscript"]._replace(help="a file of mine", suffix=".mine"))
    assert "a file of mine" in " ".join(command_line("export", "--help").stdout.replace("│", " ").split())
    monkeypatch.chdir(tmp_path)
    model_file(tmp_path / "tiny.pt", SMOOTH["smooth"])
    assert command_line("export", "tiny.pt", "--to", "mine", "--no-check").code == 0
    assert (tmp_path / "tiny.mine").is_file()


def test_what_cannot_be_exported_is_refused_in_words_before_anything_is_written(
    tmp_path: Path, si_model_file: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "x.pt"
    with pytest.raises(ConfigError, match="allowed are torchscript"):
        export(si_model_file, out, to="nothing")
    with pytest.raises(ConfigError, match=r"allowed are eV/A\^3, GPa"):
        export(si_model_file, out, to="torchscript", options=ExportOptions(stress_unit="bar"))
    with monkeypatch.context() as patch:
        patch.delitem(NETWORKS, "alignn_smooth")
        with pytest.raises(ConfigError, match="the model is of the family alignn_smooth"):
            export(si_model_file, out, to="torchscript")
    assert not out.exists()
    with pytest.raises(ConfigError, match="would replace the input"):
        export(si_model_file, si_model_file, to="torchscript", overwrite=True)
    out.write_text("mine")
    ended = command_line("export", si_model_file, "-o", out)
    assert ended.code == 2
    assert "--overwrite" in ended.stderr
    assert out.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.usefixtures("_one_structure")
def test_the_published_command_writes_the_same_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, out = model_file(tmp_path / "m.pt", HEADERS["atomwise"]), tmp_path / "alignn_ff.pt"
    monkeypatch.chdir(tmp_path)
    words = ["--model-dir", str(model), "--dtype", "float64", "--stress-unit", "GPa"]
    with pytest.raises(SystemExit) as stop:
        export_torchscript.main([*words, "--atom-features", "basic"])
    assert stop.value.code == 2
    assert "trained with 'cgcnn'" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(SystemExit) as stop:
        export_torchscript.main([*words, "--atom-features", "cgcnn"])
    assert not stop.value.code
    assert read(out)[1]["stress_unit"] == "GPa"
