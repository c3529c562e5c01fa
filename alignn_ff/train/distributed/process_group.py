"""Several processes that torchrun started, joined by ``torch.distributed``, and how a run joins them."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from alignn_ff.errors import AlignnError, ConfigError, TrainingError
from alignn_ff.nn import BatchNorm
from alignn_ff.train.distributed.ranks import LostRankError, M, Ranks, SingleProcess

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.2
TIMEOUT: Final = timedelta(minutes=30)
"""Longest wait for the others inside a step; waiting for a cache to be built has no limit."""
FAILED: Final = "failed"
MADE: Final = "made:"


class ProcessGroup:
    """A run of several processes, joined by ``torch.distributed``: gloo between CPUs, NCCL between GPUs."""

    def __init__(self, store: Store, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self._store = PrefixStore("alignn_ff", store)

    def from_first(self, topic: str, kind: type[M], make: Callable[[], M]) -> M:
        """What ``make`` returns on the first rank; raises on all ranks where it raises."""
        if self.rank == 0:
            try:
                message = make()
            except BaseException:
                self._store.set(topic, FAILED)
                raise
            self._store.set(topic, MADE + message.to_bytes().decode())
            return message
        while not self._store.check([topic]):
            time.sleep(POLL_SECONDS)
        answer = self._store.get(topic).decode()
        if answer == FAILED:
            raise TrainingError(
                f"process {self.rank} of {self.size} ends, because the first one failed; see the error of that process"
            )
        return kind.from_bytes(answer.removeprefix(MADE).encode())

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
        """Sum the gradients over the ranks, as one buffer; a parameter that no rank used gets none."""
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
    """Make batch normalisation use the whole batch, not only the part of this rank."""
    if ranks.size > 1:
        for module in model.modules():
            if isinstance(module, BatchNorm):
                module.sum_over_ranks = differentiable_sum


@contextmanager
def joined_ranks(device: str, *, distributed: bool) -> Iterator[tuple[Ranks, str]]:
    """The processes of this run, and the device of this one.

    Args:
        device: "auto", "cpu", "cuda", … as the user gave it.
        distributed: whether the config needs several processes.

    Raises:
        ConfigError: it does, but torchrun did not start this process; or there are fewer GPUs than processes.
    """
    started = {name: os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "LOCAL_RANK")}
    if None in started.values():
        if distributed:
            raise ConfigError(
                "distributed is true, but this process was not started by torchrun. Start the run as\n"
                "  torchrun --nproc-per-node N -m alignn_ff.train CONFIG.json\n"
                "with N processes (one per GPU, or a few on a CPU), or set distributed to false"
            )
        yield SingleProcess(), device
        return
    device = _own_device(device, int(os.environ["LOCAL_RANK"]))
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(device)
    store, rank, size = next(iter(rendezvous("env://", timeout=TIMEOUT)))
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    log.info("process %d of %d, on %s", rank, size, device)
    yield ProcessGroup(store, rank, size), device
    dist.destroy_process_group()  # not after a failure, where the others may be gone and it would wait for them


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
