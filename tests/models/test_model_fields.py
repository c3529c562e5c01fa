"""Effects of the model's fields: the same structure, the same seed, one field changed."""

import math

import pytest
import torch
from ase import Atoms
from ase.build import bulk
from numpy.testing import assert_allclose

from alignn_ff.graph import batch_graphs, batch_systems, build_graph, edge_vectors, system_from_atoms
from alignn_ff.models import FAMILIES, ModelStatistics, build_model, predict_as_published
from alignn_ff.train import train, validate_config
from alignn_ff.train.config.advice import advice, unused_advice
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL as SMALL_RUN
from tests.support.training_runs import Silent

SMALL = {
    "alignn_layers": 1,
    "gcn_layers": 1,
    "edge_input_features": 16,
    "triplet_input_features": 8,
    "hidden_features": 8,
}
STATISTICS = ModelStatistics((-0.5, -1.0), scale=1.3, edges_per_atom=9.0, triplets_per_line_node=4.0)
PROPERTY = {"calculate_gradient": False, "gradwise_weight": 0.0}


def config_of(name: str, **fields: object):
    published = name != "alignn_smooth"
    graph, width = ({"neighbor_strategy": "fast_graph"}, {"embedding_features": 8}) if published else ({}, {})
    return validate_config({"cutoff": 4.5, **graph, "model": {"name": name, **SMALL, **width, **fields}})


def model_of(name: str, **fields: object) -> torch.nn.Module:
    config = config_of(name, **fields)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(config.model, config.recipe, (1, 14), STATISTICS).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)  # so that neighbours matter as much as in a trained model
    return model


def output(name: str, atoms: Atoms, **fields: object) -> torch.Tensor:
    """Output of a model for one structure: the sum of atomic energies, or the outputs of a property."""
    system = system_from_atoms(atoms)
    graph = build_graph(system, config_of(name, **fields).recipe)
    if "extra_features" in atoms.arrays:
        graph = graph._replace(extra_features=torch.tensor(atoms.arrays["extra_features"]))
    with torch.no_grad():
        found = model_of(name, **fields)(graph, edge_vectors(system, graph))
    return found.sum() if found.ndim == 1 else found[0]


def n_parameters(name: str, **fields: object) -> int:
    return sum(parameter.numel() for parameter in model_of(name, **fields).parameters())


def silicon() -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=3)
    return atoms


def pair(distance: float) -> Atoms:
    return Atoms("H2", [[0, 0, 0], [distance, 0, 0]])


@pytest.mark.config_field(
    "model.alignn_layers",
    "model.gcn_layers",
    "model.edge_input_features",
    "model.triplet_input_features",
    "model.embedding_features",
    "model.hidden_features",
    "model.output_features",
    "model.atomwise_output_features",
    "model.additional_output_features",
    "model.extra_features",
)
@pytest.mark.parametrize("name", FAMILIES)
def test_layers_and_widths_decide_the_number_of_weights(name: str) -> None:
    schema = FAMILIES[name].config
    sizes = {
        "alignn_layers": 2,
        "gcn_layers": 2,
        "edge_input_features": 20,
        "triplet_input_features": 12,
        "embedding_features": 12,
        "hidden_features": 12,
        "output_features": 3,
        "atomwise_output_features": 2,
        "additional_output_features": 5,
        "extra_features": 4,
    }
    ignored = getattr(schema, "IGNORED", ())
    base = n_parameters(name, **({} if name in ("alignn", "alignn_smooth") else PROPERTY))
    for field, size in sizes.items():
        if field in schema.model_fields:
            kind = {} if name in ("alignn", "alignn_smooth") else PROPERTY
            grown = n_parameters(name, **kind, **{field: size})
            assert (grown > base) is (field not in ignored), field


@pytest.mark.config_field("model.link", "model.classification")
def test_link_and_classification_act_on_the_last_numbers() -> None:
    plain = output("alignn_atomwise", silicon(), **PROPERTY)
    assert_allclose(output("alignn_atomwise", silicon(), **PROPERTY, link="logit"), torch.sigmoid(plain))
    classes = output("alignn_atomwise", silicon(), **PROPERTY, classification=True)
    assert classes.shape == (2,)
    assert float(classes.exp().sum()) == pytest.approx(1.0)


