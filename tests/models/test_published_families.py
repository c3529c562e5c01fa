"""The published families satisfy the physics contract except smoothness, and their switches work as documented."""

import logging

import pytest
import torch
from ase import Atoms
from ase.build import bulk
from numpy.testing import assert_allclose

from alignn_ff.errors import ConfigError
from alignn_ff.graph import AtomicGraph, AtomicSystem, GraphRecipe, batch_graphs, batch_systems, edge_vectors
from alignn_ff.models import (
    FAMILIES,
    AlignnAtomwiseConfig,
    AlignnAtomwisePureConfig,
    AlignnConfig,
    EalignnAtomwiseConfig,
    EnergyModel,
    PropertyModel,
    build_model,
    predict,
    predict_as_published,
)
from alignn_ff.models.published import heads
from alignn_ff.potential import Potential
from alignn_ff.testing import PotentialContract, energies
from alignn_ff.train import TrainingConfig, validate_config
from tests.support.gpu_contract import GpuContract
from tests.support.published_headers import HEADERS, RECIPE, SMALL, header
from tests.support.tiny_models import ELEMENTS, tiny_potential


@pytest.fixture(scope="module", params=HEADERS)
def potential(request: pytest.FixtureRequest) -> Potential:
    return tiny_potential(HEADERS[request.param])


class TestPublishedFamilies(PotentialContract, GpuContract):
    """All laws except smoothness, which these families lack when an edge appears."""


def model_of(config: object, recipe: GraphRecipe = RECIPE) -> EnergyModel | PropertyModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_model(config, recipe, ELEMENTS, HEADERS["atomwise"].statistics)


# which config makes what


@pytest.mark.config_field(
    "model.output_features",
    "model.link",
    "model.classification",
    "model.energy_mult_natoms",
    "model.gradwise_weight",
    "model.calculate_gradient",
    "model.extra_features",
)
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, "energy"),
        ({"output_features": 2}, "property"),
        ({"link": "log"}, "property"),
        ({"classification": True}, "property"),
        ({"energy_mult_natoms": False}, "property"),
        ({"gradwise_weight": 0.0}, "property"),
        ({"calculate_gradient": False}, "property"),
        ({"extra_features": 3}, "property"),
    ],
    ids=str,
)
def test_only_an_extensive_energy_with_forces_is_a_force_field(change: dict[str, object], kind: str) -> None:
    config = AlignnAtomwiseConfig(**{**SMALL, **change})
    assert config.kind == kind
    assert isinstance(model_of(config), EnergyModel if kind == "energy" else PropertyModel)


def test_every_family_is_in_the_registry_under_its_name() -> None:
    assert {name: family.config().name for name, family in FAMILIES.items()} == {name: name for name in FAMILIES}
    assert [name for name, family in FAMILIES.items() if family.smooth] == ["alignn_smooth"]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_field_is_described_and_unknown_ones_are_refused(name: str) -> None:
    schema = FAMILIES[name].config
    assert all(field.description for field in schema.model_fields.values())
    with pytest.raises(ConfigError, match="did you mean 'hidden_features'"):
        validate_config({"model": {"name": name, "hiden_features": 8}})


@pytest.mark.parametrize(("scheme", "width"), [("cgcnn", 92), ("basic", 11), ("atomic_number", 1), ("cfid", 438)])
def test_unset_width_of_element_features_follows_atom_features(scheme: str, width: int) -> None:
    config = validate_config({"atom_features": scheme, "model": {"name": "alignn_atomwise"}})
    assert config.model.atom_input_features == width
    assert TrainingConfig.model_validate(config.model_dump()) == config


def test_width_that_contradicts_atom_features_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match=r"atom_input_features is 92, but atom_features 'basic' has 11"):
        validate_config({"atom_features": "basic", "model": {"name": "alignn_atomwise", "atom_input_features": 92}})


# envelopes


