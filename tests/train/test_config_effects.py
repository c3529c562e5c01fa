"""Effects of the fields of the training config: each test changes one field and checks its effect."""

import json
import logging
from pathlib import Path

import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff import load_potential
from alignn_ff.errors import TrainingError
from alignn_ff.graph import AtomicGraph, build_graph, system_from_atoms
from alignn_ff.train import train, validate_config
from alignn_ff.train.machine import machine_settings
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL, Silent, weights_of

PUBLISHED = {"name": "alignn_atomwise", "alignn_layers": 1, "gcn_layers": 1, "hidden_features": 8}
LINES_OFF = {**PUBLISHED, "alignn_layers": 0}


def graph_of(atoms: Atoms, **fields: object) -> AtomicGraph:
    config = validate_config({"model": PUBLISHED, "neighbor_strategy": "fast_graph", "cutoff": 4.0, **fields})
    return build_graph(system_from_atoms(atoms), config.recipe)


def sizes(graph: AtomicGraph) -> tuple[int, int]:
    return int(graph.n_edges.sum()), int(graph.n_triplets.sum())


@pytest.mark.config_field("neighbor_strategy", "cutoff", "max_neighbors")
def test_strategy_cutoff_and_cap_decide_the_bonds() -> None:
    copper = bulk("Cu")  # 12 neighbours at 2.55 Å, 6 at 3.61 Å, 24 at 4.42 Å
    assert sizes(graph_of(copper, max_neighbors=None))[0] == 18
    assert sizes(graph_of(copper, max_neighbors=None, cutoff=4.5))[0] == 42
    assert sizes(graph_of(copper))[0] == 12
    assert sizes(graph_of(copper, max_neighbors=4))[0] == 4
    assert sizes(graph_of(copper, neighbor_strategy="radius_graph"))[0] == 18


@pytest.mark.config_field("cutoff_extra")
def test_a_lonely_atom_makes_the_cutoff_grow_by_cutoff_extra() -> None:
    sparse = Atoms("Cu", cell=[5.0, 5.0, 5.0], pbc=True)
    found = [
        sizes(graph_of(sparse, neighbor_strategy="radius_graph", cutoff_extra=extra))[0] for extra in (0.0, 1.5, 3.2)
    ]
    assert found == [0, 6, 18]


@pytest.mark.config_field("three_body_cutoff", "compute_line_graph")
def test_angles_join_bonds_below_the_three_body_cutoff() -> None:
    copper = bulk("Cu")
    all_bonds = sizes(graph_of(copper, neighbor_strategy="pure_torch", max_neighbors=None))
    near = sizes(graph_of(copper, neighbor_strategy="pure_torch", max_neighbors=None, three_body_cutoff=3.0))
    assert (all_bonds, near) == ((18, 18 * 18), (18, 12 * 12))
    none = sizes(graph_of(copper, model=LINES_OFF, compute_line_graph=False))
    assert none == (12, 0)


@pytest.mark.config_field("use_canonize")
def test_without_canonize_bonds_of_k_nearest_are_there_twice() -> None:
    frame = copper_frames(1)[0]
    once, twice = (
        sizes(graph_of(frame, neighbor_strategy="k-nearest", use_canonize=value))[0] for value in (True, False)
    )
    assert once < twice <= 2 * once


@pytest.mark.config_field("atom_features", "model.atom_input_features")
def test_atom_features_set_the_width_that_the_model_reads() -> None:
    widths = {}
    for scheme in ("cgcnn", "basic", "atomic_number", "cfid"):
        config = validate_config({"atom_features": scheme, "model": PUBLISHED})
        widths[scheme] = config.model.atom_input_features
        assert config.model.scheme == scheme
    assert widths == {"cgcnn": 92, "basic": 11, "atomic_number": 1, "cfid": 438}


@pytest.mark.config_field("model", "model.name")
def test_only_the_name_chooses_the_family() -> None:
    kinds = {
        name: type(validate_config({"model": {"name": name}}).model).__name__ for name in ("alignn", "ealignn_atomwise")
    }
    assert kinds == {"alignn": "AlignnConfig", "ealignn_atomwise": "EalignnAtomwiseConfig"}


# Training


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(8))


BASE = {
    **SMALL,
    "epochs": 2,
    "cross_validation": None,
    "n_train": 6,
    "n_val": 2,
    "n_test": 0,
    "ema_decay": 0.0,
    "gradient_clip_norm": None,
    "criterion": "mse",
    "scheduler": "none",
}


