"""Bounds of the energies of atoms: measured at the end of a training, kept in its files, of no effect on its data."""

import logging
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from typer.testing import CliRunner

from alignn_ff import AlignnCalculator, checkpoint
from alignn_ff.checkpoint import Header
from alignn_ff.cli.app import app
from alignn_ff.errors import AlignnError, ConfigError, DataError
from alignn_ff.models import EnergyModel, ModelStatistics
from alignn_ff.train import read_records, train
from alignn_ff.train.bounds import bound_energies, bounds_of
from alignn_ff.train.records.batches import Sample, build_sample
from tests.support.labelled_data import copper_frames, molecule_frames, write_frames
from tests.support.tiny_models import CONFIG, PUBLISHED, tiny_header, tiny_model
from tests.support.training_runs import SMALL, Silent, small_config

CPU = torch.device("cpu")
FORCES_ONLY = {**SMALL["model"], "stresswise_weight": 0.0}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(9))


def trained(folder: Path, data: Path, **fields: Any) -> Header:
    fields = {"epochs": 2, "num_workers": 0, "cross_validation": {"n_folds": 3}, **fields}
    train(small_config(folder, **fields), observer=Silent(), data=data, device="cpu")
    return checkpoint.load(folder / "best_model.pt").header


def samples_of(data: Path, header: Header) -> list[Sample]:
    return [build_sample(record, header.graph) for record in read_records(data)]


@pytest.mark.config_field("bound_energies")
def test_a_training_bounds_its_models_and_changes_no_prediction_on_its_data(tmp_path: Path, data: Path) -> None:
    bounded = trained(tmp_path / "bounded", data).statistics
    assert trained(tmp_path / "free", data, bound_energies=False).statistics.energy_bounds == ()
    ((lowest, lower, upper, highest),) = bounded.energy_bounds
    assert lowest < lower < upper < highest
    for name in ("best_model.pt", "current_model.pt"):
        files = [tmp_path / folder / name for folder in ("bounded", "free")]
        assert checkpoint.load(files[0]).header.statistics.energy_bounds
        for atoms in copper_frames(9):
            energies = [AlignnCalculator(file).get_property("energy", atoms) for file in files]
            assert energies[0] == energies[1]


def test_energies_far_from_the_data_are_within_the_bounds(tmp_path: Path) -> None:
    """The network alone gives dense copper hundreds of eV per atom."""
    header = tiny_header((29,), config=CONFIG.model_copy(update={"moment_channels": 4}))
    model = tiny_model(header)
    for name, parameter in model.named_parameters():
        if "moments" in name or "invariants" in name:
            parameter.mul_(8.0)
    checkpoint.save(tmp_path / "m.pt", header, model.state_dict())
    near = [bulk("Cu", cubic=True, a=a) for a in (4.6, 4.8)]
    bound = bound_energies(tmp_path / "m.pt", unlabelled(near, header), device=CPU, output=tmp_path / "b.pt")
    ((lowest, _, _, highest),) = bound.statistics.energy_bounds
    reference = header.statistics.reference_energies[0]
    dense = bulk("Cu", cubic=True, a=2.6)
    before, after = (AlignnCalculator(tmp_path / name, outside="ignore") for name in ("m.pt", "b.pt"))
    assert abs(before.get_property("energies", dense) - reference).max() > 200.0
    found = after.get_property("energies", dense) - reference
    repulsion = 20.0  # eV, at most, of the close atoms
    assert (found >= lowest).all()
    assert (found <= highest + repulsion).all()
    assert np.isfinite(after.get_property("forces", dense)).all()


def unlabelled(frames: list[Atoms], header: Header) -> list[Sample]:
    from alignn_ff.train.records.record import Record

    records = [Record(str(k), atoms, None, None, None, "") for k, atoms in enumerate(frames)]
    return [build_sample(record, header.graph) for record in records]


