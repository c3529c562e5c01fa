"""A model that no longer ships is answered with the one that replaced it, wherever its name is given."""

import shutil
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write

from alignn_ff import load_potential
from alignn_ff.errors import ModelNotFoundError
from alignn_ff.zoo import RETIRED, add, cards, find, nearest_name, shipped_cards
from tests.support.command_line import CommandLine
from tests.support.line_graph import LINE_GRAPH_MODEL


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_model_does_not_ship_and_its_successor_does(name: str) -> None:
    shipped = {card.name: card for card in shipped_cards()}
    assert name not in shipped
    assert shipped[RETIRED[name].successor].present_file is not None


@pytest.mark.parametrize("name", RETIRED)
@pytest.mark.parametrize(
    "words",
    [
        "energy si.extxyz --model {}",
        "relax si.extxyz --model {}",
        "md si.extxyz --steps 1 --model {}",
        "predict {} si.extxyz",
        "eval {} si.extxyz",
        "check {}",
        "export {} -o model.pt",
        "eos si.extxyz --model {}",
        "zoo show {}",
        "zoo fetch {}",
        "zoo add {} --name mine",
        "train config.json --data si.extxyz --from {} -o run",
    ],
)
def test_every_command_names_the_successor_and_the_reason(
    name: str, words: str, command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("si.extxyz", bulk("Si"))
    Path("config.json").write_text("{}")
    before = set(tmp_path.iterdir())
    answer = command_line(*words.format(name).split())
    assert answer.code == 2, answer.stdout
    said = " ".join(answer.stderr.split())
    assert f"the model '{name}' was replaced by '{RETIRED[name].successor}': {RETIRED[name].reason}" in said
    assert set(tmp_path.iterdir()) == before


def test_python_says_the_same() -> None:
    with pytest.raises(ModelNotFoundError, match="'si-smooth' was replaced by 'si'"):
        load_potential("si-smooth")


def test_a_misspelt_name_of_a_retired_model_leads_to_its_successor() -> None:
    assert nearest_name("si-smoth", ["si"]) == "; did you mean 'si-smooth', which was replaced by 'si'?"
    assert nearest_name("unversal", ["universal"]) == "; did you mean 'universal'?"
    assert nearest_name("something else", ["universal"]) == ""


def test_an_own_file_of_a_retired_model_is_used_by_path_or_by_its_old_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("si-smooth").mkdir()
    shutil.copy(LINE_GRAPH_MODEL, "si-smooth/model.pt")
    assert find("./si-smooth").origin == "file"
    card = add("./si-smooth", name="si-smooth")
    assert find("si-smooth") == (card.file, "own zoo")
    assert "si-smooth" in {each.name for each in cards()}