def run(folder: Path, data: Path, **changes: object):
    observer = Silent()
    config = validate_config({**BASE, "output_dir": str(folder), **changes})
    result = train(config, observer=observer, data=data, device="cpu")
    return result, observer


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, data: Path):
    """A run that the others are compared with: its folder, history and number of steps."""
    folder = tmp_path_factory.mktemp("base")
    result, observer = run(folder, data)
    return folder, result.history, observer.steps


@pytest.mark.config_field("epochs", "batch_size")
def test_epochs_and_batch_size_decide_how_many_steps_there_are(tmp_path: Path, data: Path, base) -> None:
    _, history, steps = base
    assert (len(history), steps) == (2, 4)
    longer, observer = run(tmp_path / "a", data, epochs=3)
    assert (len(longer.history), observer.steps) == (3, 6)
    _, observer = run(tmp_path / "b", data, batch_size=2)
    assert observer.steps == 6


def rates(folder: Path, data: Path, **changes: object) -> list[float]:
    result, _ = run(folder, data, batch_size=6, epochs=4, **changes)
    return [row["learning_rate"] for row in result.history]


@pytest.mark.config_field("learning_rate", "scheduler", "warmup_steps", "lr_total_epochs")
def test_schedule_warm_up_and_horizon_shape_the_learning_rate(tmp_path: Path, data: Path) -> None:
    assert rates(tmp_path / "a", data) == pytest.approx([0.005] * 4)
    assert rates(tmp_path / "b", data, learning_rate=0.001) == pytest.approx([0.001] * 4)
    cosine = rates(tmp_path / "c", data, scheduler="cosine", warmup_steps=0)
    assert cosine == pytest.approx([0.005 * f for f in (1.0, 0.8535534, 0.5, 0.1464466)])
    warmed = rates(tmp_path / "d", data, scheduler="cosine", warmup_steps=1)
    assert warmed == pytest.approx([0.005, 0.005, 0.00375, 0.00125])
    horizon = rates(tmp_path / "e", data, scheduler="cosine", warmup_steps=0, lr_total_epochs=8)
    assert horizon[2] == pytest.approx(cosine[1])


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        pytest.param("weight_decay", 0.5, "weights", marks=pytest.mark.config_field("weight_decay")),
        pytest.param("optimizer", "sgd", "weights", marks=pytest.mark.config_field("optimizer")),
        pytest.param("criterion", "l1", "loss", marks=pytest.mark.config_field("criterion")),
        pytest.param("gradient_clip_norm", 1e-3, "weights", marks=pytest.mark.config_field("gradient_clip_norm")),
        pytest.param("ema_decay", 0.9, "weights", marks=pytest.mark.config_field("ema_decay")),
        pytest.param("late_energy_factor", 5.0, "loss", marks=pytest.mark.config_field("late_energy_factor")),
        pytest.param("random_seed", 7, "weights", marks=pytest.mark.config_field("random_seed")),
    ],
)
def test_the_course_of_training_follows_the_field(
    tmp_path: Path, data: Path, base, field: str, value: object, what: str
) -> None:
    folder, history, _ = base
    again, _ = run(tmp_path / "again", data)
    assert again.history[-1]["train_total_loss"] == history[-1]["train_total_loss"]
    changed, _ = run(tmp_path / "changed", data, **{field: value})
    if what == "loss":
        assert changed.history[-1]["train_total_loss"] != pytest.approx(history[-1]["train_total_loss"], rel=1e-3)
    else:
        same, other = weights_of(folder), weights_of(tmp_path / "changed")
        assert not all(torch.equal(same[name], other[name]) for name in same)


@pytest.mark.config_field("huber_delta")
def test_huber_delta_is_where_the_loss_turns_linear(tmp_path: Path, data: Path) -> None:
    (narrow, _), (wide, _), (l1, _) = (
        run(tmp_path / name, data, epochs=1, **fields)
        for name, fields in (
            ("narrow", {"criterion": "huber", "huber_delta": 1e-6}),
            ("wide", {"criterion": "huber", "huber_delta": 10.0}),
            ("l1", {"criterion": "l1"}),
        )
    )
    first = "train_total_loss"
    assert narrow.history[0][first] == pytest.approx(l1.history[0][first], rel=1e-3)
    assert wide.history[0][first] < 0.5 * l1.history[0][first]


