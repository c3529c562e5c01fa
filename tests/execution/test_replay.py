"""Recordings on a CUDA device that is not there: what torch is asked for, in which order, and what is computed.

The stand-in keeps the rules of CUDA graphs: operations inside of a recording are not carried out, and a replay carries
out all of them, on the same arrays.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from alignn_ff.execution.replay import WARM_UPS, GraphPool, Repeat, Replay

CUDA = torch.device("cuda")


class Stream:
    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name = log, name

    def wait_stream(self, other: "Stream") -> None:
        self.log.append(f"{self.name} waits for {other.name}")


class Machine:
    """What the package asks of ``torch.cuda``, and the function whose recording stands for its operations."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.function: Callable[[], object] = lambda: None
        self.arrays: list[Tensor] = []
        self.pool, self.pools = object(), list[object]()
        self.present = Stream(self.log, "present")
        for name, value in {
            "device": lambda device: nullcontext(),
            "Stream": lambda: Stream(self.log, "beside"),
            "current_stream": lambda: self.present,
            "stream": self.stream,
            "CUDAGraph": lambda: self,
            "graph": self.graph,
            "graph_pool_handle": lambda: self.pool,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)

    @contextmanager
    def stream(self, stream: Stream) -> Iterator[None]:
        self.log.append(f"on {stream.name}")
        yield

    @contextmanager
    def graph(self, recording: object, pool: object = None) -> Iterator[None]:
        assert recording is self
        self.pools.append(pool)
        kept = [array.clone() for array in self.arrays]
        self.log.append("record")
        yield
        for array, before in zip(self.arrays, kept, strict=True):
            array.copy_(before)

    def replay(self) -> None:
        self.log.append("replay")
        self.function()


def test_a_repeated_function_is_carried_out_once_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, array = Machine(monkeypatch), torch.zeros(3)

    def add() -> None:
        array.add_(1.0)

    machine.function, machine.arrays = add, [array]
    repeat = Repeat(add, CUDA)
    for n_calls in range(1, WARM_UPS + 4):
        repeat()
        assert array.tolist() == [n_calls] * 3
    warm_up = ["beside waits for present", "on beside", "present waits for beside"]
    assert machine.log == [*warm_up * WARM_UPS, "record", "replay", "replay", "replay"]


def test_recordings_use_the_same_memory_where_they_are_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    shared = GraphPool(CUDA)
    for pool in (None, shared, shared):
        repeat = Repeat(lambda: None, CUDA, pool)
        for _ in range(WARM_UPS + 1):
            repeat()
    assert machine.pools == [None, machine.pool, machine.pool]
    assert GraphPool(torch.device("cpu")).handle is None


def test_a_recording_that_failed_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, calls = Machine(monkeypatch), list[int]()

    def fail_once() -> None:
        calls.append(len(calls))
        if len(calls) == WARM_UPS + 1:
            raise RuntimeError("an operation that cannot be recorded")

    repeat = Repeat(fail_once, CUDA)
    for _ in range(WARM_UPS):
        repeat()
    with pytest.raises(RuntimeError, match="cannot be recorded"):
        repeat()
    assert "replay" not in machine.log
    repeat()
    assert machine.log.count("record") == 2
    assert machine.log.count("replay") == 1


def test_a_replayed_function_is_recorded_once_and_gives_the_result_of_each_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch)
    made: list[Tensor] = []

    def double(numbers: Tensor) -> Tensor:
        made.append(2.0 * numbers)
        return made[-1]

    replay = Replay(double, 2, torch.device("cpu"))
    on_cuda: Any = torch.zeros(2, dtype=torch.float64).as_subclass(OnCuda)
    replay._input = on_cuda
    machine.function = lambda: made[WARM_UPS].copy_(2.0 * replay._input)  # the array of the recording
    for first in (1.0, 5.0, -2.0):
        found = replay(torch.tensor([first, 0.5], dtype=torch.float64))
        assert found.tolist() == [2.0 * first, 1.0]
    assert len(made) == WARM_UPS + 1
    assert machine.log.count("record") == 1
    assert machine.log.count("replay") == 3


class OnCuda(Tensor):
    """A tensor of the CPU that says to be elsewhere."""

    device = CUDA  # type: ignore[assignment]
