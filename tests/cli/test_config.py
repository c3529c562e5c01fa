"""``alignn-ff config``, and the advice on a config before it is run."""

import json
import logging
from pathlib import Path

import pytest

from alignn_ff.train import train, validate_config
from alignn_ff.train.config.advice import advice, bond_advice, unused_advice
from tests.support.command_line import CommandLine
from tests.support.labelled_data import molecule_frames, write_frames
from tests.support.training_runs import Silent

DOCS = Path(__file__).parents[2] / "docs"
ATOMWISE = {"name": "alignn_atomwise"}


def written(tmp_path: Path, content: dict) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(content))
    return path


def test_show_prints_a_config_that_reads_back_as_itself(tmp_path: Path, command_line: CommandLine) -> None:
    path = written(tmp_path, {"cutoff": 5.0, "model": {"hidden_features": 8}})
    shown = command_line("config", "show", path, "--set", "epochs=7", "--set", "model.use_zbl=false")
    content = json.loads(shown.stdout)
    assert (content["cutoff"], content["epochs"], content["neighbor_strategy"]) == (5.0, 7, "radius_graph")
    assert (content["model"]["name"], content["model"]["use_zbl"]) == ("alignn_smooth", False)
    path.write_text(shown.stdout)
    assert json.loads(command_line("config", "show", path).stdout) == content


def test_validate_lists_all_problems_or_what_one_may_not_expect(tmp_path: Path, command_line: CommandLine) -> None:
    path = written(tmp_path, {"epochs": 0, "modle": {}})
    bad = command_line("config", "validate", path)
    assert bad.code == 2
    assert "epochs" in bad.stderr
    assert "did you mean 'model'?" in bad.stderr
    path = written(tmp_path, {"model": {**ATOMWISE, "gradwise_weight": 0}})
    good = command_line("config", "validate", path)
    assert good.code == 0
    assert "config.json: valid" in good.stdout
    assert "forces are off" in good.stdout


def test_reference_explains_one_field_or_all(command_line: CommandLine) -> None:
    one = command_line("config", "reference", "cutoff").stdout
    assert "longest bond, Å" in one
    assert "number, > 0" in one
    families = command_line("config", "reference", "model.exponent").stdout
    assert "alignn_smooth" in families
    assert "ealignn_atomwise" in families
    assert command_line("config", "reference").stdout.strip() in (DOCS / "config.md").read_text(encoding="utf-8")
    unknown = command_line("config", "reference", "cutof")
    assert unknown.code == 2
    assert "did you mean 'cutoff'" in unknown.stderr


def test_schema_is_the_one_in_the_docs_and_names_every_field(command_line: CommandLine) -> None:
    schema = json.loads(command_line("config", "schema").stdout)
    assert schema == json.loads((DOCS / "config.schema.json").read_text(encoding="utf-8"))
    assert schema["additionalProperties"] is False
    assert {"cutoff", "model", "use_lmdb"} <= set(schema["properties"])


@pytest.mark.parametrize(("word", "hint"), [("epochs", "FIELD=VALUE"), ("epoch=3", "did you mean 'epochs'?")])
def test_a_bad_change_is_refused(tmp_path: Path, command_line: CommandLine, word: str, hint: str) -> None:
    result = command_line("config", "show", written(tmp_path, {}), "--set", word)
    assert result.code == 2
    assert hint in result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"model": {**ATOMWISE, "gradwise_weight": 0}}, "gradwise_weight is 0: forces are off"),
        ({"model": {"gradwise_weight": 0}}, "forces are not trained"),
        ({"model": {**ATOMWISE, "lg_on_fly": False}}, "not derivatives of the energy"),
        ({"model": {**ATOMWISE, "batch_stress": False, "stresswise_weight": 0.1}}, "a whole batch of structures"),
        ({"model": {**ATOMWISE, "link": "log", "stresswise_weight": 0.1}}, "no forces, so no stress"),
        ({"model": {**ATOMWISE, "atomwise_weight": 0.1}}, "atomwise_output_features is 0"),
        ({"model": {**ATOMWISE, "additional_output_weight": 0.1}}, "additional_output_features is 0"),
        ({"criterion": "poisson"}, "compared by mse"),
        ({"target_multiplication_factor": 2.0}, "neither forces nor stresses"),
        ({"data_parallel": True}, "torchrun"),
        ({"ddp_find_unused_parameters": True}, "whichever weights have one"),
        ({"version": "2024.1"}, "version (2024.1) is not used"),
        ({"model": {"name": "alignn_atomwise_pure", "three_body_cutoff": 3.5}}, "angles end where the graph says"),
        ({"model": {"name": "ealignn_atomwise", "exponent": 7}}, "model.exponent = 7 is accepted, but not used"),
    ],
)
def test_unexpected_effects_of_a_config_are_printed(content: dict, said: str) -> None:
    config = validate_config(content)
    assert said in " ".join(advice(config) + unused_advice(config))


@pytest.mark.parametrize("content", [{}, {"model": ATOMWISE}, {"model": {"name": "alignn"}}])
def test_an_ordinary_config_has_no_advice(content: dict) -> None:
    config = validate_config(content)
    assert advice(config) + unused_advice(config) == ()


@pytest.mark.config_field("model.use_penalty", "model.penalty_threshold")
def test_the_shortest_bond_below_the_penalty_threshold_is_named(tmp_path: Path, caplog) -> None:
    frames = molecule_frames(4)  # C-O around 1.15 Å
    model = {**ATOMWISE, "hidden_features": 8, "alignn_layers": 1, "gcn_layers": 1, "penalty_threshold": 1.3}
    content = {"n_train": 3, "n_val": 1, "n_test": 0, "epochs": 1, "cutoff": 4.0, "neighbor_strategy": "fast_graph"}
    config = validate_config({**content, "progress": False, "output_dir": str(tmp_path / "run"), "model": model})
    with caplog.at_level(logging.WARNING, logger="alignn_ff"):
        train(config, observer=Silent(), data=write_frames(tmp_path / "co.extxyz", frames), device="cpu")
    (said,) = [r.getMessage() for r in caplog.records if "shortest bond" in r.getMessage()]
    shortest = min(frame.get_distance(0, 1) for frame in frames[:3])
    assert f"{shortest:.3f} Å (C-O)" in said
    for change in ({"use_penalty": False}, {"penalty_threshold": 0.9}):
        assert not bond_advice(validate_config({**content, "model": {**model, **change}}), {"C-O": shortest})


@pytest.mark.config_field("classification_threshold", "model.classification")
def test_a_threshold_makes_a_classification_of_the_model() -> None:
    assert validate_config({"classification_threshold": 0.1, "model": ATOMWISE}).model.classification
    assert not validate_config({"model": ATOMWISE}).model.classification
