"""A name means the zoo and a path the file: neither replaces the other, and results record which one it was."""

import json
import shutil
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write

from alignn_ff import AlignnCalculator, checkpoint, load_potential
from alignn_ff.errors import ModelNotFoundError
from alignn_ff.runs import describe_model
from alignn_ff.zoo import RETIRED, add, find, model_file, sha256_of
from alignn_ff.zoo.published import published_models
from tests.support.command_line import CommandLine
from tests.support.tiny_models import tiny_header, tiny_model


@pytest.fixture
def here(tmp_path: Path, si_model_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with another model in a folder that has the name of a shipped one."""
    for name in ("si", "mine"):
        (tmp_path / name).mkdir()
        shutil.copy(si_model_file, tmp_path / name / "model.pt")
    shutil.copy(si_model_file, tmp_path / "tiny.pt")
    write(tmp_path / "si.extxyz", bulk("Si"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["si", "auto"])
def test_a_folder_of_the_same_name_never_replaces_a_shipped_model(name: str, here: Path) -> None:
    atoms = bulk("Si")
    potential = load_potential(name, for_atoms=atoms)
    assert potential.source is not None
    assert potential.source.origin == "shipped"
    assert here not in potential.source.file.parents


def test_it_is_told_which_of_both_is_used(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert find("si").origin == "shipped"
    assert f"{here / 'si'} is not used" in caplog.text
    assert "write ./si" in caplog.text


@pytest.mark.parametrize("written", ["./mine", "tiny.pt", "./tiny.pt", "mine/model.pt", "mine/", "./si"])
def test_a_separator_or_a_suffix_makes_a_path(written: str, here: Path) -> None:
    found = find(written)
    assert (found.origin, found.file.resolve().parents[0 if written.endswith("y.pt") else 1]) == ("file", here)


def test_a_path_object_is_a_path(here: Path) -> None:
    assert find(Path("si")).origin == "file"
    assert find(Path("mine").absolute()).origin == "file"


def test_a_name_that_no_model_has_may_be_a_folder(here: Path, command_line: CommandLine) -> None:
    """What ``train --output mine`` wrote is used by that name."""
    assert find("mine") == find("./mine")
    assert command_line("energy", "si.extxyz", "--model", "mine").code == 0
    (here / "empty").mkdir()
    with pytest.raises(ModelNotFoundError, match=r"the folder empty holds no model.*no model 'empty'"):
        model_file("empty")


@pytest.mark.parametrize("name", [*RETIRED, next(iter(published_models()))])
def test_a_folder_does_not_replace_a_model_that_is_not_here(name: str, here: Path) -> None:
    shutil.copytree(here / "mine", here / name)
    with pytest.raises(ModelNotFoundError, match=f"{name!r}"):
        model_file(name)


def test_a_model_of_the_own_zoo_is_found_where_a_folder_has_its_name(here: Path) -> None:
    card = add("./mine", name="mine")
    assert find("mine") == (card.file, "own zoo")


def test_what_is_added_again_is_the_folder_here_not_the_model_of_its_name(here: Path) -> None:
    """A model that was trained again was replaced by itself."""
    first = add("mine")
    header = tiny_header((14,))
    checkpoint.save(here / "mine" / "model.pt", header, tiny_model(header, seed=5).state_dict())
    assert add("mine", overwrite=True).sha256 != first.sha256


def test_a_name_with_dots_is_a_name(here: Path) -> None:
    card = add("./mine", name="v1.2.3")
    (here / "v1.2.3").mkdir()
    assert find("v1.2.3") == (card.file, "own zoo")


def test_results_record_origin_path_and_hash(here: Path, command_line: CommandLine) -> None:
    for model, origin in (("si", "shipped"), ("./si", "file")):
        told = json.loads(command_line("energy", "si.extxyz", "--model", model, "--json").stdout)["model"]
        assert told["origin"] == origin
        assert told["sha256"] == sha256_of(Path(told["path"]))
        told = json.loads(command_line("predict", model, "si.extxyz", "--json").stdout)
        assert told["model_origin"] == origin
        assert told["model_sha256"] == sha256_of(Path(told["model_path"]))
    assert "model from   shipped" in command_line("energy", "si.extxyz", "--model", "si").stdout
    shown = command_line("energy", "si.extxyz", "--model", "./si").stdout
    assert f"model from   {here / 'si' / 'model.pt'}" in shown


def test_the_record_stays_that_of_the_model_in_memory(here: Path) -> None:
    calculator = AlignnCalculator("./mine")
    before = describe_model(calculator)
    shutil.rmtree(here / "mine")
    assert describe_model(calculator) == before


def test_a_relaxation_resumes_with_the_same_model_from_another_folder(
    here: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=1)
    write(here / "rattled.extxyz", atoms)
    command_line("relax", "rattled.extxyz", "--model", "./si", "--steps", 1)
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert command_line("relax", "--restart", "../rattled-relaxed-restart.json", "--steps", 2).code == 3
    content = json.loads((here / "rattled-relaxed-restart.json").read_text())
    assert content["model"]["path"] == str(here / "si" / "model.pt")
