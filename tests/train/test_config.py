"""The training schema: closed, with helpful errors and correct defaults."""

import json
from pathlib import Path

import pytest

from alignn_ff.errors import ConfigError
from alignn_ff.graph import STRATEGIES, GraphRecipe
from alignn_ff.train import TrainingConfig, load_config, validate_config
from alignn_ff.train.config.advice import advice, unused_advice


def message_of(content: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        validate_config(content)
    return str(caught.value)


def test_an_unknown_field_is_refused_with_the_nearest_known_one():
    assert "did you mean 'learning_rate'?" in message_of({"learning_rat": 0.1})
    assert "did you mean 'hidden_features'?" in message_of({"model": {"hiden_features": 8}})
    assert "did you mean 'n_folds'?" in message_of({"cross_validation": {"nfolds": 8}})


def test_all_problems_are_listed_at_once():
    text = message_of({"epochs": 0, "batch_size": "many", "optimiser": "adam"})
    assert "epochs" in text
    assert "batch_size" in text
    assert "did you mean 'optimizer'?" in text


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ({"cutoff": 4.0, "three_body_cutoff": 5.0}, "must not exceed cutoff"),
        ({"train_ratio": 0.9, "val_ratio": 0.2}, "more than 1"),
        ({"criterion": "mae"}, "'huber', 'poisson' or 'zig'"),
        ({"model": {"name": "schnet"}}, "alignn_smooth"),
        ({"reference_energies": {"Xx": 1.0}}, "not a chemical symbol"),
        ({"cross_validation": {"n_folds": 3, "fold": 3}}, "0 to 2"),
        ({"learning_rate": -1}, "greater than 0"),
    ],
)
def test_a_value_out_of_range_is_refused_with_what_is_allowed(content, hint):
    assert hint in message_of(content)


def test_defaults_are_those_of_the_reference():
    config = TrainingConfig()
    assert (config.epochs, config.batch_size, config.learning_rate) == (300, 64, 1e-2)
    assert (config.warmup_steps, config.criterion, config.optimizer, config.scheduler) == (
        2000,
        "mse",
        "adamw",
        "onecycle",
    )
    assert (config.train_ratio, config.val_ratio, config.test_ratio, config.random_seed) == (0.8, 0.1, 0.1, 123)
    assert config.keep_data_order
    assert config.n_early_stopping is None


def test_missing_empty_and_broken_files_are_named(tmp_path):
    for name, content, hint in (
        ("missing.json", None, "no such config file"),
        ("empty.json", "", "is empty"),
        ("broken.json", "{", "not valid JSON"),
        ("list.json", "[]", "one JSON object"),
        ("binary.json", b"\xff\xfe\x00\x01", "not a text file"),
    ):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            path.write_text(content)
        with pytest.raises(ConfigError, match=hint):
            load_config(path)


def test_a_resolved_config_reads_back_as_itself(tmp_path):
    config = validate_config({"cutoff": 5.0, "cross_validation": {"fold": 2}, "model": {"hidden_features": 8}})
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.model_dump(mode="json")))
    assert load_config(path) == config


def test_graph_fields_default_to_the_reference_for_published_families_and_to_smooth_ones_else():
    fields = {name: field.default for name, field in TrainingConfig.model_fields.items()}
    assert (fields["neighbor_strategy"], fields["cutoff"], fields["cutoff_extra"]) == ("k-nearest", 8.0, 3.0)
    assert (fields["max_neighbors"], fields["use_canonize"], fields["compute_line_graph"]) == (12, True, True)
    assert fields["three_body_cutoff"] is None
    for config in (TrainingConfig(), validate_config({"model": {"name": "alignn_smooth", "hidden_features": 8}})):
        assert (config.neighbor_strategy, config.cutoff_extra) == ("radius_graph", 0.0)


@pytest.mark.parametrize("name", [name for name, strategy in STRATEGIES.items() if not strategy.smooth])
def test_the_error_of_a_smooth_family_with_capped_graphs_names_valid_ones(name):
    text = message_of({"neighbor_strategy": name})
    assert f"neighbor_strategy is '{name}'" in text
    assert "take radius_graph, radius_graph_jarvis, or leave the field out" in text


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ({"cutoff_extra": 3.0}, "makes the energy jump"),
        ({"cutoff_extra": -1.0}, "greater than or equal to 0"),
        ({"neighbor_strategy": "voronoi"}, "'k-nearest', 'radius_graph'"),
        ({"max_neighbors": 0}, "greater than or equal to 1"),
        ({"compute_line_graph": False}, "model.alignn_layers to 0"),
    ],
)
def test_graph_fields_that_do_not_suit_the_model_are_refused(content, hint):
    assert hint in message_of(content)


def test_bonds_need_no_line_graph():
    content = {"compute_line_graph": False, "model": {"name": "alignn_smooth", "alignn_layers": 0}}
    assert not validate_config(content).recipe.compute_line_graph


def test_the_recipe_of_a_smooth_family_is_that_of_its_model_files():
    config = validate_config({"cutoff": 5.0, "three_body_cutoff": 3.5})
    assert config.recipe == GraphRecipe(cutoff=5.0, three_body_cutoff=3.5)


def test_a_learning_rate_that_undoes_the_start_is_warned_of() -> None:
    (sentence,) = advice(validate_config({"start_from": "si"}))
    assert sentence.startswith("learning_rate is 0.01, as for a training from scratch")
    assert advice(validate_config({"start_from": "si", "learning_rate": 0.001})) == ()
    fine = {"start_from": "si", "learning_rate": 0.001, "floor_labels": "start"}
    (sentence,) = advice(validate_config(fine))
    assert "floor_labels (start) is not used" in sentence
    assert advice(validate_config({**fine, "floor_structures": 100})) == ()


EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("train_*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_configs_are_valid_and_ordinary(path):
    config = load_config(path)
    assert advice(config) + unused_advice(config) == ()
    assert config.model.name == "alignn_smooth"


def test_a_seed_that_is_null_is_drawn_and_kept():
    drawn = [validate_config({"random_seed": None}).random_seed for _ in range(2)]
    assert drawn[0] != drawn[1]
    assert validate_config({}).random_seed == 123
