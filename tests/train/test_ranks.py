"""Several processes make the same steps as a single one; their collectives are simulated by threads."""

import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alignn_ff.errors import AlignnError, ConfigError, TrainingError
from alignn_ff.graph import edge_vectors
from alignn_ff.models import EnergyModel, ModelStatistics, PropertyModel, build_model
from alignn_ff.train import read_records, train, validate_config
from alignn_ff.train.config.advice import advice
from alignn_ff.train.distributed.message import Message
from alignn_ff.train.distributed.process_group import synchronise_norms
from alignn_ff.train.distributed.ranks import Ranks, SingleProcess, share_of
from alignn_ff.train.loop.loader import Loader
from alignn_ff.train.loss.loss import build_measure, combined, label_counts
from alignn_ff.train.records.batches import build_sample
from alignn_ff.train.records.statistics import LabelScales
from alignn_ff.train.trainer.trainer import Trainer
from tests.support.labelled_data import copper_frames, labelled, molecule_frames, write_frames
from tests.support.thread_ranks import on_ranks
from tests.support.training_runs import SMALL, Silent

SEEDING = threading.Lock()
"""The ranks are threads here, and share torch's generator."""
PUBLISHED = {
    "alignn_layers": 1,
    "gcn_layers": 1,
    "hidden_features": 8,
    "embedding_features": 8,
    "edge_input_features": 12,
    "triplet_input_features": 6,
}
MODELS = {
    "alignn_smooth": SMALL["model"],
    "alignn_atomwise": {**PUBLISHED, "stresswise_weight": 0.1},
    "ealignn_atomwise": {**PUBLISHED, "stresswise_weight": 0.1},
}


class Words(Message):
    """Messages of the first process in these tests."""

    words: str
    numbers: tuple[float, ...] = ()


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory):
    """Crystals with stress, molecules without, of several sizes."""
    bulk = copper_frames(3)
    frames = [bulk[0], labelled(bulk[1].repeat((2, 1, 1)), "large"), *molecule_frames(2), bulk[2]]
    return read_records(write_frames(tmp_path_factory.mktemp("data") / "mixed.extxyz", frames))


def model_of(config, elements):
    statistics = ModelStatistics((-1.0,) * len(elements), 0.7, 20.0, 8.0)
    with SEEDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return build_model(config.model, config.recipe, elements, statistics).double()