@pytest.mark.config_field("model.num_classes")
def test_alignn_has_the_requested_number_of_classes() -> None:
    for n_classes in (2, 5):
        assert output("alignn", silicon(), classification=True, num_classes=n_classes).shape == (n_classes,)


@pytest.mark.config_field("model.penalty_factor", "model.penalty_threshold", "model.use_penalty")
def test_the_penalty_is_factor_times_what_a_bond_lacks_to_the_threshold() -> None:
    without = output("alignn_atomwise", pair(0.7), use_penalty=False)
    for factor, threshold in ((0.1, 1.0), (0.5, 1.0), (0.1, 0.9), (0.1, 0.6)):
        added = output("alignn_atomwise", pair(0.7), penalty_factor=factor, penalty_threshold=threshold) - without
        assert float(added) == pytest.approx(2 * factor * max(threshold - 0.7, 0.0))


SHAPED = {"use_cutoff_function": True, "inner_cutoff": 3.0}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"multiply_cutoff": True}, marks=pytest.mark.config_field("model.multiply_cutoff")),
        pytest.param({"inner_cutoff": 2.0}, marks=pytest.mark.config_field("model.inner_cutoff")),
        pytest.param({"exponent": 8}, marks=pytest.mark.config_field("model.exponent")),
        pytest.param({"envelope": "published"}, marks=pytest.mark.config_field("model.envelope")),
        pytest.param({"use_cutoff_function": False}, marks=pytest.mark.config_field("model.use_cutoff_function")),
    ],
    ids=str,
)
def test_the_envelope_shapes_bonds_beyond_the_inner_cutoff(changes: dict[str, object]) -> None:
    shaped, other = (output("alignn_atomwise", silicon(), **{**SHAPED, **more}) for more in ({}, changes))
    assert abs(float(shaped - other)) > 1e-9
    assert output("alignn_atomwise", silicon(), **SHAPED) == shaped


@pytest.mark.config_field("model.exponent", "model.use_zbl")
def test_exponent_and_repulsion_of_the_smooth_family() -> None:
    plain = output("alignn_smooth", silicon())
    assert abs(float(output("alignn_smooth", silicon(), exponent=4) - plain)) > 1e-6
    close = Atoms("Si2", [[0, 0, 0], [1.2, 0, 0]])
    repulsion = output("alignn_smooth", close) - output("alignn_smooth", close, use_zbl=False)
    assert float(repulsion) > 1.0


@pytest.mark.config_field("model.use_zbl", "model.zbl_cutoff")
def test_zbl_of_the_pure_family_ends_at_its_cutoff() -> None:
    without = output("alignn_atomwise_pure", pair(1.1), use_penalty=False)
    near, far = (
        float(output("alignn_atomwise_pure", pair(1.1), use_penalty=False, use_zbl=True, zbl_cutoff=end) - without)
        for end in (1.0, 2.0)
    )
    assert near == pytest.approx(0.0, abs=1e-12)
    assert far > 1e-3


@pytest.mark.config_field("model.moment_channels", "model.max_moment")
def test_moments_add_weights_by_their_channels_and_orders() -> None:
    sizes = [
        n_parameters("alignn_smooth", moment_channels=channels, max_moment=order)
        for channels, order in ((0, 1), (0, 3), (4, 1), (4, 2), (4, 3), (8, 3))
    ]
    assert sizes[0] == sizes[1]
    assert sizes[1:] == sorted(set(sizes[1:]))


@pytest.mark.config_field("model.conv_type", "model.num_heads")
def test_kinds_of_attention_differ_and_so_do_their_heads() -> None:
    mixed = silicon()
    mixed.numbers[:3] = 1  # attention needs something to choose from
    said = [
        float(output("alignn_atomwise_pure", mixed, conv_type=kind, num_heads=heads))
        for kind, heads in (("alignn", 1), ("n_alignn", 1), ("n_alignn", 2), ("t_alignn", 1), ("t_alignn", 2))
    ]
    assert len({round(energy, 6) for energy in said}) == 5


