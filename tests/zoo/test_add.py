"""Models that a user adds to a zoo keep their energies and are found by name."""

import importlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from ase.build import bulk

from alignn_ff import checkpoint, load_potential
from alignn_ff.errors import CheckpointError, ConfigError, ElementNotCoveredError, ModelNotFoundError
from alignn_ff.predictor import load_predictor
from alignn_ff.zoo import add, cards, choose, model_file, places, remove
from alignn_ff.zoo.cards import ModelCard, card_text, read_card, shipped_cards
from tests.support.command_line import CommandLine

PUBLISHED = sorted(path.parent for path in (Path(__file__).parents[1] / "data" / "published").glob("*/best_model.pt"))


@pytest.fixture
def training_output(tmp_path: Path, si_model_file: Path) -> Path:
    folder = tmp_path / "my-silicon"
    folder.mkdir()
    shutil.copy(si_model_file, folder / "best_model.pt")
    (folder / "config.json").write_text("{}")
    return folder


def test_an_added_model_is_found_by_name_and_has_the_same_energy(training_output: Path) -> None:
    card = add(training_output)
    assert (card.name, card.elements, card.family) == ("my-silicon", ("Si",), "alignn_smooth")
    shutil.rmtree(training_output)
    assert model_file("my-silicon") == card.file
    assert "my-silicon" in [c.name for c in cards()]
    assert load_potential("my-silicon", device="cpu").name == "my-silicon"


def test_adding_changes_no_bit_of_the_prediction(training_output: Path) -> None:
    before, after = (load_potential(path, device="cpu") for path in (training_output, add(training_output).folder))
    atoms = bulk("Si")
    atoms.rattle(0.1, seed=0)
    for a, b in zip(before.predict_tensors([atoms])[0][:4], after.predict_tensors([atoms])[0][:4], strict=True):
        assert torch.equal(a, b)
    assert before.header == after.header


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_a_published_folder_is_added_with_its_predictions(folder: Path) -> None:
    """Written in the format of this package: the same outputs to the bit, and no second model beside it."""
    card = add(folder)
    assert sorted(path.name for path in card.folder.iterdir()) == ["card.toml", "config.json", "model.pt"]
    assert (card.name, card.n_parameters > 0) == (folder.name, True)
    atoms = bulk("Si")
    atoms.rattle(0.1, seed=0)
    before, after = (load_predictor(model, device="cpu").predict([atoms])[0].to_json() for model in (folder, card.name))
    assert before == after


def test_a_single_file_and_another_name_will_do(si_model_file: Path) -> None:
    assert add(si_model_file).name == "tiny-si"
    card = add("tiny-si", name="again", summary="the same, again")
    assert model_file("again") == card.file
    assert card.summary == "the same, again"


def test_a_zoo_elsewhere_is_used_by_path(training_output: Path, tmp_path: Path) -> None:
    card = add(training_output, zoo=tmp_path / "group" / "zoo")
    assert card.folder == tmp_path / "group" / "zoo" / "my-silicon"
    assert model_file(card.folder) == card.file
    assert not places.user_zoo().exists()


def test_a_model_is_replaced_only_with_overwrite(training_output: Path) -> None:
    first = add(training_output)
    with pytest.raises(ConfigError, match="or use --overwrite"):
        add(training_output)
    assert add(training_output, summary="new", overwrite=True).summary == "new"
    assert sorted(p.name for p in first.folder.parent.iterdir()) == ["my-silicon"]
    assert sorted(p.name for p in first.folder.iterdir()) == ["card.toml", "model.pt"]


def test_what_cannot_be_read_is_not_added(tmp_path: Path) -> None:
    (tmp_path / "best_model.pt").write_bytes(b"junk")
    with pytest.raises(CheckpointError):
        add(tmp_path, name="junk")
    with pytest.raises(ModelNotFoundError):
        add(tmp_path / "nowhere")
    assert not list(places.user_zoo().glob("*"))


