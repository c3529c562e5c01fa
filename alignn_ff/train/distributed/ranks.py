"""The processes of one run: alone, or several that torchrun started, which see different data and take the same steps.

Every rank holds the whole model. A step's batch is dealt out over the ranks; means go over the labels of all of
them, so that the summed gradients are those of one process with the whole batch.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from alignn_ff.errors import AlignnError, ConfigError, TrainingError
from alignn_ff.log import get_logger
from alignn_ff.nn import BatchNorm

log = get_logger("train")

POLL_SECONDS: Final = 0.2
TIMEOUT: Final = timedelta(minutes=30)
"""Longest wait for the others inside a step; waiting for a cache to be built has no limit."""


class Ranks(Protocol):
    """What a run asks of its processes.

    Attributes:
        rank: of this process, from 0; the first one alone writes files.
        size: number of processes.
    """

    rank: int
    size: int

    def first_says(self, topic: str, say: Callable[[], str]) -> str:
        """What ``say`` returns on the first rank; the others wait for it, however long it takes."""

    def mean(self, values: Tensor) -> Tensor:
        """Own part of the mean over the values of all ranks; the parts add up to it, to 0 where there are none."""

    def total(self, numbers: Tensor) -> Tensor:
        """Sum over the ranks, not differentiable."""

    def largest(self, *numbers: int) -> tuple[int, ...]:
        """Largest of each number over the ranks."""

    def sum_gradients(self, model: nn.Module) -> None:
        """Replace the gradients by their sums over the ranks."""


def mean_or_zero(values: Tensor) -> Tensor:
    """Mean of some values, 0 where there are none."""
    return values.mean() if values.numel() else values.sum()


class Alone:
    """A run of one process."""

    rank, size = 0, 1

    def first_says(self, topic: str, say: Callable[[], str]) -> str:  # noqa: ARG002 - nobody else listens
        """What ``say`` returns."""
        return say()

    def mean(self, values: Tensor) -> Tensor:
        """Mean of the values."""
        return mean_or_zero(values)

    def total(self, numbers: Tensor) -> Tensor:
        """The numbers themselves."""
        return numbers

    def largest(self, *numbers: int) -> tuple[int, ...]:
        """The numbers themselves."""
        return numbers

    def sum_gradients(self, model: nn.Module) -> None:
        """Leave them as they are."""


class Several:
    """A run of several processes, joined by ``torch.distributed``: gloo between CPUs, NCCL between GPUs."""

    def __init__(self, store: Store, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self._store = PrefixStore("alignn_ff", store)

    def first_says(self, topic: str, say: Callable[[], str]) -> str:
        """What ``say`` returns on the first rank; raises on all where it raises."""
        if self.rank == 0:
            try:
                words = say()
            except BaseException:
                self._store.set(topic, json.dumps({"failed": True}))
                raise
            self._store.set(topic, json.dumps({"words": words}))
            return words
        while not self._store.check([topic]):
            time.sleep(POLL_SECONDS)
        answer = json.loads(self._store.get(topic))
        if "words" not in answer:
            raise TrainingError(
                f"process {self.rank} of {self.size} ends, since the first one failed; see what it says"
            )
        return str(answer["words"])

    def mean(self, values: Tensor) -> Tensor:
        """Own part of the mean over the values of all ranks."""
        count = self.total(torch.tensor(values.numel())).clamp(min=1)
        return values.sum() / int(count)

    def total(self, numbers: Tensor) -> Tensor:
        """Sum over the ranks."""
        result = numbers.detach().clone()
        with _others_reached():
            dist.all_reduce(result)
        return result

    def largest(self, *numbers: int) -> tuple[int, ...]:
        """Largest of each number over the ranks."""
        result = torch.tensor(numbers, dtype=torch.int64)
        with _others_reached():
            dist.all_reduce(result, op=dist.ReduceOp.MAX)
        return tuple(result.tolist())

    def sum_gradients(self, model: nn.Module) -> None:
        """Sum the gradients over the ranks, as one buffer; a parameter that no rank used keeps none."""
        parameters = [p for p in model.parameters() if p.requires_grad]
        used = torch.tensor([p.grad is not None for p in parameters])
        parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([used.to(parts[0]), *(part.flatten() for part in parts)])
        total = self.total(flat)
        place = len(parameters)
        for parameter, n_users in zip(parameters, total[:place].tolist(), strict=True):
            size = parameter.numel()
            parameter.grad = total[place : place + size].view_as(parameter).clone() if n_users > 0 else None
            place += size


class _Sum(torch.autograd.Function):
    """Sum over the ranks; so is its gradient, and the gradient of that."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:  # noqa: ARG004 - autograd's signature
        result = tensor.detach().clone()
        with _others_reached():
            dist.all_reduce(result)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004 - autograd's signature
        return differentiable_sum(gradient)


def differentiable_sum(tensor: Tensor) -> Tensor:
    """Sum over the ranks, differentiable any number of times where losses are summed over the ranks."""
    result: Tensor = _Sum.apply(tensor)  # type: ignore[no-untyped-call]
    return result


def synchronise_norms(model: nn.Module, ranks: Ranks) -> None:
    """Let batch normalisation see the whole batch, not this rank's part of it alone."""
    if ranks.size > 1:
        for module in model.modules():
            if isinstance(module, BatchNorm):
                module.sum_over_ranks = differentiable_sum


@contextmanager
def joined_ranks(device: str, *, distributed: bool) -> Iterator[tuple[Ranks, str]]:
    """The processes of this run, and the device of this one.

    Args:
        device: "auto", "cpu", "cuda", … as the user asked.
        distributed: whether the config asks for several processes.

    Raises:
        ConfigError: it does, but torchrun did not start this process; or there are fewer GPUs than processes.
    """
    started = {name: os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "LOCAL_RANK")}
    if None in started.values():
        if distributed:
            raise ConfigError(
                "distributed is true, but this process was not started by torchrun. Start the run as\n"
                "  torchrun --nproc-per-node N -m alignn_ff.train CONFIG.json\n"
                "with N processes (one a GPU, or a few on a CPU), or set distributed to false"
            )
        yield Alone(), device
        return
    device = _own_device(device, int(os.environ["LOCAL_RANK"]))
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(device)
    store, rank, size = next(iter(rendezvous("env://", timeout=TIMEOUT)))
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    log.info("process %d of %d, on %s", rank, size, device)
    yield Several(store, rank, size), device
    dist.destroy_process_group()  # not after a failure, where the others may be gone and it would wait for them


def deal(indices: Sequence[int], ranks: Ranks) -> Sequence[int]:
    """The part of a batch that this rank computes."""
    return indices[ranks.rank :: ranks.size]


def _own_device(device: str, local_rank: int) -> str:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cuda":
        return device
    if local_rank >= torch.cuda.device_count():
        raise ConfigError(
            f"torchrun started {local_rank + 1} or more processes here for {torch.cuda.device_count()} GPUs; "
            "take --nproc-per-node as many as GPUs, or --device cpu"
        )
    return f"cuda:{local_rank}"


@contextmanager
def _others_reached() -> Iterator[None]:
    try:
        yield
    except AlignnError:
        raise
    except RuntimeError as error:
        raise LostRankError(
            "another process of this run has ended or cannot be reached "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        ) from error


class LostRankError(TrainingError):
    """A rank is gone, so that the others cannot go on."""
