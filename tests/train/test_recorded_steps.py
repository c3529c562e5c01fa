"""Steps whose operations are recorded: padded batches, the gradients of the usual way, arrays that stay where they are.

What only a device can show, the recording itself, is not here; that a step has no word with the host is.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from alignn_ff.errors import ConfigError
from alignn_ff.execution.replay import Repeat
from alignn_ff.graph import edge_vectors
from alignn_ff.train import read_records, train
from alignn_ff.train.config import validate_config
from alignn_ff.train.loop.averages import StepLoss
from alignn_ff.train.records.batches import Sample, build_sample, join
from alignn_ff.train.records.padded import PaddedSamples, Places
from alignn_ff.train.records.resident import ResidentSamples
from alignn_ff.train.trainer import recorded
from alignn_ff.train.trainer.gradients import Gradients
from alignn_ff.train.trainer.recorded import RecordedGradients
from alignn_ff.train.trainer.trainer import Trainer
from tests.support.floor_trainers import floor_trainer
from tests.support.labelled_data import copper_frames, molecule_frames, write_frames
from tests.support.on_gpu import GPU, assert_few_waits
from tests.support.pretend_gpu import PretendGpu, Step
from tests.support.samples import RECIPE
from tests.support.training_runs import SMALL, Silent, small_config

CPU = torch.device("cpu")
BATCHES = [[0], [3, 1, 6], [5, 5, 0, 2], list(range(7)), [6, 6, 6, 6, 6]]
NETWORKS: dict[str, dict[str, Any]] = {
    "angles": {},
    "moments": {"moment_channels": 4},
    "moments alone": {"moment_channels": 4, "alignn_layers": 0, "gcn_layers": 2},
    "repulsion": {"use_zbl": True},
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    frames = [*copper_frames(4), *molecule_frames(3)]
    data = write_frames(tmp_path_factory.mktemp("data") / "data.xyz", frames)
    return [build_sample(record, RECIPE) for record in read_records(data)]


@pytest.mark.parametrize("indices", BATCHES)
def test_a_padded_batch_is_the_batch_and_one_more_structure(samples: list[Sample], indices: list[int]) -> None:
    padded = PaddedSamples(ResidentSamples(samples, CPU), RECIPE.cutoff)
    sizes = padded.sizes_for(indices)
    found, expected = padded.batch(torch.tensor(indices), sizes), join([samples[k] for k in indices])
    graph, usual = found.graph, expected.graph
    for name in ("n_atoms", "n_edges", "n_line_nodes", "n_triplets"):
        assert getattr(graph, name)[:-1].tolist() == getattr(usual, name).tolist()
    assert [int(n.sum()) for n in (graph.n_atoms, graph.n_edges, graph.n_line_nodes, graph.n_triplets)] == [*sizes.rows]
    pieces = {
        "atoms": (found.system.positions, graph.atomic_numbers, graph.system_idx),
        "edges": (graph.edge_src, graph.edge_dst, graph.edge_shift),
        "line": (graph.line_nodes,),
        "triplets": (graph.line_src, graph.line_dst),
    }
    of_usual = {
        "atoms": (expected.system.positions, usual.atomic_numbers, usual.system_idx),
        "edges": (usual.edge_src, usual.edge_dst, usual.edge_shift),
        "line": (usual.line_nodes,),
        "triplets": (usual.line_src, usual.line_dst),
    }
    for name, tensors in pieces.items():
        for tensor, other in zip(tensors, of_usual[name], strict=True):
            assert torch.equal(tensor[: len(other)], other), name
    for kind, values in found.targets.values.items():
        n = len(expected.targets.values[kind])
        assert torch.equal(values[:n], expected.targets.values[kind])
        assert torch.equal(found.targets.known[kind][:n], expected.targets.known[kind])
        assert not found.targets.known[kind][n:].any()


@pytest.mark.parametrize("indices", BATCHES)
def test_padding_is_beyond_the_cutoff_and_is_a_graph(samples: list[Sample], indices: list[int]) -> None:
    padded = PaddedSamples(ResidentSamples(samples, CPU), RECIPE.cutoff)
    sizes = padded.sizes_for(indices)
    batch = padded.batch(torch.tensor(indices), sizes)
    graph, n_real = batch.graph, int(batch.graph.n_atoms[:-1].sum())
    padding = graph.system_idx[graph.edge_dst] == len(indices)
    assert torch.equal(padding, graph.system_idx[graph.edge_src] == len(indices))
    assert (torch.linalg.vector_norm(edge_vectors(batch.system, graph), dim=1)[padding] > RECIPE.cutoff).all()
    assert int(torch.bincount(graph.edge_dst).max()) <= sizes.per_atom
    assert (graph.edge_dst[padding] > n_real).all()
    lines = torch.zeros(sizes.edges, dtype=torch.bool)
    lines[graph.line_nodes] = True
    assert lines[graph.line_src].all()
    assert lines[graph.line_dst].all()
    assert len(graph.line_nodes.unique()) == sizes.line_nodes
    assert torch.equal(padding[graph.line_src], padding[graph.line_dst])


def test_batches_of_like_samples_have_few_sizes(samples: list[Sample]) -> None:
    padded = PaddedSamples(ResidentSamples(samples[:4], CPU), RECIPE.cutoff)
    assert len({padded.sizes_for([a, b]) for a in range(4) for b in range(4)}) <= 3


def ways(samples: list[Sample], network: dict[str, Any], device: torch.device = CPU) -> list[Trainer]:
    """Trainers of the same model in float64 that ask for each operation, and that would record them."""
    made = []
    for record_steps in (False, True):
        fields = {**SMALL, "num_workers": 0, "resident_data": "always", "record_steps": record_steps}
        fields["model"] = {**SMALL["model"], **network}
        made.append(floor_trainer(validate_config(fields), samples, samples[:2], device))
    return made


def gradients_of(trainer: Trainer) -> Gradients:
    return trainer.steps._gradients


@pytest.mark.parametrize("network", NETWORKS)
def test_loss_and_gradients_are_those_of_the_usual_way(samples: list[Sample], network: str) -> None:
    usual, recording = ways(samples, NETWORKS[network])
    assert isinstance(gradients_of(recording), RecordedGradients)
    weights = usual.objective.weights
    for step, indices in enumerate(BATCHES):
        expected = gradients_of(usual)([join([samples[k] for k in indices])], weights, step)
        found = gradients_of(recording)([Places(tuple(indices))], weights, step)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)
        pairs = zip(recording.model.named_parameters(), usual.model.parameters(), strict=True)
        for (name, one), other in pairs:
            assert (one.grad is None) == (other.grad is None), name
            if other.grad is not None:
                largest = float(other.grad.abs().max())
                torch.testing.assert_close(one.grad, other.grad, rtol=1e-8, atol=1e-10 * max(largest, 1.0))


def test_a_step_gives_the_device_places_and_gets_no_word_back(samples: list[Sample]) -> None:
    """Not a shape, not a number of a step passes the host, so that a recording can stand for its operations."""
    weights = {}
    for device in (CPU, GPU):
        with PretendGpu() if device is GPU else torch.random.fork_rng(devices=[]) as gpu:
            _, trainer = ways(samples, NETWORKS["moments"], device)
            steps: list[Step] = []
            for indices in ([0, 1], [2, 3], [0, 1, 2, 3]):
                if device is CPU:
                    trainer.steps.take([Places(tuple(indices))])
                    continue
                assert isinstance(gpu, PretendGpu)
                with gpu.step() as step:
                    trainer.steps.take_ahead([Places(tuple(indices))])
                steps.append(step)
            trainer.steps.read_last()
            weights[device] = [parameter.detach().cpu() for parameter in trainer.model.parameters()]
    for step in steps:
        assert_few_waits(step, most_results=3)
        assert {event.place for event in step.uploads} == {"train/trainer/recorded.py:_repeat"}
        assert len(step.uploads) == 2, "places of the samples, and of those of the floor"
    for one, other in zip(weights[GPU], weights[CPU], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


class Watched(Repeat):
    """Checks at each call that what a recording would read and write is where it was at the first one."""

    watched: ClassVar[list[Callable[[], list[Tensor]]]] = []

    def __init__(self, function: Callable[[], None], device: torch.device, pool: object = None) -> None:
        super().__init__(function, device)
        self._places: list[int] = []

    def __call__(self) -> None:
        super().__call__()
        places = [tensor.data_ptr() for arrays in self.watched for tensor in arrays()]
        assert self._places in ([], places)
        self._places = places


def test_what_a_recording_reads_and_writes_stays_where_it_is(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through steps, steps that are taken back, validations, and weights that are restored."""
    monkeypatch.setattr(recorded, "Repeat", Watched)
    _, trainer = ways(samples, NETWORKS["moments"])
    own = gradients_of(trainer)
    assert isinstance(own, RecordedGradients)

    def arrays() -> list[Tensor]:
        parameters = list(trainer.model.parameters())
        held = [parameter.grad for parameter in parameters if parameter.grad is not None]
        return [*parameters, *held, own._numbers, own._weights, *trainer.model.buffers()]

    monkeypatch.setattr(Watched, "watched", [arrays])
    outcomes: list[object] = []
    for indices in ([0, 1], [2, 3], [1, 2], [0, 3]):
        outcomes += trainer.steps.take_ahead([Places(tuple(indices))])
    outcomes += trainer.steps.read_last()
    assert all(isinstance(outcome, StepLoss) for outcome in outcomes)
    before, state = own.n_recordings, trainer.state({})
    trainer.validate()
    trainer.restore(state)
    for indices in ([0, 1], [2, 3]):
        trainer.steps.take_ahead([Places(tuple(indices))])
    trainer.steps.read_last()
    assert own.n_recordings == before


