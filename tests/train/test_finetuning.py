"""Fine-tuning: a run starts from a model, keeps the requested parts, and records its origin."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff import checkpoint, load_potential
from alignn_ff.errors import ConfigError, ModelNotFoundError
from alignn_ff.execution.backends import BACKENDS
from alignn_ff.train import TrainingResult, many_energies, read_records, train, validate_config
from alignn_ff.train.loop.replay import WithReplay, n_replayed
from alignn_ff.train.start.finetuning import nearest_element
from tests.support.command_line import CommandLine
from tests.support.labelled_data import copper_frames, labelled, write_frames
from tests.support.property_data import alloy_frames, property_frames
from tests.support.recorded import FOLDERS
from tests.support.training_runs import SMALL, Silent

LOOP = {
    **{name: value for name, value in SMALL.items() if name not in ("cutoff", "three_body_cutoff", "model")},
    "epochs": 2,
    "num_workers": 0,
    "use_lmdb": False,
    "write_checkpoint": False,
}
STILL = {"learning_rate": 1e-30, "scheduler": "none", "warmup_steps": 0, "ema_decay": 0.0, "epochs": 1}
"""A run that changes no weight."""


def silver_frames(n_frames: int = 8, *, shift: float = 0.0):
    """Silver cells, an element that the copper model does not cover, with energies moved by ``shift`` eV/atom."""
    frames = []
    for atoms in copper_frames(n_frames):
        other = atoms.copy()
        other.symbols[:] = "Ag"
        other.set_cell(atoms.cell.array * 1.13, scale_atoms=True)
        frames.append(shifted(labelled(other, atoms.info["config_type"]), shift))
    return frames


def shifted(atoms, shift: float):
    results = {**atoms.calc.results, "energy": atoms.calc.results["energy"] + shift * len(atoms)}
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def run(folder: Path, data: Path, **changes: object) -> TrainingResult:
    result = train(validate_config({**LOOP, "output_dir": str(folder), **changes}), observer=Silent(), data=data)
    assert result is not None
    return result


def state_of(result: TrainingResult) -> dict[str, torch.Tensor]:
    return checkpoint.read(result.model_file)[1]


@pytest.fixture(scope="module")
def copper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(12))


@pytest.fixture(scope="module")
def silver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "ag.extxyz", silver_frames(shift=-7.0))


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory, copper: Path) -> Path:
    folder = tmp_path_factory.mktemp("parent")
    architecture = {name: SMALL[name] for name in ("cutoff", "three_body_cutoff", "model")}
    return run(folder, copper, **architecture, epochs=25, learning_rate=0.03).model_file


@pytest.mark.config_field("start_from")
def test_a_run_that_learns_nothing_ends_where_it_started(tmp_path: Path, copper: Path, parent: Path) -> None:
    tuned = run(tmp_path, copper, start_from=str(parent), **STILL)
    frames = copper_frames(3)
    pairs = zip(
        load_potential(parent, dtype="float64").predict_tensors(frames),
        load_potential(tuned.model_file, dtype="float64").predict_tensors(frames),
        strict=True,
    )
    for before, after in pairs:
        torch.testing.assert_close(after.forces, before.forces, rtol=0, atol=1e-7)
    origin = checkpoint.read(tuned.model_file)[0].provenance.started_from
    assert origin["model"] == str(parent)
    assert origin["provenance"]["data_sha256"] == checkpoint.read(parent)[0].provenance.data_sha256


@pytest.mark.config_field("start_from")
def test_starting_from_a_model_beats_starting_from_nothing(tmp_path: Path, parent: Path) -> None:
    moved = write_frames(tmp_path / "moved.extxyz", [shifted(atoms, 3.0) for atoms in copper_frames(16)[12:]])
    architecture = {name: SMALL[name] for name in ("cutoff", "three_body_cutoff", "model")}
    tuned = run(tmp_path / "tuned", moved, start_from=str(parent))
    scratch = run(tmp_path / "scratch", moved, **architecture)
    assert tuned.history[-1]["val_force_MAE_eV_per_A"] < 0.9 * scratch.history[-1]["val_force_MAE_eV_per_A"]


def test_a_new_element_begins_as_the_known_one_most_like_it(
    tmp_path: Path, silver: Path, parent: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="alignn_ff"):
        tuned = run(tmp_path, silver, start_from=str(parent), **STILL)
    assert "Ag as Cu" in caplog.text
    embedding = state_of(tuned)["table.embedding.weight"]
    assert torch.equal(embedding[0], embedding[1])
    assert checkpoint.read(tuned.model_file)[0].elements == (29, 47)


@pytest.mark.parametrize(("new", "known", "like"), [(32, (8, 14), 14), (79, (29, 47, 13), 47), (34, (16, 29), 16)])
def test_likeness_follows_group_and_period(new: int, known: tuple[int, ...], like: int) -> None:
    assert nearest_element(new, known) == like


def test_references_move_to_the_new_level_of_theory_before_the_first_step(
    tmp_path: Path, parent: Path, copper: Path
) -> None:
    moved = write_frames(tmp_path / "moved.extxyz", [shifted(atoms, 100.0) for atoms in copper_frames(12)])
    same = run(tmp_path / "same", copper, start_from=str(parent), **STILL)
    other = run(tmp_path / "other", moved, start_from=str(parent), **STILL)
    before, after = (result.metrics["val"]["all"]["energy_MAE_meV_per_atom"] for result in (same, other))
    assert after == pytest.approx(before, rel=1e-4)
    old, new = (checkpoint.read(r.model_file)[0].statistics.reference_energies for r in (same, other))
    assert new[0] - old[0] == pytest.approx(100.0, abs=1e-6)


def test_of_many_structures_the_start_is_compared_with_a_part_and_says_how_far_it_is(
    tmp_path: Path, parent: Path, copper: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr("alignn_ff.train.notices.SECONDS_PER_NOTICE", -1.0)
    monkeypatch.setattr("alignn_ff.train.preparation.MOST_COMPARED", 4)
    monkeypatch.setattr("alignn_ff.train.preparation.COMPARED_PER_ELEMENT", 3)
    part = run(tmp_path / "part", copper, start_from=str(parent), **STILL)
    assert "energies of the start: 4 structures" in caplog.messages
    assert "energies of the start: 5 structures" not in caplog.messages
    assert "training set: 3 structures read" in caplog.messages
    monkeypatch.undo()
    whole = run(tmp_path / "whole", copper, start_from=str(parent), **STILL)
    errors = [result.metrics["val"]["all"]["energy_MAE_meV_per_atom"] for result in (part, whole)]
    assert errors[0] == pytest.approx(errors[1], abs=5.0)


@pytest.mark.usefixtures("kernels")
def test_energies_of_the_start_on_compiled_kernels_are_those_of_torch(
    tmp_path: Path, parent: Path, copper: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many frames are evaluated on the kernels of the training."""
    used = []
    build = many_energies.built
    monkeypatch.setattr(many_energies, "built", lambda *words: used.append(words[0]) or build(*words))
    few = run(tmp_path / "few", copper, start_from=str(parent), **STILL)
    monkeypatch.setattr("alignn_ff.train.kernels.FEWEST_STEPS", 1)
    many = run(tmp_path / "many", copper, start_from=str(parent), **STILL)
    assert used == [BACKENDS[name].of("alignn_smooth") for name in ("eager", "native")]
    references = [checkpoint.read(r.model_file)[0].statistics.reference_energies[0] for r in (few, many)]
    assert references[1] == pytest.approx(references[0], abs=1e-5)


