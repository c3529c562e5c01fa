"""Samples that stay on the device: the same batches and the same runs, bit for bit."""

import json
from pathlib import Path

import pytest
import torch

from alignn_ff.train import read_records, train
from alignn_ff.train.loop.replay import WithReplay
from alignn_ff.train.records.batches import Sample, build_sample, empty_like, join
from alignn_ff.train.records.resident import ResidentSamples, resident_samples
from tests.support.labelled_data import copper_frames, molecule_frames, write_frames
from tests.support.samples import RECIPE, assert_same_sample
from tests.support.training_runs import Silent, assert_same_weights, small_config

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    frames = [*copper_frames(4), *molecule_frames(3)]
    data = write_frames(tmp_path_factory.mktemp("data") / "data.xyz", frames)
    return [build_sample(record, RECIPE) for record in read_records(data)]


@pytest.mark.parametrize("indices", [[0], [3, 1, 6], [5, 5, 0, 2], list(range(7)), []])
def test_batches_are_those_of_the_host(samples: list[Sample], indices: list[int]) -> None:
    expected = join([samples[k] for k in indices]) if indices else empty_like(samples[0])
    assert_same_sample(ResidentSamples(samples, CPU).batch(indices), expected)


def test_features_of_atoms_come_along(samples: list[Sample]) -> None:
    with_features = [
        sample._replace(graph=sample.graph._replace(extra_features=torch.rand(len(sample.system.positions), 2)))
        for sample in samples
    ]
    expected = join([with_features[2], with_features[0]])
    assert_same_sample(ResidentSamples(with_features, CPU).batch([2, 0]), expected)


@pytest.mark.config_field("resident_data")
def test_samples_go_to_a_gpu_where_they_fit_and_where_they_are_told_to(samples: list[Sample]) -> None:
    class Unread(list[Sample]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            raise AssertionError("samples were read")

    gpu = torch.device("meta")
    assert resident_samples([Unread(samples)], CPU, "auto") is None
    assert resident_samples([Unread(samples)], gpu, "never") is None
    assert resident_samples([Unread(samples)], gpu, "auto") is None, "nothing is known of the memory of this device"
    assert resident_samples([[], []], CPU, "always") is None
    assert resident_samples([samples[:2], samples[2:]], CPU, "always") is not None
    assert resident_samples([samples], gpu, "auto", available=10_000) is None
    assert resident_samples([samples], gpu, "auto", available=10**9) is not None


def test_samples_of_an_epoch_with_replay_have_their_places(samples: list[Sample]) -> None:
    epoch = WithReplay(samples[:3], samples[3:], 2, seed=1, epoch=4)
    for index in range(5):
        (place,) = epoch.places([index])
        assert samples[place] is epoch[index]


def test_a_run_has_the_same_bits_and_resumes_the_other_way(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "data.xyz", copper_frames(8))
    fields = {"epochs": 2, "num_workers": 0, "floor_structures": 4, "cross_validation": {"n_folds": 2}}

    def run(folder: str, word: str, *, epochs: int, resume: bool = False) -> Path:
        config = small_config(
            tmp_path / folder, **fields | {"epochs": epochs, "lr_total_epochs": 2, "resident_data": word}
        )
        train(config, observer=Silent(), data=data, device="cpu", resume=resume)
        return tmp_path / folder

    never, always = run("never", "never", epochs=2), run("always", "always", epochs=2)
    run("mixed", "always", epochs=1)
    mixed = run("mixed", "never", epochs=2, resume=True)
    for folder in (always, mixed):
        assert_same_weights(folder, never)
        rows, expected = (json.loads((one / "history.json").read_text())["rows"] for one in (folder, never))
        for row, other in zip(rows, expected, strict=True):
            assert {k: v for k, v in row.items() if k != "seconds"} == {
                k: v for k, v in other.items() if k != "seconds"
            }
