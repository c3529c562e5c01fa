"""A model has the outputs that its config declares, for every family."""

import pytest
import torch
from ase.build import bulk

from alignn_ff.graph import build_graph, edge_vectors, system_from_atoms
from alignn_ff.models import FAMILIES, EnergyModel, ModelConfig, ModelStatistics, PropertyModel, build_model
from alignn_ff.testing import structure
from alignn_ff.train import validate_config
from alignn_ff.train.config.advice import advice, unused_advice
from alignn_ff.train.labels import LABELS
from alignn_ff.train.loss.loss import loss_weights
from tests.support.tiny_models import CONFIG, ELEMENTS, PUBLISHED, RECIPE

STATISTICS = ModelStatistics((-0.5, -1.0, -1.5), scale=1.3, edges_per_atom=9.0, triplets_per_line_node=4.0)
NO_FORCES = {"calculate_gradient": False, "gradwise_weight": 0.0}
CHANGES: dict[str, list[dict[str, object]]] = {
    "alignn_smooth": [{}, {"alignn_layers": 0}, {"gradwise_weight": 0.0, "stresswise_weight": 0.1}],
    "alignn": [{}, {"output_features": 3}, {"classification": True, "num_classes": 4}, {"zero_inflated": True}],
    **{
        family: [
            {},
            {"atomwise_output_features": 2, "additional_output_features": 3, "atomwise_weight": 0.5},
            {**NO_FORCES, "output_features": 3, "alignn_layers": 0},
            {**NO_FORCES, "classification": True},
            {**NO_FORCES, "zero_inflated": True},
            {"use_cutoff_function": True, "use_penalty": False},
        ]
        for family in ("alignn_atomwise", "alignn_atomwise_pure", "ealignn_atomwise")
    },
}
CASES = [(name, change) for name, changes in CHANGES.items() for change in changes]


def config_of(name: str, change: dict[str, object]) -> ModelConfig:
    small = PUBLISHED if FAMILIES[name].published else CONFIG.model_dump()
    return FAMILIES[name].config.model_validate({**small, "name": name, **change})


def test_every_family_has_cases() -> None:
    assert CHANGES.keys() == FAMILIES.keys()
    for name, family in FAMILIES.items():
        assert {config_of(name, change).kind for change in CHANGES[name]} == set(family.kinds)


@pytest.mark.parametrize(("name", "change"), CASES, ids=str)
@torch.no_grad()
def test_outputs_are_as_declared(name: str, change: dict[str, object]) -> None:
    config = config_of(name, change)
    outputs = config.outputs
    model = build_model(config, RECIPE, ELEMENTS, STATISTICS).eval()
    assert isinstance(model, EnergyModel if outputs.kind == "energy" else PropertyModel)
    system = system_from_atoms(bulk("Si", cubic=True))
    graph = build_graph(system, RECIPE)
    main, heads = model.with_heads(graph, edge_vectors(system, graph))
    assert (0 if heads.atomwise is None else heads.atomwise.shape[1]) == outputs.n_atomwise
    assert (0 if heads.additional is None else heads.additional.shape[1]) == outputs.n_additional
    if outputs.kind == "energy":
        assert main.shape == (8,)
        assert (outputs.n_target, outputs.n_classes) == (0, 0)
    elif outputs.classifies:
        assert outputs.n_target == 1
        assert max(main.shape[1], 2) == outputs.n_classes
    else:
        assert main.shape == (1, outputs.n_target)


@pytest.mark.parametrize(("name", "change"), CASES, ids=str)
@torch.no_grad()
def test_a_model_that_reads_no_angles_needs_none(name: str, change: dict[str, object]) -> None:
    config = config_of(name, change)
    model = build_model(config, RECIPE, ELEMENTS, STATISTICS).eval()
    system = system_from_atoms(structure("rattled bulk", (14, 8)))
    graph = build_graph(system, RECIPE)
    without = graph._replace(line_src=graph.line_src[:0], line_dst=graph.line_dst[:0])
    found = [model(each, edge_vectors(system, each)) for each in (graph, without)]
    assert torch.equal(*found) is not config.outputs.reads_angles


@pytest.mark.parametrize(("name", "change"), CASES, ids=str)
def test_weights_are_those_of_parts_of_the_loss(name: str, change: dict[str, object]) -> None:
    config = config_of(name, change)
    weights = config.outputs.weights
    assert set(weights) <= set(LABELS)
    assert ("energy" in weights) == (config.kind == "energy")
    assert ("target" in weights) == (config.kind == "property")
    assert loss_weights(config) == tuple(weights.get(part, 0.0) for part in LABELS)


@pytest.mark.parametrize(("name", "change"), CASES, ids=str)
def test_sizes_are_those_of_the_fields(name: str, change: dict[str, object]) -> None:
    fields, sizes = dict(config_of(name, change)), config_of(name, change).layer_sizes
    assert sizes is not None
    assert (sizes.channels, sizes.inner) == (fields["hidden_features"], fields.get("embedding_features", 0))
    assert (sizes.n_angle, sizes.n_bond) == (fields["alignn_layers"], fields["gcn_layers"])
    assert (sizes.edge_inputs, sizes.triplet_inputs) == (
        fields["edge_input_features"],
        fields["triplet_input_features"],
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_ignored_fields_and_heads_are_fields(name: str) -> None:
    schema = FAMILIES[name].config
    assert set(schema.IGNORED) <= set(schema.model_fields)
    assert set(schema.model_fields) >= schema.HEADS
    assert schema().ignored_but_set == {}


def test_advice_of_a_family_is_part_of_that_of_a_config() -> None:
    config = validate_config({"model": {"name": "alignn_atomwise", "atomwise_weight": 0.5}})
    assert any("atomwise_output_features is 0" in sentence for sentence in advice(config))
    config = validate_config({"model": {"name": "ealignn_atomwise", "exponent": 7}})
    assert unused_advice(config) == ("model.exponent = 7 is accepted, but not used by ealignn_atomwise",)
