"""Steps that the host reads during the next one: the run of one that reads before each step, bit for bit."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from alignn_ff.errors import TrainingError
from alignn_ff.train import train
from alignn_ff.train.interrupt import TrainingInterruptedError
from alignn_ff.train.loop.state import load_state
from alignn_ff.train.loop.weight_average import evolving_tensors
from alignn_ff.train.trainer import skipping, trainer
from alignn_ff.train.trainer.ahead import reads_later
from alignn_ff.train.trainer.trainer import Trainer
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import Silent, assert_same_weights, small_config


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "cu.extxyz", copper_frames(8))


@pytest.fixture(autouse=True)
def few_norms_make_a_median(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skipping, "FEWEST", 2)


Spoil = Callable[[int], float]
"""Number of a step → factor of its costs."""


def ran(
    folder: Path,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    ahead: bool,
    spoil: Spoil = lambda step: 1.0,
    **fields: Any,
) -> list[dict[str, float]]:
    """Rows of the history, without times."""
    compute = Trainer.compute

    def spoiled(self: Trainer, batch: Any, *, training: bool) -> Any:
        outputs, costs = compute(self, batch, training=training)
        return outputs, costs * (spoil(self.progress.step) if training else 1.0)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "reads_later", lambda device, ranks: ahead)
        patch.setattr(Trainer, "compute", spoiled)
        train(small_config(folder, **fields), observer=Silent(), data=data, device="cpu")
    rows = json.loads((folder / "history.json").read_text())["rows"]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize("large", [{}, {2, 4}, {3}, {0, 1, 5}], ids=str)
def test_runs_are_the_same_whether_steps_are_left_out_or_not(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, large: set[int]
) -> None:
    def spoil(step: int) -> float:
        return 1e12 if step in large else 1.0

    fields = {"epochs": 3, "max_gradient_norm": 1e6, "gradient_clip_norm": None}
    rows = [
        ran(tmp_path / str(ahead), data, monkeypatch, ahead=ahead, spoil=spoil, **fields) for ahead in (False, True)
    ]
    assert rows[0] == rows[1]
    assert sum(row.get("skipped_steps", 0.0) for row in rows[0]) == len(large)
    assert_same_weights(tmp_path / "False", tmp_path / "True")
    states = [load_state(tmp_path / name) for name in ("False", "True")]
    assert states[0].progress.gradient_norms == states[1].progress.gradient_norms
    for one, other in zip(*(state.optimizer["state"].values() for state in states), strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("last", [0, 1, 4])
def test_a_run_that_diverges_ends_at_its_step_with_the_weights_before_it(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    ends: list[tuple[str, int, dict[str, Tensor]]] = []
    run = Trainer.run

    def kept(self: Trainer, **given: Any) -> None:
        try:
            run(self, **given)
        except TrainingError as error:
            weights = {name: tensor.clone() for name, tensor in evolving_tensors(self.model).items()}
            ends.append((str(error), self.progress.step, weights))
            raise

    monkeypatch.setattr(Trainer, "run", kept)
    for ahead in (False, True):
        with pytest.raises(TrainingError):
            ran(
                tmp_path / str(ahead),
                data,
                monkeypatch,
                ahead=ahead,
                spoil=lambda step: float("nan") if step >= last else 1.0,
                epochs=3,
            )
    (said, step, weights), (said_ahead, step_ahead, weights_ahead) = ends
    assert (said_ahead, step_ahead) == (said, step) == (f"the loss of step {last + 1} is not finite", last)
    assert all(torch.equal(weights_ahead[name], tensor) for name, tensor in weights.items())


def test_what_fails_on_weights_that_are_not_finite_is_the_divergence(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(step: int) -> float:
        if step == 3:
            raise RuntimeError("eigenvalues of numbers that are not finite")
        return float("nan") if step == 2 else 1.0

    with pytest.raises(TrainingError, match="the loss is not finite"):
        ran(tmp_path / "run", data, monkeypatch, ahead=True, spoil=spoil, epochs=3)
    with pytest.raises(RuntimeError, match="eigenvalues"):
        ran(
            tmp_path / "other",
            data,
            monkeypatch,
            ahead=True,
            spoil=lambda step: spoil(step) if step != 2 else 1.0,
            epochs=3,
        )


def test_a_stopped_run_is_saved_with_its_last_step_read(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "reads_later", lambda device, ranks: True)

    class Stopping(Silent):
        def on_step(self, progress, n_steps) -> None:
            if progress.step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    fields = {"epochs": 3}
    with pytest.raises(TrainingInterruptedError):
        train(small_config(tmp_path / "parts", **fields), observer=Stopping(), data=data, device="cpu")
    assert len(load_state(tmp_path / "parts").progress.gradient_norms) == 3
    train(small_config(tmp_path / "parts", **fields), observer=Silent(), data=data, device="cpu", resume=True)
    train(small_config(tmp_path / "whole", **fields), observer=Silent(), data=data, device="cpu")
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")


def test_the_host_reads_later_on_a_device_of_its_own() -> None:
    class Two:
        rank, size = 0, 2

    class One:
        rank, size = 0, 1

    assert reads_later(torch.device("cuda"), One())  # type: ignore[arg-type]
    assert not reads_later(torch.device("cuda"), Two())  # type: ignore[arg-type]
    assert not reads_later(torch.device("cpu"), One())  # type: ignore[arg-type]
