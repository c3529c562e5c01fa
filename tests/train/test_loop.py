"""Laws of a step: the weights of the labels, and large batches in several parts."""

import pytest
import torch

from alignn_ff.models import ModelStatistics, build_model
from alignn_ff.train import read_records, validate_config
from alignn_ff.train.choices.criteria import class_likelihood, poisson, zero_inflated
from alignn_ff.train.loop.weight_average import WeightAverage, evolving_tensors
from alignn_ff.train.loss.loss import build_measure, combined, label_counts
from alignn_ff.train.records.batches import build_sample, join
from alignn_ff.train.records.statistics import LabelScales
from alignn_ff.train.records.targets import label_shapes
from alignn_ff.train.trainer.trainer import Trainer
from tests.support.labelled_data import labelled, molecule_frames, write_frames
from tests.support.property_data import alloy_frames, property_frames
from tests.support.property_networks import LOOP, NETWORK, NO_FORCES

ELEMENTS = (6, 8, 29, 79)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory):
    """Cells of two sizes with stress, molecules without."""
    cells = alloy_frames(3)
    frames = [*cells[:2], labelled(cells[2].repeat((2, 1, 1)), "large"), *molecule_frames(1)]
    return read_records(write_frames(tmp_path_factory.mktemp("data") / "mixed.extxyz", frames))


@pytest.fixture(scope="module")
def properties(tmp_path_factory: pytest.TempPathFactory):
    return read_records(write_frames(tmp_path_factory.mktemp("data") / "p.extxyz", property_frames(4)))


