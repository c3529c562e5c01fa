"""Several ranks as threads of one process, so that tests of distributed training take milliseconds."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from alignn_ff.train.distributed import process_group
from alignn_ff.train.distributed.process_group import ProcessGroup

T = TypeVar("T")


class Meeting:
    """An all-reduce between threads."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.barrier = threading.Barrier(size, timeout=60)
        self.own = threading.local()
        self.parts: list[Tensor | None] = [None] * size

    def all_reduce(self, tensor: Tensor, op: object = dist.ReduceOp.SUM) -> None:
        """As ``torch.distributed.all_reduce``."""
        self.parts[self.own.rank] = tensor.clone()
        self.barrier.wait()
        parts = torch.stack([part for part in self.parts if part is not None])
        self.barrier.wait()
        tensor.copy_(parts.sum(0) if op == dist.ReduceOp.SUM else parts.amax(0))


@contextmanager
def on_ranks(size: int) -> Iterator[Callable[[Callable[[ProcessGroup], T]], list[T]]]:
    """Returns a function that calls another one on every rank in parallel, and returns all results."""
    meeting = Meeting(size)
    store = dist.HashStore()

    def everywhere(work: Callable[[ProcessGroup], T]) -> list[T]:
        def on_one(rank: int) -> T:
            meeting.own.rank = rank
            try:
                return work(ProcessGroup(store, rank, size))
            except BaseException:
                meeting.barrier.abort()
                raise

        with ThreadPoolExecutor(size) as pool:
            return list(pool.map(on_one, range(size)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process_group.dist, "all_reduce", meeting.all_reduce)
        yield everywhere