@pytest.mark.config_field("model.extra_features")
def test_fingerprints_of_atoms_are_read_with_extra_features() -> None:
    atoms = silicon()
    atoms.arrays["extra_features"] = torch.linspace(0, 1, 24, dtype=torch.float64).reshape(8, 3).numpy()
    other = atoms.copy()
    other.arrays["extra_features"] = 2 * other.arrays["extra_features"]
    with_them = {**PROPERTY, "extra_features": 3}
    assert output("alignn_atomwise", atoms, **with_them) != output("alignn_atomwise", other, **with_them)
    assert output("alignn_atomwise", atoms, **PROPERTY) == output("alignn_atomwise", other, **PROPERTY)


@pytest.mark.config_field("model.remove_torque")
def test_the_torque_is_taken_out_of_training_forces_where_asked() -> None:
    system = system_from_atoms(silicon())  # bonds across its faces leave a torque about its centre
    arms = system.positions - system.positions.mean(0)
    torques = {}
    for wanted in (True, False):
        graph = build_graph(system, config_of("ealignn_atomwise").recipe)
        forces = predict_as_published(model_of("ealignn_atomwise", remove_torque=wanted), system, graph).forces
        torques[wanted] = float(torch.linalg.cross(arms, forces).sum(0).norm())
    assert torques[False] > 1e-3
    assert torques[True] < 1e-6 * torques[False]


@pytest.mark.config_field("model.include_pos_deriv", "model.three_body_cutoff", "model.batch_stress")
def test_fields_that_a_family_does_not_use_change_nothing_and_are_named() -> None:
    unused = {"include_pos_deriv": True, "three_body_cutoff": 2.0, "batch_stress": False}
    assert output("alignn_atomwise_pure", silicon(), **unused) == output("alignn_atomwise_pure", silicon())
    assert not unused_advice(config_of("alignn_atomwise_pure"))
    changed = config_of("alignn_atomwise_pure", **unused)
    said = " ".join(advice(changed) + unused_advice(changed))
    for field in unused:
        assert f"model.{field}" in said
    assert "one stress is trained for a whole batch" in " ".join(
        advice(config_of("alignn_atomwise", batch_stress=False, stresswise_weight=0.1))
    )


@pytest.mark.config_field(
    "model.graphwise_weight", "model.gradwise_weight", "model.stresswise_weight", "model.calculate_gradient"
)
def test_the_loss_is_the_weighted_sum_of_energy_forces_and_stress(tmp_path) -> None:
    data = write_frames(tmp_path / "cu.extxyz", copper_frames(4))

    def first_loss(**weights: float) -> float:
        model = {**SMALL_RUN["model"], "graphwise_weight": 0.0, "gradwise_weight": 0.0, "stresswise_weight": 0.0}
        fields = {"epochs": 1, "batch_size": 4, "criterion": "mse", "ema_decay": 0.0, "scheduler": "none"}
        content = {**SMALL_RUN, **fields, "cross_validation": None, "n_train": 4, "n_val": 0, "n_test": 0}
        folder = tmp_path / "-".join(f"{name}{value}" for name, value in weights.items())
        config = validate_config({**content, "model": {**model, **weights}, "output_dir": str(folder)})
        return train(config, observer=Silent(), data=data, device="cpu").history[0]["train_total_loss"]

    energy, forces, stress = (first_loss(**{f"{name}_weight": 1.0}) for name in ("graphwise", "gradwise", "stresswise"))
    assert min(energy, forces, stress) > 0
    together = first_loss(graphwise_weight=2.0, gradwise_weight=3.0, stresswise_weight=4.0)
    assert math.isclose(together, 2 * energy + 3 * forces + 4 * stress, rel_tol=1e-6)


def test_batches_are_sums_of_what_their_structures_say() -> None:
    systems = [system_from_atoms(atoms) for atoms in (silicon(), pair(0.9))]
    graphs = [build_graph(system, config_of("alignn_atomwise").recipe) for system in systems]
    system, graph = batch_systems(systems), batch_graphs(graphs)
    with torch.no_grad():
        said = model_of("alignn_atomwise")(graph, edge_vectors(system, graph)).sum()
    alone = sum(output("alignn_atomwise", atoms) for atoms in (silicon(), pair(0.9)))
    assert_allclose(said, alone)
