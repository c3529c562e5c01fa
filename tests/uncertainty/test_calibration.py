"""Calibration: figures of deviations that are known, factors that fit, and the command that measures and adds them."""

import json
from pathlib import Path

import numpy as np
import pytest

from alignn_ff import checkpoint, load_potential
from alignn_ff.errors import ConfigError
from alignn_ff.train import train
from alignn_ff.train.uncertainty.calibration import Measured, best_factor, calibration, groups
from alignn_ff.train.uncertainty.joining import better_method, join_models, warn_of_other_zeros
from tests.support.command_line import CommandLine
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import Silent, small_config

QUICK = {"epochs": 2, "kernels": "torch", "use_lmdb": False, "num_workers": 0}


def drawn(n_axes: int, factor: float = 1.0, n: int = 20_000) -> Measured:
    """Errors drawn from the deviations that are told, divided by a factor."""
    generator = np.random.default_rng(2)
    deviations = np.exp(generator.normal(size=n))
    vectors = generator.normal(size=(n, n_axes)) * deviations[:, None] / np.sqrt(n_axes)
    return Measured(np.linalg.norm(vectors, axis=1), deviations / factor, n_axes, "eV")


@pytest.mark.parametrize("n_axes", [1, 3, 6])
def test_deviations_that_errors_are_drawn_from_are_calibrated(n_axes: int) -> None:
    found = calibration(drawn(n_axes))
    assert found.factor == pytest.approx(1.0, abs=0.02)
    assert found.rmse == pytest.approx(found.rms_deviation, rel=0.1)
    assert found.within_68 == pytest.approx(0.683, abs=0.02)
    assert found.within_95 == pytest.approx(0.954, abs=0.01)
    assert found.correlation > 0.5


@pytest.mark.parametrize("n_axes", [1, 3])
def test_the_best_factor_undoes_a_wrong_scale_and_lowers_the_likelihood_of_no_other(n_axes: int) -> None:
    measured = drawn(n_axes, factor=4.0)
    factor = best_factor(measured)
    assert factor == pytest.approx(4.0, rel=0.02)
    best = calibration(measured.times(factor)).nll
    assert all(best < calibration(measured.times(factor * other)).nll for other in (0.5, 0.9, 1.1, 2.0))