def trainer_of(records, model: dict[str, object], **changes: object) -> Trainer:
    config = validate_config({**LOOP, **changes, "model": {**NETWORK, **model}})
    statistics = ModelStatistics((-1.0,) * len(ELEMENTS), 0.7, 20.0, 8.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = build_model(config.model, config.recipe, ELEMENTS, statistics).double()
    samples = [build_sample(record, config.recipe, label_shapes(records)) for record in records]
    return Trainer(
        config,
        network,
        training=samples,
        validation=[],
        measure=build_measure(config, LabelScales(0.2, 0.5, 0.01), {}),
        device=torch.device("cpu"),
    )


def losses(records, model: dict[str, object], **changes: object) -> dict[str, float]:
    """Part → mean cost of one batch, and "total", before any step."""
    trainer = trainer_of(records, model, **changes)
    batch = join(trainer.training)
    sums = trainer.compute(batch, training=True)[1].detach()
    counts = label_counts(batch.targets)
    means = (sums / counts.clamp(min=1)).tolist()
    names = ("energy", "forces", "stress", "target", "atomwise", "additional")
    return dict(zip(names, means, strict=True)) | {"total": float(combined(sums, counts, trainer.objective.weights))}


FORCE_FIELD = {"name": "alignn_atomwise", "stresswise_weight": 1.0}
PROPERTY = {"name": "alignn_atomwise", **NO_FORCES, "output_features": 2}
HEADS = {"atomwise_output_features": 1, "additional_output_features": 1}
ALL_HEADS = {**PROPERTY, **HEADS, "atomwise_weight": 1.0, "additional_output_weight": 1.0}


@pytest.mark.config_field(
    "model.graphwise_weight",
    "model.gradwise_weight",
    "model.stresswise_weight",
    "model.atomwise_weight",
    "model.additional_output_weight",
)
@pytest.mark.parametrize(
    ("weight", "part", "model"),
    [
        ("graphwise_weight", "energy", FORCE_FIELD),
        ("gradwise_weight", "forces", FORCE_FIELD),
        ("stresswise_weight", "stress", FORCE_FIELD),
        ("graphwise_weight", "target", ALL_HEADS),
        ("atomwise_weight", "atomwise", ALL_HEADS),
        ("additional_output_weight", "additional", ALL_HEADS),
    ],
)
def test_each_weight_multiplies_its_own_part(
    mixed, properties, weight: str, part: str, model: dict[str, object]
) -> None:
    records = mixed if model is FORCE_FIELD else properties
    keys = {"criterion": "l1"}
    one, three = (losses(records, {**model, weight: value}, **keys) for value in (1.0, 3.0))
    assert one[part] == pytest.approx(three[part], rel=1e-12)
    assert one[part] > 0
    assert three["total"] - one["total"] == pytest.approx(2.0 * one[part], rel=1e-9)


@pytest.mark.config_field("normalize_graph_level_loss")
def test_graph_level_costs_are_divided_by_the_number_of_atoms(properties, mixed) -> None:
    plain, divided = (losses(properties, ALL_HEADS, normalize_graph_level_loss=switch) for switch in (False, True))
    assert divided["target"] == pytest.approx(plain["target"] / 4.0, rel=1e-12)
    assert divided["additional"] == plain["additional"]
    plain, divided = (losses(mixed, FORCE_FIELD, normalize_graph_level_loss=switch) for switch in (False, True))
    assert 0 < divided["energy"] < plain["energy"]
    assert divided["forces"] == plain["forces"]


@pytest.mark.config_field(
    "model.grad_multiplier", "model.add_reverse_forces", "model.force_mult_natoms", "model.stress_multiplier"
)
@pytest.mark.config_field("model.lg_on_fly", "model.batch_stress")
@pytest.mark.parametrize(
    ("switch", "value", "changed"),
    [
        ("grad_multiplier", 1, {"forces", "stress"}),
        ("add_reverse_forces", False, {"forces"}),
        ("force_mult_natoms", True, {"forces", "stress"}),
        ("stress_multiplier", 3.0, {"stress"}),
        ("batch_stress", False, {"stress"}),
        ("lg_on_fly", False, {"forces", "stress"}),
    ],
)
def test_published_switches_act_in_training(mixed, switch: str, value: object, changed: set[str]) -> None:
    records = mixed[:3]
    physical, switched = losses(records, FORCE_FIELD), losses(records, {**FORCE_FIELD, switch: value})
    assert {part for part in ("energy", "forces", "stress") if physical[part] != switched[part]} == changed


@pytest.mark.config_field("accumulation_steps", "batch_size")
@pytest.mark.parametrize("model", [FORCE_FIELD, ALL_HEADS], ids=["force field", "property"])
def test_batches_that_accumulate_give_the_gradients_of_one_large_batch(mixed, properties, model) -> None:
    """Also if a part of the batch lacks labels that another part has."""
    records = mixed if model is FORCE_FIELD else properties
    weights = []
    for size, parts in ((4, 1), (1, 4), (2, 2), (3, 2)):
        trainer = trainer_of(records, model, batch_size=size, accumulation_steps=parts, optimizer="sgd")
        assert trainer.batches.steps_per_epoch == 1
        for batches in trainer.batches.of_epoch(trainer.progress.epoch, first=trainer.progress.batch):
            trainer.step(batches)
        weights.append(evolving_tensors(trainer.model))
    for other in weights[1:]:
        for name, tensor in weights[0].items():
            torch.testing.assert_close(other[name], tensor, rtol=1e-10, atol=1e-13)


def test_molecules_among_crystals_leave_gradients_finite(mixed) -> None:
    trainer = trainer_of(mixed, {**FORCE_FIELD, "stress_multiplier": 2.0})
    trainer.step([join(trainer.training)])
    assert all(torch.isfinite(p.grad).all() for p in trainer.model.parameters() if p.grad is not None)


def test_the_average_of_weights_takes_the_statistics_of_batch_normalisation_along(properties) -> None:
    trainer = trainer_of(properties, {"name": "alignn", "output_features": 2}, ema_decay=0.5)
    before = {name: tensor.clone() for name, tensor in evolving_tensors(trainer.model).items()}
    trainer.step([join(trainer.training)])
    name = "network.bond_embedding.0.norm.running_mean"
    after = evolving_tensors(trainer.model)[name]
    assert not torch.equal(after, before[name])
    torch.testing.assert_close(trainer.average.weights[name], torch.lerp(before[name], after, 0.9))
    with trainer.average.applied_to(trainer.model):
        assert torch.equal(evolving_tensors(trainer.model)[name], trainer.average.weights[name])
    assert torch.equal(evolving_tensors(trainer.model)[name], after)


def test_without_decay_the_average_is_the_weights(properties) -> None:
    trainer = trainer_of(properties, {"name": "alignn", "output_features": 2})
    average = WeightAverage(trainer.model, 0.0)
    trainer.step([join(trainer.training)])
    average.update(trainer.model, 0)
    for name, tensor in evolving_tensors(trainer.model).items():
        assert torch.equal(average.weights[name], tensor), name


def test_the_zero_inflated_cost_is_a_likelihood() -> None:
    logit, mean = torch.tensor([[0.3], [0.3]]), torch.tensor([[1.5], [1.5]])
    label = torch.tensor([[0.0], [2.0]])
    present = torch.distributions.Bernoulli(logits=logit).log_prob((label != 0).float())
    normal = torch.distributions.Normal
    value = normal(mean, 1.0).log_prob(label) - normal(label, 1.0).log_prob(label)
    expected = -(present + (label != 0) * value)
    torch.testing.assert_close(zero_inflated(torch.cat([logit, mean], 1), label, 0.0), expected)


def test_the_cost_of_counts_is_that_of_poisson() -> None:
    rate, label = torch.tensor([[0.7], [2.5]]), torch.tensor([[0.0], [1.0]])
    expected = -torch.distributions.Poisson(rate).log_prob(label)
    torch.testing.assert_close(poisson(rate, label, 0.0), expected)


def test_the_cost_of_classes_is_the_same_from_one_probability_or_two() -> None:
    probability, label = torch.tensor([[0.2], [0.9]]), torch.tensor([[0.0], [1.0]])
    both = torch.cat([1.0 - probability, probability], dim=1).log()
    expected = -torch.distributions.Bernoulli(probs=probability).log_prob(label)
    torch.testing.assert_close(class_likelihood(probability, label, 0.0), expected)
    torch.testing.assert_close(class_likelihood(both, label, 0.0), expected)