@pytest.mark.config_field("model.use_cutoff_function")
@pytest.mark.parametrize("multiply", [True, False])
def test_reference_envelope_changes_nothing_below_the_inner_cutoff(multiply: bool) -> None:
    shaped = AlignnAtomwiseConfig(**SMALL, use_cutoff_function=True, multiply_cutoff=multiply, inner_cutoff=3.0)
    near, far = (Atoms("Si2", [[0, 0, 0], [x, 0, 0]]) for x in (2.9, 3.8))
    with_envelope, without = tiny_potential(header(shaped)), tiny_potential(HEADERS["atomwise"])
    assert_allclose(energies(with_envelope, [near]), energies(without, [near]), rtol=0, atol=1e-12)
    assert abs(energies(with_envelope, [far]) - energies(without, [far])) > 1e-6


def test_envelope_without_room_to_fall_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"inner_cutoff \(4\.5 Å\) must be less than cutoff"):
        model_of(AlignnAtomwiseConfig(**SMALL, use_cutoff_function=True, inner_cutoff=4.5))


def test_ealignn_does_not_see_bonds_beyond_its_inner_cutoff() -> None:
    potential = tiny_potential(header(EalignnAtomwiseConfig(**SMALL, inner_cutoff=3.0)))
    apart = [Atoms("Si2", [[0, 0, 0], [x, 0, 0]]) for x in (3.01, 4.4, 9.0)]
    assert len(set(energies(potential, apart).round(12))) == 1


# short range


@pytest.mark.config_field("model.use_penalty")
def test_a_short_bond_is_penalised_on_both_its_edges() -> None:
    with_penalty = AlignnAtomwiseConfig(**SMALL, penalty_factor=0.1, penalty_threshold=1.0)
    pair = [Atoms("H2", [[0, 0, 0], [0.7, 0, 0]])]
    on, off = (
        tiny_potential(header(c)) for c in (with_penalty, with_penalty.model_copy(update={"use_penalty": False}))
    )
    assert_allclose(energies(on, pair) - energies(off, pair), 2 * 0.1 * 0.3, rtol=1e-9)


@pytest.mark.config_field("model.use_zbl")
def test_zbl_counts_a_pair_once_and_ends() -> None:
    on, off = (tiny_potential(header(AlignnAtomwisePureConfig(**SMALL, use_zbl=z, use_penalty=False))) for z in (1, 0))
    for x, expected in ((0.9, 0.0), (0.95, 0.0)):
        pair = [Atoms("H2", [[0, 0, 0], [x, 0, 0]])]
        assert_allclose(energies(on, pair) - energies(off, pair), expected, atol=1e-12)
    close = [Atoms("H2", [[0, 0, 0], [0.3, 0, 0]])]
    r, a = 0.3, 0.46850 / 2
    phi = sum(
        c * torch.exp(torch.tensor(-d * r / a, dtype=torch.float64))
        for c, d in ((0.18175, 3.1998), (0.50986, 0.94229), (0.28022, 0.4029), (0.02817, 0.20162))
    )
    t = r / 0.9
    envelope = 1 - 15 * t**4 + 24 * t**5 - 10 * t**6
    assert_allclose(energies(on, close) - energies(off, close), float(14.399645 / r * phi * envelope), rtol=1e-9)


# switches of the published training


def prepared(potential: Potential, *structures: Atoms) -> tuple[AtomicSystem, AtomicGraph]:
    items = [potential.prepare(atoms) for atoms in structures]
    return batch_systems([item.system for item in items]), batch_graphs([item.graph for item in items])


def silicon() -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=3)
    return atoms


def with_switches(**switches: object) -> Potential:
    return tiny_potential(header(AlignnAtomwiseConfig(**SMALL, **switches)))