@pytest.mark.config_field("record_steps")
def test_a_run_agrees_with_the_usual_one_and_resumes_either_way(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "data.xyz", copper_frames(9))
    fields = {
        "epochs": 2,
        "lr_total_epochs": 2,
        "num_workers": 0,
        "floor_structures": 4,
        "cross_validation": {"n_folds": 3},
        "dtype": "float64",
        "batch_size": 4,
    }

    def run(folder: str, *, record: bool, epochs: int = 2, resume: bool = False) -> list[dict[str, float]]:
        config = small_config(tmp_path / folder, **fields | {"epochs": epochs, "record_steps": record})
        train(config, observer=Silent(), data=data, device="cpu", resume=resume)
        rows = json.loads((tmp_path / folder / "history.json").read_text())["rows"]
        return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]

    usual, whole = run("usual", record=False), run("recorded", record=True)
    run("mixed", record=True, epochs=1)
    mixed = run("mixed", record=False, resume=True)
    for rows in (whole, mixed):
        for row, expected in zip(rows, usual, strict=True):
            assert row == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"resident_data": "never"}, "resident_data is 'never'"),
        ({"distributed": True}, "distributed too"),
        ({"accumulation_steps": 2}, "accumulation_steps is 2"),
        ({"model": {"name": "alignn_atomwise"}}, "alignn_atomwise cannot be padded"),
    ],
)
def test_what_cannot_be_recorded_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        validate_config({"record_steps": True, **fields})
