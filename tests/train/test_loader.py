"""Batches made ahead: the same for any thread, and runs that do not depend on where their graphs are stored."""

import json
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from alignn_ff.train import train, validate_config
from alignn_ff.train.interrupt import TrainingInterruptedError
from alignn_ff.train.loop.loader import Loader
from alignn_ff.train.records.batches import Sample, build_sample, empty_like, epoch_order, join
from tests.support.labelled_data import copper_frames, molecule_frames, write_frames
from tests.support.samples import RECIPE, assert_same_sample
from tests.support.training_runs import SMALL, Silent, assert_same_weights


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(8))


@pytest.fixture(scope="module")
def samples(data: Path) -> list[Sample]:
    from alignn_ff.train import read_records

    return [build_sample(record, RECIPE) for record in read_records(data)]


class Slow(Sequence[Sample]):
    """Samples of which early ones take longest, and that record the calling thread."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples, self.threads = samples, set[str]()

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index):
        self.threads.add(threading.current_thread().name)
        threading.Event().wait(0.002 * (len(self.samples) - index))
        return self.samples[index]


@pytest.mark.config_field("num_workers")
@pytest.mark.parametrize("n_threads", [0, 1, 3])
def test_batches_come_in_order_whoever_makes_them(samples: list[Sample], n_threads: int) -> None:
    order = epoch_order(len(samples), 3, seed=1, epoch=0)
    slow = Slow(samples)
    found = list(Loader(n_threads=n_threads).batches(slow, order))
    for batch, indices in zip(found, order, strict=True):
        assert_same_sample(batch, join([samples[i] for i in indices]))
    own = threading.current_thread().name
    assert (own in slow.threads) == (n_threads == 0)
    assert len(slow.threads) <= max(n_threads, 1)


def test_a_loader_that_is_not_read_to_the_end_leaves_no_threads(samples: list[Sample]) -> None:
    batches = Loader(n_threads=2).batches(samples, [[i] for i in range(8)])
    next(iter(batches))
    del batches
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


def test_an_error_while_a_batch_is_made_is_raised_where_it_is_read() -> None:
    with pytest.raises(IndexError):
        list(Loader(n_threads=2).batches([], [[3]]))


def test_a_batch_of_nothing_has_all_fields(samples: list[Sample]) -> None:
    (nothing,) = Loader(n_threads=0).batches(samples, [[]])
    assert nothing.graph.n_atoms.shape == (0,)
    assert nothing.system.cell.shape == (0, 3, 3)
    assert_same_sample(join([nothing, samples[0]]), samples[0])
    assert_same_sample(nothing, empty_like(samples[3]))


@pytest.mark.config_field("pin_memory")
def test_batches_are_pinned_where_that_is_asked_and_there_is_a_gpu(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[torch.Tensor] = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor)
    for gpu, wanted in ((False, True), (True, False), (True, True)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda gpu=gpu: gpu)
        list(Loader(n_threads=0, pin_memory=wanted).batches(samples, [[0]]))
        assert bool(pinned) == (gpu and wanted)


@pytest.mark.config_field("use_lmdb", "filename")
def test_a_run_from_the_cache_ends_with_the_weights_of_a_run_in_memory(tmp_path: Path, data: Path) -> None:
    choices = {
        "memory": {"use_lmdb": False, "num_workers": 0},
        "cache": {"use_lmdb": True, "num_workers": 0},
        "ahead": {"use_lmdb": True, "num_workers": 3, "filename": "other"},
    }
    for name, choice in choices.items():
        config = validate_config({**SMALL, "epochs": 2, "output_dir": str(tmp_path / name), **choice})
        train(config, observer=Silent(), data=data, device="cpu")
    assert_same_weights(tmp_path / "memory", tmp_path / "cache")
    assert_same_weights(tmp_path / "memory", tmp_path / "ahead")
    caches = {name: [path.name for path in (tmp_path / name).glob("*_graphs")] for name in choices}
    assert caches == {"memory": [], "cache": ["sample_graphs"], "ahead": ["other_graphs"]}


def test_runs_share_a_cache_that_an_absolute_filename_names(tmp_path: Path, data: Path) -> None:
    for fold in (0, 1):
        folds = {"n_folds": 4, "fold": fold}
        content = {**SMALL, "epochs": 1, "cross_validation": folds, "filename": str(tmp_path / "shared")}
        config = validate_config({**content, "read_existing": fold == 1, "output_dir": str(tmp_path / f"fold{fold}")})
        train(config, observer=Silent(), data=data, device="cpu")
    assert (tmp_path / "shared_graphs" / "manifest.json").exists()
    assert not list(tmp_path.glob("fold*/*_graphs"))


@pytest.mark.config_field("read_existing")
def test_read_existing_refuses_a_cache_that_must_be_rebuilt(tmp_path: Path, data: Path) -> None:
    from alignn_ff.errors import ConfigError

    content = {**SMALL, "epochs": 1, "output_dir": str(tmp_path)}
    train(validate_config({**content, "read_existing": True}), observer=Silent(), data=data, device="cpu")
    other = {**content, "cutoff": 4.5}
    with pytest.raises(ConfigError, match=r"cutoff: 4\.0 in the cache, 4\.5 now"):
        train(validate_config({**other, "read_existing": True}), observer=Silent(), data=data, overwrite=True)
    train(validate_config(other), observer=Silent(), data=data, device="cpu", overwrite=True)


@pytest.mark.config_field("save_dataloader")
def test_the_loader_is_saved_as_ids_and_a_digest(tmp_path: Path, data: Path) -> None:
    content = {**SMALL, "epochs": 1, "batch_size": 4}
    for wanted in (False, True):
        folder = tmp_path / str(wanted)
        config = validate_config({**content, "save_dataloader": wanted, "output_dir": str(folder)})
        train(config, observer=Silent(), data=data, device="cpu")
        assert (folder / "dataloader.json").exists() == wanted
    saved = json.loads((folder / "dataloader.json").read_text())
    assert {key: saved[key] for key in ("train", "val", "test")} == json.loads(
        (folder / "ids_train_val_test.json").read_text()
    )
    assert len(saved["cache_digest"]) == 64
    assert saved["batch_size"] == 4
    assert Path(saved["cache"]).name == "sample_graphs"


def test_a_damaged_cache_is_repaired_when_the_run_resumes(tmp_path: Path, data: Path) -> None:
    class Breaker(Silent):
        def on_step(self, progress, n_steps):
            super().on_step(progress, n_steps)
            if self.steps == 4:
                raise RuntimeError("the power is gone")

    config = validate_config({**SMALL, "checkpoint_minutes": 1e-9, "output_dir": str(tmp_path / "run")})
    with pytest.raises(RuntimeError, match="power"):
        train(config, observer=Breaker(), data=data, device="cpu")
    file = tmp_path / "run" / "sample_graphs" / "data.mdb"
    file.write_bytes(file.read_bytes()[:10_000])
    train(config, observer=Silent(), data=data, device="cpu", resume=True)
    train(config.model_copy(update={"output_dir": str(tmp_path / "whole")}), observer=Silent(), data=data, device="cpu")
    assert_same_weights(tmp_path / "run", tmp_path / "whole")


def test_a_set_of_molecules_and_crystals_trains(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "mixed.extxyz", [*copper_frames(3), *molecule_frames(3)])
    config = validate_config({**SMALL, "epochs": 1, "cross_validation": None, "n_test": 0, "output_dir": str(tmp_path)})
    assert train(config, observer=Silent(), data=data, device="cpu") is not None


def test_ctrl_c_while_graphs_are_built_keeps_them_and_the_same_command_resumes(tmp_path: Path, data: Path) -> None:
    class Impatient(Silent):
        def on_build(self, done: int, total: int) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    config = validate_config({**SMALL, "epochs": 1, "output_dir": str(tmp_path / "run")})
    with pytest.raises(TrainingInterruptedError, match=r"SIGINT while graphs were built; 8 of 8 graphs .* continues"):
        train(config, observer=Impatient(), data=data, device="cpu")
    assert (tmp_path / "run" / "sample_graphs.building").exists()
    assert train(config, observer=Silent(), data=data, device="cpu") is not None
    assert not (tmp_path / "run" / "sample_graphs.building").exists()
