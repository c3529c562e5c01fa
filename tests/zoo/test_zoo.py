"""The zoo: cards, names and paths, the choice by elements, and the commands that show it."""

import hashlib
import importlib
import json
import shutil
from pathlib import Path

import pytest
from ase.build import bulk

from alignn_ff import load_potential
from alignn_ff.errors import CheckpointError, ElementNotCoveredError, ModelNotFoundError
from alignn_ff.zoo import ModelCard, cards, choose, model_file
from tests.support.command_line import CommandLine

CARD = """
name = "{name}"
summary = "a test model"
elements = {elements}
family = "alignn_smooth"
data = "none"
data_licence = "none"
data_reference = "none"
level_of_theory = "random"
licence = "MIT"
n_parameters = 1234
cutoff_A = 5.0
three_body_cutoff_A = 3.5
sha256 = "00"
[metrics]
energy_MAE_meV_per_atom = 2.5
"""


@pytest.fixture
def zoo_folder(tmp_path: Path, si_model_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of two models: one for Si, one for Si and Ge."""
    for name, elements in (("tiny-si", '["Si"]'), ("tiny-sige", '["Si", "Ge"]')):
        folder = tmp_path / "zoo" / name
        folder.mkdir(parents=True)
        (folder / "card.toml").write_text(CARD.format(name=name, elements=elements))
        shutil.copy(si_model_file, folder / "model.pt")
    monkeypatch.setattr(importlib.import_module("alignn_ff.zoo.cards"), "zoo_folder", lambda: tmp_path / "zoo")
    return tmp_path / "zoo"


def test_a_model_is_found_by_name_file_and_folder(zoo_folder: Path) -> None:
    file = zoo_folder / "tiny-si" / "model.pt"
    assert model_file("tiny-si") == model_file(file) == model_file(str(file.parent)) == file


def test_the_error_of_an_unknown_name_lists_the_models(zoo_folder: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"'nope'.*tiny-si, tiny-sige"):
        model_file("nope")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"holds no model: it has none of model\.pt"):
        model_file(tmp_path)


def test_the_most_special_model_that_covers_all_elements_is_chosen(zoo_folder: Path) -> None:
    assert choose([14]).name == "tiny-si"
    assert choose([32, 14, 32]).name == "tiny-sige"
    with pytest.raises(ElementNotCoveredError, match=r"covers Si, U\. Shipped models: tiny-si \(Si\).*--model PATH"):
        choose([14, 92])


def test_a_broken_card_is_named(zoo_folder: Path) -> None:
    (zoo_folder / "tiny-si" / "card.toml").write_text("name = 3")
    with pytest.raises(CheckpointError, match=r"tiny-si.card\.toml is not valid"):
        cards()


def test_list_as_json_is_a_list_of_cards(zoo_folder: Path, command_line: CommandLine) -> None:
    result = command_line("zoo", "list", "--json")
    listed = json.loads(result.stdout)
    assert result.code == 0
    assert [(card["name"], card["elements"]) for card in listed] == [("tiny-si", ["Si"]), ("tiny-sige", ["Si", "Ge"])]
    assert listed[0]["metrics"] == {"energy_MAE_meV_per_atom": 2.5}


@pytest.mark.parametrize("elements, names", [("Si", ["tiny-si", "tiny-sige"]), ("Ge,Si", ["tiny-sige"]), ("U", [])])
def test_list_filters_by_elements(elements: str, names: list[str], zoo_folder: Path, command_line: CommandLine) -> None:
    listed = json.loads(command_line("zoo", "list", "--elements", elements, "--json").stdout)
    assert [card["name"] for card in listed] == names


def test_list_and_show_name_the_models(zoo_folder: Path, command_line: CommandLine) -> None:
    listed = command_line("zoo", "list")
    assert "tiny-si " in listed.stdout
    assert "1,234" in listed.stdout
    shown = command_line("zoo", "show", "tiny-sige")
    assert "Si Ge" in shown.stdout
    assert "energy_MAE_meV_per_atom" in shown.stdout
    assert json.loads(command_line("zoo", "show", "tiny-sige", "--json").stdout)["name"] == "tiny-sige"


def test_elements_that_no_model_covers_say_what_to_do(zoo_folder: Path, command_line: CommandLine) -> None:
    result = command_line("zoo", "list", "--elements", "U")
    assert result.code == 0
    assert "--model PATH" in result.stdout


def test_the_message_of_an_empty_zoo_shows_how_to_add_a_model(command_line: CommandLine, tmp_path: Path) -> None:
    listed = command_line("zoo", "list", "--zoo", tmp_path)
    assert listed.code == 0
    assert listed.stdout.strip() == (
        f"The zoo {tmp_path} has no models; `alignn-ff zoo add FOLDER --zoo {tmp_path}` adds one"
    )
    assert "has no models, and there is no such folder;" in command_line("zoo", "list", "--zoo", tmp_path / "no").stdout
    assert json.loads(command_line("zoo", "list", "--zoo", tmp_path, "--json").stdout) == []


@pytest.mark.parametrize("words", [("show", "nope"), ("list", "--elements", "Si,Xx"), ("list", "--elements", "")])
def test_bad_words_exit_with_2(words: tuple[str, ...], zoo_folder: Path, command_line: CommandLine) -> None:
    result = command_line("zoo", *words)
    assert result.code == 2
    assert result.stderr.startswith("error: ")


def test_auto_takes_the_model_that_fits(zoo_folder: Path, command_line: CommandLine, tmp_path: Path) -> None:
    structure = tmp_path / "si.extxyz"
    structure.write_text('2\nLattice="5 0 0 0 5 0 0 0 5"\nSi 0 0 0\nSi 2.3 0.5 0\n')
    assert json.loads(command_line("energy", structure, "--json").stdout)["model"]["name"] == "tiny-si"


@pytest.mark.parametrize("card", [card for card in cards() if card.file.is_file()], ids=lambda card: card.name)
def test_a_shipped_model_matches_its_card(card: ModelCard) -> None:
    assert hashlib.sha256(card.file.read_bytes()).hexdigest() == card.sha256
    potential = load_potential(card.name)
    header = potential.header
    assert frozenset(header.elements) == card.atomic_numbers
    assert (header.model.name, header.graph.cutoff, header.graph.line_cutoff) == (
        card.family,
        card.cutoff_A,
        card.three_body_cutoff_A,
    )
    assert sum(parameter.numel() for parameter in potential.model.parameters()) == card.n_parameters
    assert header.domain.n_structures > 0
    assert header.domain.shortest_distance_A
    assert len(header.statistics.energy_bounds) == len(header.elements)
    assert card.file.stat().st_size < 5_000_000


def test_silicon_uses_the_shipped_model_with_the_right_crystal() -> None:
    atoms = bulk("Si", cubic=True, a=5.469)
    potential = load_potential("auto", dtype="float64", for_atoms=atoms)
    assert potential.name == "si"
    wide, narrow, here = (
        float(potential.predict_tensors([bulk("Si", cubic=True, a=a)])[0].energy[0]) for a in (5.569, 5.369, 5.469)
    )
    assert here < min(wide, narrow)