@pytest.mark.parametrize("name", ["../up", "a b", "auto"])
def test_a_name_that_is_a_path_is_refused(name: str, training_output: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be the name"):
        add(training_output, name=name)


def test_a_changed_file_is_refused_by_name(training_output: Path) -> None:
    card = add(training_output)
    header, state = checkpoint.read(card.file)
    checkpoint.save(card.file, header, {name: 2 * tensor for name, tensor in state.items()})
    with pytest.raises(CheckpointError, match="not the file that was added"):
        model_file("my-silicon")
    card.file.unlink()
    with pytest.raises(ModelNotFoundError, match="is missing"):
        model_file("my-silicon")


def test_auto_never_takes_a_model_that_the_user_added(training_output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model added for one purpose must not change what auto computes for another."""
    add(training_output)
    monkeypatch.setattr(importlib.import_module("alignn_ff.zoo.cards"), "zoo_folder", lambda: training_output)
    with pytest.raises(ElementNotCoveredError, match="no shipped model covers Si"):
        choose([14])


def test_a_removed_model_is_gone(training_output: Path) -> None:
    add(training_output)
    assert not remove("my-silicon").exists()
    with pytest.raises(ModelNotFoundError):
        model_file("my-silicon")
    with pytest.raises(ConfigError, match="has no model"):
        remove("my-silicon")


def test_no_path_of_the_machine_goes_into_a_zoo(training_output: Path) -> None:
    """A model that started from a file remembers which, and the start what it started from."""
    file = training_output / "best_model.pt"
    header, state = checkpoint.read(file)
    first, before = "/home/me/runs/first/current_model.pt", "/home/me/data/old.extxyz"
    config = {**header.provenance.training_config, "start_from": first}
    origin = {"model": first, "provenance": {"training_config": {"replay_data": before, "start_from": "universal"}}}
    changed = header.provenance.model_copy(update={"training_config": config, "started_from": origin})
    checkpoint.save(file, header.model_copy(update={"provenance": changed}), state)
    card = add(training_output)
    kept = checkpoint.read(card.file)[0].provenance
    assert kept.training_config["start_from"] == "first/current_model.pt"
    assert json.loads((card.folder / "config.json").read_text())["start_from"] == "first/current_model.pt"
    assert "/home/me" not in str(kept)
    assert kept.started_from["provenance"]["training_config"] == {
        "replay_data": "data/old.extxyz",
        "start_from": "universal",
    }


@pytest.mark.parametrize("card", shipped_cards(), ids=lambda card: card.name)
def test_shipped_models_hold_no_path_of_a_machine(card: ModelCard) -> None:
    header = checkpoint.read(card.file)[0]
    assert header.provenance.shareable() == header.provenance


@pytest.mark.parametrize("card", shipped_cards(), ids=lambda card: card.name)
def test_the_check_beside_a_shipped_model_is_of_its_file(card: ModelCard) -> None:
    report = json.loads((card.folder / "check.json").read_text(encoding="utf-8"))
    assert report["passed"]
    assert report["model"]["sha256"] == card.sha256


def test_a_card_reads_back_as_itself(tmp_path: Path) -> None:
    card = ModelCard(
        name="odd",
        summary='quotes " and \\ and\nlines, Å, \x7f\x01, 😀',
        elements=("Si", "O"),
        family="alignn",
        n_parameters=3,
        cutoff_A=8.0,
        sha256="00",
        metrics={"force_MAE_eV_per_A": 0.25, "odd name": 1e-7},
        folder=tmp_path,
    )
    (tmp_path / "card.toml").write_text(card_text(card), encoding="utf-8")
    assert read_card(tmp_path / "card.toml") == card


def test_commands_add_list_show_and_remove(training_output: Path, command_line: CommandLine) -> None:
    added = command_line("zoo", "add", training_output, "--summary", "my own")
    assert added.code == 0
    assert "--model my-silicon" in added.stdout
    assert "check: " in added.stderr
    checked = json.loads((places.user_zoo() / "my-silicon" / "check.json").read_text())["model"]
    assert checked["elements"] == ["Si"]
    assert (checked["name"], checked["path"]) == ("model.pt", "model.pt")
    listed = json.loads(command_line("zoo", "list", "--elements", "Si", "--json").stdout)
    assert "my-silicon" in [card["name"] for card in listed]
    assert "my own" in command_line("zoo", "show", "my-silicon").stdout
    assert command_line("zoo", "add", training_output).code == 2
    unchecked = command_line("zoo", "add", training_output, "--overwrite", "--no-check")
    assert "check" not in unchecked.stderr
    assert not (places.user_zoo() / "my-silicon" / "check.json").exists()
    assert command_line("zoo", "remove", "my-silicon").code == 0
    assert command_line("zoo", "show", "my-silicon").code == 2


def test_a_property_model_is_added_without_a_check(command_line: CommandLine) -> None:
    folder = next(folder for folder in PUBLISHED if folder.name == "classification")
    added = command_line("zoo", "add", folder)
    assert added.code == 0, added.stderr
    assert "check" not in added.stderr


def test_commands_take_a_zoo_elsewhere(training_output: Path, tmp_path: Path, command_line: CommandLine) -> None:
    zoo = tmp_path / "zoo"
    added = command_line("zoo", "add", training_output, "--zoo", zoo, "--name", "here", "--json", "--no-check")
    assert json.loads(added.stdout)["folder"] == str(zoo / "here")
    assert [c["name"] for c in json.loads(command_line("zoo", "list", "--zoo", zoo, "--json").stdout)] == ["here"]
    assert json.loads(command_line("zoo", "show", "here", "--zoo", zoo, "--json").stdout)["name"] == "here"