def test_given_references_take_the_place_of_fitted_ones(tmp_path: Path, parent: Path, silver: Path) -> None:
    tuned = run(tmp_path, silver, start_from=str(parent), **STILL, reference_energies={"Ag": -0.5})
    statistics = checkpoint.read(tuned.model_file)[0].statistics
    assert statistics.reference_energies[1] == -0.5
    assert statistics.exact_free_atoms


@pytest.mark.config_field("freeze")
def test_frozen_parts_stay_and_the_rest_learns(tmp_path: Path, copper: Path, parent: Path) -> None:
    tuned = run(tmp_path, copper, start_from=str(parent), freeze=["angle_blocks", "atom_blocks.0*", "table"])
    before, after = checkpoint.read(parent)[1], state_of(tuned)
    parameters = dict(checkpoint.load(parent).model.named_parameters())
    frozen = ("angle_blocks", "atom_blocks.0", "table.embedding")
    for name, tensor in before.items():
        if name not in parameters:
            continue
        assert torch.equal(after[name], tensor) == name.startswith(frozen), name


@pytest.mark.parametrize(("patterns", "hint"), [(["layers"], r"atom_blocks \("), (["*"], "nothing to learn")])
def test_a_pattern_that_freezes_nothing_or_all_is_an_error(
    tmp_path: Path, copper: Path, parent: Path, patterns: list[str], hint: str
) -> None:
    with pytest.raises(ConfigError, match=hint):
        run(tmp_path, copper, start_from=str(parent), freeze=patterns)


def test_frozen_batch_normalisation_keeps_its_statistics(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "p.extxyz", property_frames())
    model = {"name": "alignn", "alignn_layers": 1, "gcn_layers": 1, "hidden_features": 8, "embedding_features": 8}
    first = run(tmp_path / "first", data, model=model, cutoff=4.0, neighbor_strategy="fast_graph")
    tuned = run(tmp_path / "tuned", data, start_from=str(first.model_file), freeze=["network"])
    before, after = state_of(first), state_of(tuned)
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("network"))
    assert not torch.equal(before["readout.weight"], after["readout.weight"])


