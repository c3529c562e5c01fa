"""Folders of the published package: read unchanged, refused with a reason, and never executed."""

import json
import logging
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ase.build import bulk

from alignn_ff import checkpoint
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import CheckpointError, PropertyModelError
from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.potential import load_potential
from tests.support.recorded import CASES, FOLDERS

FORCE_FIELD = "pure-ff-zbl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDERS / FORCE_FIELD, tmp_path / "published"))


def change_config(folder: Path, **model: object) -> None:
    content = json.loads((folder / "config.json").read_text())
    content["model"].update(model)
    (folder / "config.json").write_text(json.dumps(content))


def load(folder: Path) -> checkpoint.Checkpoint:
    return checkpoint.load(folder / "best_model.pt")


@pytest.mark.parametrize("case", CASES)
def test_every_published_folder_loads(case: str) -> None:
    found = load(FOLDERS / case)
    fields = json.loads((FOLDERS / case / "config.json").read_text())
    assert found.header.model.name == fields["model"]["name"]
    assert found.header.model.kind == ("energy" if isinstance(found.model, EnergyModel) else "property")
    assert found.header.provenance.training_config == fields


def test_wrapped_and_data_parallel_weights_load_too(folder: Path) -> None:
    bare = torch.load(folder / "best_model.pt", weights_only=True)
    expected = load(folder).model.state_dict()
    torch.save({"model": {f"module.{k}": v for k, v in bare.items()}, "epoch": 3}, folder / "best_model.pt")
    for name, tensor in load(folder).model.state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_loaded_model_can_be_saved_as_one_of_ours(folder: Path, tmp_path: Path) -> None:
    found = load(folder)
    checkpoint.save(tmp_path / "own.pt", found.header, found.model.state_dict())
    again = checkpoint.load(tmp_path / "own.pt")
    assert again.header == found.header
    for name, tensor in again.model.state_dict().items():
        assert torch.equal(tensor, found.model.state_dict()[name])


def test_fields_that_lack_take_the_published_defaults(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text())
    for name in ("use_zbl", "penalty_factor", "zbl_cutoff", "atom_input_features"):
        del content["model"][name]
    for name in ("cutoff", "three_body_cutoff"):
        del content[name]
    (folder / "config.json").write_text(json.dumps(content))
    header = load(folder).header
    assert header.model.penalty_factor == 0.5
    assert header.model.zbl_end == 0.9
    assert header.model.atom_input_features == 92
    assert (header.graph.cutoff, header.graph.three_body_cutoff) == (5.0, 3.5)


def test_calculator_takes_a_published_folder(folder: Path) -> None:
    atoms = bulk("Si")
    atoms.calc = AlignnCalculator(folder, device="cpu", dtype="float64")
    assert atoms.get_forces().shape == (2, 3)
    assert atoms.get_stress().shape == (6,)


@pytest.mark.parametrize("case", ["alignn-knn", "classification", "pure-cfid-multi"])
def test_calculator_refuses_a_property_model_and_names_the_command_for_it(case: str) -> None:
    assert isinstance(load(FOLDERS / case).model, PropertyModel)
    with pytest.raises(PropertyModelError, match="alignn-ff predict"):
        AlignnCalculator(FOLDERS / case, device="cpu")


def test_calculator_warns_once_that_forces_are_exact_if_training_had_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="alignn_ff"):
        calculator = AlignnCalculator(FOLDERS / "ealignn-ff", device="cpu")
        for a in (5.43, 5.5):
            atoms = bulk("Si", a=a)
            atoms.calc = calculator
            atoms.get_potential_energy()
    said = [record.message for record in caplog.records if "exact derivatives" in record.message]
    assert len(said) == 1
    assert "remove_torque" in said[0]
    assert "wrong length" in said[0]


def test_ignored_fields_are_accepted_and_mentioned(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    change_config(folder, zero_inflated=True)
    with caplog.at_level(logging.WARNING, logger="alignn_ff"):
        load(folder)
        load(folder)
    assert sum("zero_inflated = True is accepted and ignored" in r.message for r in caplog.records) <= 1


# what cannot be read


def test_truncated_weights_are_refused(folder: Path) -> None:
    whole = (folder / "best_model.pt").read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        (folder / "best_model.pt").write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="damaged or not a model file"):
            load(folder)


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_opening_a_folder_never_runs_its_code(folder: Path, write: Callable[[object, Path], object]) -> None:
    state = torch.load(folder / "best_model.pt", weights_only=True)
    write({"model": state, "bomb": Bomb(folder / "exploded")}, folder / "best_model.pt")
    with pytest.raises(CheckpointError, match="nothing in it was executed"):
        load(folder)
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "gpt"}, "not a published one"),
        ({"name": "alignn_atomwise_pure_smooth"}, "not supported: its energy jumps"),
        ({"hidden_features": 8}, "of another shape"),
        ({"gcn_layers": 5}, "missing: network.bond_blocks"),
        ({"gcn_layers": 0}, "not part of this model: network.bond_blocks"),
        ({"alignn_layers": -1}, "alignn_layers"),
        ({"atom_input_features": 11}, "atom_features 'cgcnn'"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=str,
)
def test_config_that_does_not_fit_is_refused(folder: Path, change: dict[str, object], message: str) -> None:
    change_config(folder, **change)
    with pytest.raises(CheckpointError, match=message):
        load(folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model": 3}', "\x00"])
def test_config_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load(folder)


def test_missing_and_infinite_weights_are_named(folder: Path) -> None:
    state = torch.load(folder / "best_model.pt", weights_only=True)
    infinite = {**state, "fc.bias": torch.full((1,), torch.inf)}
    torch.save(infinite, folder / "best_model.pt")
    with pytest.raises(CheckpointError, match=r"not finite numbers .*readout\.bias"):
        load(folder)
    torch.save({k: v for k, v in state.items() if k != "fc.bias"}, folder / "best_model.pt")
    with pytest.raises(CheckpointError, match=r"missing: readout\.bias"):
        load(folder)


def test_weights_without_their_config_are_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match="not an alignn-ff model file"):
        load_potential(folder / "best_model.pt")
