"""Runs that torchrun starts: the weights of one process, a stop that saves, and a killed process that ends the run."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from alignn_ff.train import train, validate_config
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL, Silent

N_STEPS = 15
CONTENT = {
    **SMALL,
    "epochs": 5,
    "batch_size": 4,
    "checkpoint_minutes": 1e-9,
    "distributed": True,
    "write_predictions": False,
}
"""9 structures for training, 4 per step: in the last step of each epoch one of two processes has none."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("data") / "cu.extxyz", copper_frames(12))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A run of one process."""
    folder = tmp_path_factory.mktemp("whole")
    config = validate_config({**CONTENT, "distributed": False, "output_dir": str(folder)})
    train(config, observer=Silent(), data=data, device="cpu")
    return folder


class Torchrun:
    """A run of two processes on this machine."""

    def __init__(self, folder: Path, data: Path, *options: str) -> None:
        self.folder = folder
        config = folder / "asked.json"
        folder.mkdir(exist_ok=True)
        config.write_text(json.dumps({**CONTENT, "data": str(data), "output_dir": str(folder)}))
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
        self.process = subprocess.Popen(
            [*command, "-m", "alignn_ff.train", str(config), "--device", "cpu", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Wait until a condition is true, or the run has ended."""
        deadline = time.monotonic() + 300
        while not what() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)

    def has_saved(self) -> bool:
        """Whether a state is on disk."""
        return (self.folder / "training_state.pt").exists()

    def pid_of(self, rank: int) -> int:
        """The process of a rank."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "environ").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == self.process.pid and f"RANK={rank}".encode() in words:
                return int(entry.name)
        raise AssertionError(f"no process of rank {rank}")

    def end(self) -> tuple[int, str]:
        """Exit code and stderr."""
        _, words = self.process.communicate(timeout=300)
        return self.process.returncode, words


@pytest.fixture
def torchrun(data: Path) -> Iterator[Callable[..., Torchrun]]:
    started: list[Torchrun] = []

    def start(folder: Path, *options: str) -> Torchrun:
        started.append(Torchrun(folder, data, *options))
        return started[-1]

    yield start
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()


def state_of(folder: Path) -> dict[str, object]:
    return torch.load(folder / "training_state.pt", weights_only=True)


def assert_same_run(folder: Path, whole: Path) -> None:
    """Equal up to rounding: sums over processes have another order than sums over structures."""
    found, expected = state_of(folder), state_of(whole)
    assert found["progress"]["step"] == N_STEPS
    for name, weight in expected["model"].items():
        torch.testing.assert_close(found["model"][name], weight, rtol=1e-9, atol=1e-11)
    for row, other in zip(found["progress"]["history"], expected["progress"]["history"], strict=True):
        for name in set(other) - {"seconds"}:
            assert row[name] == pytest.approx(other[name], rel=1e-8), name


@pytest.mark.slow
def test_two_processes_stop_on_a_signal_and_one_resumes_to_the_same_weights(
    tmp_path: Path, data: Path, whole: Path, torchrun: Callable[..., Torchrun]
) -> None:
    run = torchrun(tmp_path / "run")
    run.wait_for(run.has_saved)
    os.kill(run.pid_of(1), signal.SIGTERM)  # one of them is enough: all stop after the same step
    code, words = run.end()
    assert code != 0
    assert "stopped by SIGTERM" in words
    assert "--resume continues from there" in words
    assert "Traceback" not in words.split("torch/distributed")[0]
    assert 0 < state_of(tmp_path / "run")["progress"]["step"] < N_STEPS
    config = validate_config({**CONTENT, "distributed": False, "output_dir": str(tmp_path / "run")})
    train(config, observer=Silent(), data=data, device="cpu", resume=True)
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.slow
def test_a_killed_process_ends_the_run_with_its_state_kept_and_two_resume_to_the_same_weights(
    tmp_path: Path, whole: Path, torchrun: Callable[..., Torchrun]
) -> None:
    run = torchrun(tmp_path / "run")
    run.wait_for(run.has_saved)
    os.kill(run.pid_of(1), signal.SIGKILL)
    code, words = run.end()
    assert code != 0
    assert "another process of this run has ended" in words
    assert "The last saved state of the run is kept" in words
    assert 0 < state_of(tmp_path / "run")["progress"]["step"] < N_STEPS
    run = torchrun(tmp_path / "run", "--resume")
    code, words = run.end()
    assert code == 0, words
    assert_same_run(tmp_path / "run", whole)
    assert (tmp_path / "run" / "metrics.json").exists()