@pytest.mark.config_field("dtype")
def test_dtype_is_the_precision_of_the_network(tmp_path: Path, data: Path, base) -> None:
    _, history, _ = base
    single, _ = run(tmp_path, data, dtype="float32")
    assert single.history[0]["train_total_loss"] == pytest.approx(history[0]["train_total_loss"], rel=1e-3)
    assert single.history[0]["train_total_loss"] != history[0]["train_total_loss"]


@pytest.mark.config_field("output_dir", "write_checkpoint", "write_predictions")
def test_files_are_written_where_and_as_asked(tmp_path: Path, data: Path, base) -> None:
    folder, *_ = base
    optional = {"training_state.pt", "current_model.pt", "predictions.json"}
    assert optional <= {path.name for path in folder.iterdir()}
    run(tmp_path / "elsewhere", data, write_checkpoint=False, write_predictions=False)
    written = {path.name for path in (tmp_path / "elsewhere").iterdir()}
    assert not optional & written
    assert {"best_model.pt", "metrics.json", "history.json"} <= written


@pytest.mark.config_field("checkpoint_minutes")
def test_a_state_is_saved_within_an_epoch_once_checkpoint_minutes_have_passed(tmp_path: Path, data: Path) -> None:
    class Watcher(Silent):
        def __init__(self, folder: Path) -> None:
            super().__init__()
            self.folder, self.seen = folder, []

        def on_step(self, progress, n_steps):
            super().on_step(progress, n_steps)
            self.seen.append((self.folder / "training_state.pt").exists())

    seen = {}
    for minutes in (1e-9, 60.0):
        folder = tmp_path / str(minutes)
        watcher = Watcher(folder)
        config = validate_config({**BASE, "epochs": 1, "output_dir": str(folder), "checkpoint_minutes": minutes})
        train(config, observer=watcher, data=data, device="cpu")
        seen[minutes] = watcher.seen
    assert seen == {1e-9: [False, True], 60.0: [False, False]}


@pytest.mark.config_field("resume_checkpoint", "lr_total_epochs")
def test_a_run_in_two_sittings_with_one_schedule_equals_one_run(tmp_path: Path, data: Path) -> None:
    whole = {"epochs": 4, "lr_total_epochs": 4, "scheduler": "cosine", "resume_checkpoint": True}
    run(tmp_path / "whole", data, **whole)
    run(tmp_path / "parts", data, **{**whole, "epochs": 2})
    run(tmp_path / "parts", data, **whole)
    one, other = weights_of(tmp_path / "whole"), weights_of(tmp_path / "parts")
    assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(TrainingError, match="--resume continues"):
        run(tmp_path / "parts", data, **{**whole, "resume_checkpoint": False})


@pytest.mark.config_field("deterministic", "gpu_memory_fraction")
def test_the_machine_is_set_for_the_run_and_put_back(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *words: asked.append(words))
    for wanted in (True, False):
        config = validate_config({"deterministic": wanted, "gpu_memory_fraction": 0.5 if wanted else None})
        with machine_settings(config, torch.device("cuda", 0)):
            assert torch.are_deterministic_algorithms_enabled() is wanted
        assert not torch.are_deterministic_algorithms_enabled()
    assert asked == [(0.5, torch.device("cuda", 0))]


@pytest.mark.config_field("progress")
def test_progress_shows_a_bar_or_nothing(tmp_path: Path, data: Path, command_line) -> None:
    (tmp_path / "config.json").write_text(json.dumps(BASE | {"epochs": 1}))
    said = {}
    for wanted in ("true", "false"):
        words = ("--data", data, "-o", tmp_path / wanted, "--set", f"progress={wanted}", "--device", "cpu")
        said[wanted] = command_line("train", tmp_path / "config.json", *words).stderr
    assert "epoch 1/1" in said["true"]
    assert said["false"] == ""


@pytest.mark.config_field("version", "data_parallel", "ddp_find_unused_parameters")
def test_fields_that_are_not_used_are_named_once(tmp_path: Path, data: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING, logger="alignn_ff"):
        run(tmp_path / "quiet", data, epochs=1)
        assert not caplog.records
        run(tmp_path / "said", data, epochs=1, version="abc", data_parallel=True, ddp_find_unused_parameters=True)
    said = [record.getMessage() for record in caplog.records]
    assert [line.split(" ")[0] for line in said] == ["data_parallel", "ddp_find_unused_parameters", "version"]
    assert load_potential(tmp_path / "said", device="cpu") is not None
