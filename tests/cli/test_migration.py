"""The statements of docs/migration.md."""

import json
import re
from pathlib import Path

import pytest

from alignn_ff.models import FAMILIES
from alignn_ff.train import TrainingConfig
from alignn_ff.zoo import published_models
from tests.support.command_line import CommandLine

PAGE = (Path(__file__).parents[2] / "docs" / "migration.md").read_text(encoding="utf-8")
PUBLISHED_FIELDS = json.loads((Path(__file__).parents[1] / "data" / "published_fields.json").read_text())


def test_every_field_of_the_published_reference_is_taken() -> None:
    assert set(PUBLISHED_FIELDS["training"]) <= set(TrainingConfig.model_fields)


@pytest.mark.parametrize("name", ["alignn_atomwise", "alignn_atomwise_pure"])
def test_every_model_field_of_the_published_reference_is_taken(name: str) -> None:
    assert set(PUBLISHED_FIELDS["model"]) <= set(FAMILIES[name].config.model_fields)


def test_commands_and_options_exist(command_line: CommandLine) -> None:
    known: dict[str, str] = {}
    for line in re.findall(r"alignn-ff ([a-z][^`\n]*)", PAGE):
        words = line.split("#")[0].split()
        command = " ".join(words[: 2 if words[0] in ("zoo", "data", "config") else 1])
        if command not in known:
            known[command] = command_line(*command.split(), "--help").stdout
        for option in re.findall(r"--[a-z-]+", line.split("#")[0]):
            assert option in known[command] or option == "--help", f"{command} has no {option}"
    assert len(known) >= 6


def test_python_names_exist() -> None:
    from alignn_ff import AlignnCalculator, load_potential, md, relax, zoo
    from alignn_ff.graph import AtomicGraph, GraphRecipe, build_graph, edge_vectors, system_from_atoms
    from alignn_ff.predictor import load_predictor

    for name in (AlignnCalculator, load_potential, load_predictor, AtomicGraph, GraphRecipe, build_graph, edge_vectors):
        assert name.__name__ in PAGE
    assert system_from_atoms.__name__ in PAGE
    for room, word in ((zoo, "fetch"), (relax, "relax"), (md, "run_md")):
        assert hasattr(room, word)
        assert f"{word}" in PAGE


def test_the_model_that_is_fetched_for_example_is_listed() -> None:
    (name,) = set(re.findall(r"zoo fetch ([\w.]+)", PAGE))
    assert name in published_models()