@pytest.mark.config_field("replay_data", "replay_fraction")
def test_replay_keeps_what_was_known(tmp_path: Path, copper: Path, silver: Path, parent: Path) -> None:
    """The result is reported on the new level of theory."""
    errors = {}
    for fraction in (None, 0.6):
        changes = {} if fraction is None else {"replay_data": str(copper), "replay_fraction": fraction}
        result = run(tmp_path / str(fraction), silver, start_from=str(parent), epochs=10, learning_rate=0.02, **changes)
        assert ("replay" in result.metrics) == (fraction is not None)
        said = load_potential(result.model_file, dtype="float64").predict_tensors(copper_frames(12))
        labels = [torch.from_numpy(record.forces) for record in read_records(copper)]
        errors[fraction] = float(torch.cat([(p.forces - f).abs() for p, f in zip(said, labels, strict=True)]).mean())
    assert errors[0.6] < 0.7 * errors[None]
    assert result.metrics["replay"]["all"]["force_MAE_eV_per_A"] == pytest.approx(errors[0.6], rel=1e-6)


def test_an_epoch_replays_the_requested_fraction_and_several_epochs_everything() -> None:
    assert n_replayed(8, 100, 0.2) == 2
    assert n_replayed(8, 3, 0.5) == 3
    seen = [list(WithReplay(range(8), range(100, 110), 2, seed=1, epoch=epoch)) for epoch in range(60)]
    assert all(epoch[:8] == list(range(8)) and len(set(epoch)) == 10 for epoch in seen)
    assert {item for epoch in seen for item in epoch[8:]} == set(range(100, 110))
    assert seen[3] == list(WithReplay(range(8), range(100, 110), 2, seed=1, epoch=3))


def test_the_training_domain_grows(tmp_path: Path, silver: Path, parent: Path) -> None:
    old = checkpoint.read(parent)[0].domain
    new = checkpoint.read(run(tmp_path, silver, start_from=str(parent), **STILL).model_file)[0].domain
    assert new.shortest_distance_A["Cu-Cu"] == old.shortest_distance_A["Cu-Cu"]
    assert {"Ag-Ag", "Cu-Cu"} == new.shortest_distance_A.keys()
    assert new.n_structures == old.n_structures + 6


@pytest.mark.config_field("start_elements")
def test_a_model_of_fewer_elements_than_its_start(tmp_path: Path, silver: Path, parent: Path) -> None:
    both = run(tmp_path / "both", silver, start_from=str(parent))
    one = run(tmp_path / "one", silver, start_from=str(parent), start_elements="drop", floor_structures=5)
    elements = [load_potential(result.model_file).header.elements for result in (both, one)]
    assert elements == [(29, 47), (47,)]
    domain = load_potential(one.model_file).header.domain
    assert set(domain.shortest_distance_A) == {"Ag-Ag"}
    assert domain.n_structures == len(read_records(silver)) * 3 // 4


def test_a_published_folder_is_a_start_and_its_head_may_change(tmp_path: Path) -> None:
    folder = FOLDERS / "atomwise-charges"
    data = write_frames(tmp_path / "p.extxyz", property_frames(atomwise=False))
    off = {"calculate_gradient": False, "gradwise_weight": 0.0, "atomwise_weight": 0.0, "additional_output_features": 1}
    result = run(tmp_path / "run", data, start_from=str(folder), model={**off, "output_features": 2}, dtype="float32")
    before, after = checkpoint.load(folder / "best_model.pt"), checkpoint.load(result.model_file)
    assert after.header.graph == before.header.graph
    assert after.header.model.hidden_features == before.header.model.hidden_features
    assert after.model.readout.out_features == 2
    assert "target_MAE" in result.metrics["val"]["all"]


def test_another_network_or_graph_than_the_start_is_refused(tmp_path: Path, copper: Path, parent: Path) -> None:
    with pytest.raises(ConfigError, match=r"model.hidden_features: 8 in .*, 16 here"):
        run(tmp_path, copper, start_from=str(parent), model={"hidden_features": 16})
    with pytest.raises(ConfigError, match=r"cutoff: 4.0 in .*, 6.0 here"):
        run(tmp_path, copper, start_from=str(parent), cutoff=6.0)
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        run(tmp_path, copper, start_from="nowhere")
    with pytest.raises(ConfigError, match="start_from"):
        run(tmp_path, copper, replay_data=str(copper))


def test_the_command_line_fine_tunes(tmp_path: Path, silver: Path, parent: Path, command_line: CommandLine) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(LOOP))
    done = command_line("train", config, "--from", parent, "--data", silver, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    assert written["start_from"] == str(parent)
    assert written["model"]["hidden_features"] == 8


def test_alloys_join_what_was_known_apart(tmp_path: Path, parent: Path) -> None:
    data = write_frames(tmp_path / "alloy.extxyz", alloy_frames(8))
    result = run(tmp_path / "run", data, start_from=str(parent), **STILL)
    assert np.isfinite(result.metrics["val"]["all"]["energy_MAE_meV_per_atom"])
    assert checkpoint.read(result.model_file)[0].elements == (29, 79)