@pytest.mark.parametrize("n", [1, 7, 12, 20_000])
def test_the_groups_of_a_plot_hold_every_error_once_and_lie_on_the_diagonal_where_calibrated(n: int) -> None:
    measured = drawn(1, n=n)
    found = groups(measured)
    assert len(found.errors) == len(found.deviations) == min(max(n // 5, 1), 10)
    assert list(found.deviations) == sorted(found.deviations)
    if n == 20_000:
        assert found.errors == pytest.approx(found.deviations, rel=0.1)
        assert np.mean(np.square(found.errors)) == pytest.approx(np.mean(np.square(measured.errors)))


def test_the_method_whose_deviations_follow_the_errors_is_the_default() -> None:
    good = drawn(1)
    constant = good._replace(deviations=np.ones_like(good.errors))
    assert better_method({"committee energy": good, "last_layer energy": constant}) == "committee"
    assert better_method({"committee energy": constant, "last_layer energy": good}) == "last_layer"
    assert better_method({}) == "committee"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(16))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Folders "with" and "without" the last layer, of the same training."""
    folder = tmp_path_factory.mktemp("models")
    for name, wanted in (("with", True), ("without", False)):
        config = small_config(folder / name, last_layer_uncertainty=wanted, **QUICK)
        train(config, observer=Silent(), data=data)
    return folder


@pytest.mark.config_field("last_layer_uncertainty")
def test_training_gives_a_model_deviations_unless_that_is_switched_off(models: Path) -> None:
    new, plain = (load_potential(models / name, dtype="float64") for name in ("with", "without"))
    assert (new.energy_std_by, plain.energy_std_by) == ("last_layer", None)
    record = new.header.last_layer
    assert record is not None
    assert (record.n_structures, record.n_held_out, record.n_features) == (12, 4, 8)
    figures = new.header.uncertainty.figures["last_layer energy"]
    assert figures["factor"] == pytest.approx(1.0)
    structures = copper_frames(3)
    for one, other in zip(new.predict_tensors(structures), plain.predict_tensors(structures), strict=True):
        assert float(one.energy) == float(other.energy)


def test_deviations_grow_with_the_distance_from_the_training_data(models: Path) -> None:
    potential, deviations = load_potential(models / "with", dtype="float64"), []
    for strain in (0.0, 0.08, 0.16):
        frames = copper_frames(4)
        for atoms in frames:
            atoms.set_cell(atoms.cell.array * (1 + strain), scale_atoms=True)
        deviations.append(np.mean([float(p.spread.energy) for p in potential.predict_tensors(frames, spread=True)]))  # type: ignore[union-attr]
    assert deviations == sorted(deviations)
    assert deviations[2] > 1.5 * deviations[0]


def test_the_command_adds_to_an_existing_model_what_training_would_have_given(
    models: Path, data: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    ids = json.loads((models / "with" / "ids_train_val_test.json").read_text())
    parts = {}
    for name in ("train", "val"):
        chosen = [copper_frames(16)[int(i.rpartition(":")[2])] for i in ids[name]]
        parts[name] = write_frames(tmp_path / f"{name}.extxyz", chosen)
    model, new = models / "without" / "best_model.pt", tmp_path / "new.pt"
    words = ("uncertainty", model, parts["val"], "--training", parts["train"], "-o", new, "--plots", tmp_path)
    result = command_line(*words, "--dtype", "float64")
    assert result.code == 0, result.stderr
    assert "energies are given the deviation of: last layer" in result.stdout
    assert (tmp_path / "uncertainty_last_layer_energy.png").exists()
    expected = load_potential(models / "with", dtype="float64").header.last_layer
    found = load_potential(new, dtype="float64").header.last_layer
    assert found is not None
    for quantity in ("energy", "forces", "stress"):
        assert getattr(found, quantity) == pytest.approx(getattr(expected, quantity), rel=1e-3)
    assert "last layer forces" in result.stdout
    assert (tmp_path / "uncertainty_last_layer_forces.png").exists()
    told = command_line("uncertainty", new, data, "--json")
    assert told.code == 0, told.stderr
    again = json.loads(told.stdout)
    assert again["calibration"]["last_layer energy"]["n"] == 16


def test_the_command_joins_models_and_refuses_what_does_not_fit(
    models: Path, data: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    one, other = models / "with" / "best_model.pt", models / "without" / "best_model.pt"
    joined = command_line("uncertainty", one, data, "--join", other, "-o", tmp_path / "both.pt")
    assert joined.code == 0, joined.stderr
    assert "energies are given the deviation of: committee" in joined.stdout
    assert load_potential(tmp_path / "both.pt").n_members == 2
    plain = command_line("uncertainty", other, data)
    assert (plain.code, "train a committee" in plain.stderr) == (2, True)
    alone = command_line("uncertainty", other, data, "--join", one)
    assert (alone.code, "--output FILE goes together" in alone.stderr) == (2, True)
    both = command_line("uncertainty", tmp_path / "both.pt", data, "--training", data, "-o", tmp_path / "x.pt")
    assert (both.code, "committee" in both.stderr) == (2, True)


def test_models_of_another_graph_make_no_committee(models: Path, data: Path, tmp_path: Path) -> None:
    import torch

    config = small_config(tmp_path / "other", cutoff=4.5, **{**QUICK, "epochs": 1})
    train(config, observer=Silent(), data=data)
    files = [models / "with" / "best_model.pt", tmp_path / "other" / "best_model.pt"]
    with pytest.raises(ConfigError, match="the same graph"):
        join_models(files, tmp_path / "x.pt", [], device=torch.device("cpu"))


def test_members_with_another_zero_of_energies_are_told(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = models / "with" / "best_model.pt"
    header, model = checkpoint.load(file)
    moved = tuple(energy - 4.0 for energy in header.statistics.reference_energies)
    header = header.model_copy(update={"statistics": header.statistics._replace(reference_energies=moved)})
    model.table.reference -= 4.0
    checkpoint.save(tmp_path / "moved.pt", header, model.state_dict())
    warn_of_other_zeros([file, models / "without" / "best_model.pt"])
    assert "reference energies" not in caplog.text
    warn_of_other_zeros([file, tmp_path / "moved.pt"])
    assert "the reference energies of the members differ by up to 4.00 eV" in caplog.text


def test_the_card_of_a_committee_states_the_better_method_and_its_calibration(
    models: Path, data: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    one, other = models / "with" / "best_model.pt", tmp_path / "again"
    train(small_config(other, random_seed=7, **QUICK), observer=Silent(), data=data)
    both = tmp_path / "both.pt"
    joined = command_line("uncertainty", one, data, "--join", other / "best_model.pt", "-o", both, "--json")
    assert joined.code == 0, joined.stderr
    told = json.loads(joined.stdout)
    nll = {name: told["calibration"][f"{name} energy"]["nll"] for name in ("committee", "last_layer")}
    assert told["energy_std_by"] == min(nll, key=lambda name: nll[name])
    assert [told["calibration"][f"{n} energy"]["factor"] for n in nll] == pytest.approx([1.0, 1.0], rel=1e-3)
    added = command_line("zoo", "add", both, "--name", "two", "--no-check")
    assert added.code == 0, added.stderr
    card = " ".join(command_line("zoo", "show", "two").stdout.split())
    assert "the better calibrated of" in card
    assert "forces and stress by the spread of 2 models" in card
    assert load_potential("two").n_members == 2
    assert command_line("zoo", "show", "two", "--plots", tmp_path / "figures").code == 0
    assert (tmp_path / "figures" / "two-calibration.png").stat().st_size > 10_000
    assert command_line("zoo", "add", models / "without", "--name", "none", "--no-check").code == 0
    undrawn = command_line("zoo", "show", "none", "--plots", tmp_path / "figures")
    assert (undrawn.code, "alignn-ff uncertainty none HELD_OUT" in undrawn.stderr) == (2, True)