def test_structures_that_the_model_is_far_off_do_not_count(
    tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    header = trained(tmp_path / "run", data)
    file, samples = tmp_path / "run" / "best_model.pt", samples_of(data, header)
    usual = bound_energies(file, samples, device=CPU).statistics.energy_bounds
    odd = samples[0]._replace(targets=samples[0].targets.with_values("energy", torch.tensor([900.0]).double()))
    with caplog.at_level(logging.INFO):
        found = bound_energies(file, [odd, *samples[1:]], device=CPU).statistics.energy_bounds
    assert "structures that are far off do not count: 1" in caplog.text
    assert found == bound_energies(file, samples[1:], device=CPU).statistics.energy_bounds
    assert np.all(np.abs(np.array(found) - np.array(usual)) < 1.0)


def test_a_run_that_keeps_the_elements_of_its_start_keeps_their_bounds(tmp_path: Path, data: Path) -> None:
    first = trained(tmp_path / "first", data).statistics.energy_bounds
    wide = tmp_path / "wide.pt"
    header, model = checkpoint.load(tmp_path / "first" / "best_model.pt")
    bounds = ((-99.0, -98.0, 98.0, 99.0),)
    header = header.model_copy(update={"statistics": header.statistics._replace(energy_bounds=bounds)})
    checkpoint.save(wide, header, model.state_dict())
    start = {"start_from": str(wide), "learning_rate": 1e-5, "epochs": 1}
    assert trained(tmp_path / "keep", data, **start).statistics.energy_bounds == bounds
    dropped = trained(tmp_path / "drop", data, **start, start_elements="drop").statistics.energy_bounds
    assert np.allclose(dropped, first, atol=1.0)


def molecules(folder: Path) -> Path:
    return write_frames(folder / "molecules.xyz", molecule_frames(6))


def test_bounds_follow_from_the_energies_of_each_element() -> None:
    seen = {1: (-1.0, 3.0), 8: (1.0, 1.0), 14: (-4.0, -2.0)}
    hydrogen, oxygen, silicon = bounds_of(tiny_header(), seen)
    assert hydrogen == (-3.0, -2.0, 6.0, 9.0)
    assert oxygen == (-1.0, 0.0, 3.0, 5.0)
    assert silicon == (-7.5, -5.75, 0.5, 3.0)


def test_a_free_atom_with_an_exact_energy_keeps_it() -> None:
    """The crystals of the data are far below free atoms, whose energy is the reference."""
    ((lowest, lower, upper, highest),) = bounds_of(tiny_header((74,), exact_free_atoms=True), {74: (-8.5, -7.5)})
    assert lowest < lower < -8.5
    assert 0.0 < upper < highest


def test_bounds_of_the_start_count_only_where_its_energies_mean_the_same() -> None:
    exact, usual = (tiny_header((14,), exact_free_atoms=choice, bounded=True) for choice in (True, False))
    seen = {14: (-0.1, 0.1)}
    assert bounds_of(usual, seen, usual)[0][0] == usual.statistics.energy_bounds[0][0]
    assert bounds_of(exact, seen, usual) == bounds_of(exact, seen)


def test_an_element_that_nothing_bounds_is_named(tmp_path: Path, data: Path) -> None:
    with pytest.raises(DataError, match="no structure that counts holds O, so nothing bounds"):
        bounds_of(tiny_header(), {1: (-1.0, 3.0), 14: (-4.0, -2.0)}, tiny_header())
    trained(tmp_path / "first", molecules(tmp_path), bound_energies=False, model=FORCES_ONLY)
    header = trained(tmp_path / "run", data, start_from=str(tmp_path / "first" / "best_model.pt"))
    assert header.statistics.energy_bounds == (), "of carbon and oxygen there are no energies"


def test_a_training_without_checkpoints_has_bounds_too(tmp_path: Path, data: Path) -> None:
    assert trained(tmp_path / "run", data, write_checkpoint=False).statistics.energy_bounds


def test_replayed_structures_count(tmp_path: Path, data: Path) -> None:
    """Their elements have no other structures."""
    file = molecules(tmp_path)
    trained(tmp_path / "first", file, bound_energies=False, model=FORCES_ONLY)
    replay = {"start_from": str(tmp_path / "first" / "best_model.pt"), "replay_data": str(file)}
    header = trained(tmp_path / "second", data, **replay)
    assert len(header.statistics.energy_bounds) == len(header.elements) > 1


def test_what_has_no_bounds_is_refused(tmp_path: Path, data: Path) -> None:
    published = {"name": "alignn_atomwise", **PUBLISHED, "gradwise_weight": 1.0}
    header = trained(tmp_path / "run", data, model=published, cutoff=4.0)
    assert header.statistics.energy_bounds == ()
    with pytest.raises(ConfigError, match="for alignn_smooth with a repulsion"):
        bound_energies(tmp_path / "run" / "best_model.pt", samples_of(data, header), device=CPU)
    for repels in (True, False):
        smooth = tiny_header((29,), config=CONFIG.model_copy(update={"use_zbl": repels}))
        checkpoint.save(tmp_path / "m.pt", smooth, tiny_model(smooth).state_dict())
        if repels:
            with pytest.raises(DataError, match="no structure that counts holds Cu"):
                bound_energies(tmp_path / "m.pt", [], device=CPU)
        else:
            with pytest.raises(ConfigError, match="for alignn_smooth with a repulsion"):
                bound_energies(tmp_path / "m.pt", samples_of(data, smooth), device=CPU)


@pytest.mark.parametrize(
    "bounds",
    [((-1.0, 0.0, 1.0, 1.0),), ((0.0, 0.0, 1.0, 2.0),), ((-1.0, 2.0, 1.0, 3.0),), ((-1.0, 0.0, 1.0, 2.0),) * 2],
)
def test_a_file_with_impossible_bounds_is_refused(bounds: tuple[tuple[float, float, float, float], ...]) -> None:
    with pytest.raises(ValueError, match="bounds of the energies"):
        Header.model_validate(
            tiny_header((29,))
            .model_copy(update={"statistics": ModelStatistics((-0.5,), 1.3, 12.0, 5.0, energy_bounds=bounds)})
            .model_dump()
        )


def test_the_command_writes_a_bounded_model(tmp_path: Path, data: Path) -> None:
    trained(tmp_path / "run", data, bound_energies=False)
    file, out = tmp_path / "run" / "best_model.pt", tmp_path / "bounded.pt"
    answer = CliRunner().invoke(app, ["bound", str(file), str(data), "-o", str(out)])
    assert answer.exit_code == 0, answer.output
    assert "Cu" in answer.output
    assert checkpoint.load(out).header.statistics.energy_bounds
    again = CliRunner().invoke(app, ["bound", str(file), str(data), "-o", str(out)])
    assert isinstance(again.exception, ConfigError)
    assert isinstance(checkpoint.load(out).model, EnergyModel)


def test_structures_of_the_floor_count_as_in_the_training(tmp_path: Path, data: Path) -> None:
    """From the frames that it trained on, the command finds the bounds of the training."""
    whole = {"train_ratio": 1.0, "val_ratio": 0.0, "test_ratio": 0.0, "cross_validation": None}
    ((lowest, *_, highest),) = trained(tmp_path / "run", data, floor_structures=40, **whole).statistics.energy_bounds
    file = tmp_path / "run" / "best_model.pt"
    spans = {}
    for words in ((), ("--floor-structures", "0")):
        out = tmp_path / f"bounded-{len(words)}.pt"
        answer = CliRunner().invoke(app, ["bound", str(file), str(data), "-o", str(out), *words])
        assert answer.exit_code == 0, answer.output
        ((low, *_, high),) = checkpoint.load(out).header.statistics.energy_bounds
        spans[words] = (low, high)
    assert spans[()] == pytest.approx((lowest, highest), abs=1e-5)
    assert spans[()][0] == spans["--floor-structures", "0"][0]  # generated structures have no energy to be as low as
    assert spans[()][1] > spans["--floor-structures", "0"][1]


def test_what_cannot_bound_is_refused(tmp_path: Path, data: Path) -> None:
    trained(tmp_path / "run", data, floor_structures=10)
    file = tmp_path / "run" / "best_model.pt"
    foreign = write_frames(tmp_path / "ni.extxyz", [_of_nickel(atoms) for atoms in copper_frames(2)])
    silent = tmp_path / "silent.extxyz"
    ase.io.write(silent, [Atoms(a.numbers, a.positions, cell=a.cell, pbc=True) for a in copper_frames(2)])
    out = ["-o", str(tmp_path / "out.pt")]
    for frames, word in ((foreign, "the data hold Ni"), (silent, "energ")):
        answer = CliRunner().invoke(app, ["bound", str(file), str(frames), *out])
        assert isinstance(answer.exception, AlignnError), answer.output
        assert word in str(answer.exception)
    assert not (tmp_path / "out.pt").exists()


def _of_nickel(atoms: Atoms) -> Atoms:
    labels = atoms.calc.results
    changed = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    changed.numbers[:] = 28
    changed.calc = SinglePointCalculator(changed, **labels)
    return changed