def gradients(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-11, atol=1e-12, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("family", MODELS)
def test_summed_gradients_are_those_of_one_process_with_the_whole_batch(records, family: str, size: int) -> None:
    """Of energies, forces and stresses, with labels that some ranks lack, and with ranks that have no structure."""
    model = {"name": family, **MODELS[family], "gradwise_weight": 1.0}
    strategy = {} if family == "alignn_smooth" else {"neighbor_strategy": "fast_graph"}
    config = validate_config({**SMALL, **strategy, "model": model, "num_workers": 0})
    samples = [build_sample(record, config.recipe) for record in records]

    def step(ranks: Ranks) -> tuple[dict[str, Tensor], Tensor]:
        network = model_of(config, (6, 8, 29))
        assert isinstance(network, EnergyModel)
        measure = build_measure(config, LabelScales(0.2, 0.5, 0.01), {})
        trainer = Trainer(
            config,
            network,
            training=samples,
            validation=[],
            measure=measure,
            device=torch.device("cpu"),
            ranks=ranks,
        )
        (batch,) = Loader(n_threads=0).batches(samples, [share_of(range(len(samples)), ranks)])
        _, costs = trainer.compute(batch, training=True)
        combined(costs, ranks.total(label_counts(batch.targets)), trainer.objective.weights).backward()
        ranks.sum_gradients(network)
        return gradients(network), costs.detach()

    expected, losses = step(SingleProcess())
    with on_ranks(size) as everywhere:
        results = everywhere(step)
    for found, _ in results:
        assert_close(found, expected)
    torch.testing.assert_close(sum(parts for _, parts in results), losses, rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", [2, 6])
def test_batch_normalisation_sees_the_whole_batch(records, size: int) -> None:
    config = validate_config({"model": {"name": "alignn", **PUBLISHED}})
    samples = [build_sample(record, config.recipe) for record in records]
    aims = torch.arange(len(samples), dtype=torch.float64)

    def step(ranks: Ranks) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        network = model_of(config, (6, 8, 29)).train()
        assert isinstance(network, PropertyModel)
        synchronise_norms(network, ranks)
        mine = share_of(range(len(samples)), ranks)
        (batch,) = Loader(n_threads=0).batches(samples, [mine])
        vectors = edge_vectors(batch.system, batch.graph)
        error = network(batch.graph, vectors)[:, 0] - aims[list(mine)]
        (error.square().sum() / len(samples)).backward()
        ranks.sum_gradients(network)
        return gradients(network), {name: b.clone() for name, b in network.named_buffers() if "running" in name}

    expected, statistics = step(SingleProcess())
    assert statistics
    with on_ranks(size) as everywhere:
        for found, running in everywhere(step):
            assert_close(found, expected)
            assert_close(running, statistics)


def test_a_failure_of_the_first_process_ends_the_others() -> None:
    def make() -> Words:
        raise ConfigError("no such data")

    def work(ranks: Ranks) -> str:
        try:
            return ranks.from_first("data", Words, make).words
        except AlignnError as error:
            return str(error)

    with on_ranks(3) as everywhere:
        first, *others = everywhere(work)
        assert first == "no such data"
        assert all("because the first one failed" in words for words in others)
        message = Words(words="copied", numbers=(0.1, float("inf")))
        assert everywhere(lambda ranks: ranks.from_first("more", Words, lambda: message)) == [message] * 3


def test_a_single_process_passes_the_message_itself() -> None:
    message = Words(words="kept")
    assert SingleProcess().from_first("topic", Words, lambda: message) is message


def test_every_structure_of_a_batch_is_computed_by_one_process() -> None:
    with on_ranks(3) as everywhere:
        shares = everywhere(lambda ranks: list(share_of(range(11), ranks)))
    assert sorted(i for share in shares for i in share) == list(range(11))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.config_field("distributed")
def test_the_error_of_distributed_without_torchrun_shows_how_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_frames(tmp_path / "cu.extxyz", copper_frames(4))
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    content = {**SMALL, "epochs": 1, "output_dir": str(tmp_path / "run")}
    with pytest.raises(ConfigError, match=r"torchrun --nproc-per-node N -m alignn_ff\.train"):
        train(validate_config({**content, "distributed": True}), observer=Silent(), data=data, device="cpu")
    assert train(validate_config(content), observer=Silent(), data=data, device="cpu") is not None


@pytest.mark.config_field("data_parallel", "ddp_find_unused_parameters")
def test_choices_that_several_processes_do_not_need_are_accepted_with_advice() -> None:
    assert not advice(validate_config(SMALL))
    expected = {"data_parallel": "torchrun", "ddp_find_unused_parameters": "whichever weights have one"}
    for name, words in expected.items():
        (sentence,) = advice(validate_config({**SMALL, name: True}))
        assert words in sentence


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from alignn_ff.train.distributed.process_group import _own_device

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert _own_device("auto", 1) == "cuda:1"
    assert _own_device("cpu", 5) == "cpu"
    with pytest.raises(ConfigError, match="2 GPUs"):
        _own_device("cuda", 2)


def test_a_lost_process_is_named_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from alignn_ff.train.distributed import process_group as module

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("[pair.cc:553] Connection closed by peer [127.0.0.1]:8")

    with on_ranks(1) as everywhere:
        monkeypatch.setattr(module.dist, "all_reduce", broken)
        with pytest.raises(TrainingError, match="another process of this run has ended"):
            everywhere(lambda ranks: ranks.total(torch.ones(2)))