def test_published_derivatives_without_switches_are_the_exact_ones() -> None:
    potential = with_switches()
    assert potential.header.model.unphysical_switches == ()
    system, graph = prepared(potential, silicon(), bulk("Si", a=5.3))
    exact, published = (f(potential.model, system, graph) for f in (predict, predict_as_published))
    assert_allclose(published.forces, exact.forces, rtol=0, atol=1e-12)
    assert_allclose(published.stress, exact.stress, rtol=0, atol=1e-12)


@pytest.mark.config_field("model.grad_multiplier", "model.force_mult_natoms", "model.stress_multiplier")
@pytest.mark.parametrize(
    ("switch", "forces", "stress"),
    [
        ({"grad_multiplier": 1}, -1.0, -1.0),
        ({"force_mult_natoms": True}, 8.0, 8.0),
        ({"stress_multiplier": 2.0}, 1.0, 2.0),
    ],
    ids=str,
)
def test_switch_scales_only_what_training_compares(switch: dict[str, object], forces: float, stress: float) -> None:
    potential = with_switches(**switch)
    assert len(potential.header.model.unphysical_switches) == 1
    system, graph = prepared(potential, silicon())
    exact, published = (f(potential.model, system, graph) for f in (predict, predict_as_published))
    assert_allclose(published.forces, forces * exact.forces, rtol=1e-9, atol=1e-12)
    assert_allclose(published.stress, stress * exact.stress, rtol=1e-9, atol=1e-12)
    assert_allclose(exact.forces, predict(with_switches().model, system, graph).forces, rtol=0, atol=1e-12)


@pytest.mark.config_field("model.add_reverse_forces", "model.lg_on_fly")
@pytest.mark.parametrize("switch", [{"add_reverse_forces": False}, {"lg_on_fly": False}], ids=str)
def test_switch_leaves_a_part_of_the_training_forces_out(switch: dict[str, object]) -> None:
    potential = with_switches(**switch)
    system, graph = prepared(potential, silicon())
    exact, published = (f(potential.model, system, graph) for f in (predict, predict_as_published))
    assert (published.forces - exact.forces).abs().max() > 1e-6
    assert_allclose(published.energy, exact.energy, rtol=0, atol=0)


@pytest.mark.config_field("model.batch_stress")
def test_one_stress_a_batch_where_training_asks_for_it() -> None:
    potential = with_switches(batch_stress=False)
    system, graph = prepared(potential, silicon(), bulk("Si", a=5.3))
    stress = predict_as_published(potential.model, system, graph).stress
    assert_allclose(stress[0], stress[1], rtol=0, atol=0)


def test_torque_that_is_taken_out_is_gone() -> None:
    potential = tiny_potential(header(EalignnAtomwiseConfig(**SMALL)))
    atoms = Atoms("H4", [[0, 0, 0], [1.4, 0.2, 0], [0.3, 1.5, 0.4], [0.2, 0.1, 1.7]])
    system, graph = prepared(potential, atoms)
    forces = predict_as_published(potential.model, system, graph).forces
    torque = torch.linalg.cross(system.positions - system.positions.mean(0), forces).sum(0)
    assert_allclose(torque, 0.0, atol=1e-9)


# properties


@pytest.mark.parametrize("training", [True, False])
def test_alignn_gives_outputs_of_each_structure(training: bool) -> None:
    config = AlignnConfig(**{**SMALL, "output_features": 3})
    model = model_of(config).double().train(training)
    system, graph = prepared(tiny_potential(HEADERS["atomwise"]), silicon(), bulk("Si", a=5.3))
    out = model(graph, edge_vectors(system, graph))
    assert out.shape == (2, 3)
    out.sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


def test_ignored_field_that_is_set_is_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    heads._log_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger="alignn_ff"):
        model_of(AlignnAtomwisePureConfig(**SMALL, include_pos_deriv=True))
        model_of(AlignnAtomwisePureConfig(**SMALL, include_pos_deriv=True))
    assert sum("include_pos_deriv" in record.message for record in caplog.records) == 1
