"""Which kernels a training runs on. Only config and data decide, so that a resumed run takes the same again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import torch

from alignn_ff.errors import CompilerError, ConfigError
from alignn_ff.native import SumKernels, find_kernels, using
from alignn_ff.nn import SummationName, summing
from alignn_ff.train.config import TrainingConfig
from alignn_ff.triton_kernels import find_triton, triton_refusal

log = logging.getLogger(__name__)

FEWEST_STEPS: Final = 500
"""With fewer steps, compiling (once per machine, some seconds) would take longer than it saves."""


class TrainingKernels(NamedTuple):
    """Kernels of the sums over neighbours in a training.

    Attributes:
        compiled: our own kernels; None for torch.
        summation: how torch sums.
    """

    compiled: SumKernels | None = None
    summation: SummationName = "torch"

    @property
    def name(self) -> str:
        """Name, as in the config."""
        return self.summation if self.compiled is None else self.compiled.name


def training_kernels(config: TrainingConfig, *, n_steps: int, device: torch.device) -> TrainingKernels:
    """The kernels of a training.

    Args:
        config: of the run.
        n_steps: of the whole run.
        device: where it runs; C++ kernels are for the CPU, those of triton for CUDA devices.

    Raises:
        CompilerError: the config asks for compiled kernels, and there are none.
        ConfigError: the config asks for kernels of triton, and they are not for the device.
    """
    if config.kernels == "triton":
        refusal = triton_refusal(device)
        if refusal is not None:
            raise ConfigError(f"kernels is 'triton', but {refusal}; set it to auto")
        return TrainingKernels(find_triton())
    if config.kernels == "scatter":
        return TrainingKernels(summation="scatter")
    if config.kernels == "torch" or device.type != "cpu":
        return TrainingKernels()
    if config.kernels == "auto" and n_steps < FEWEST_STEPS:
        return TrainingKernels()
    try:
        return TrainingKernels(find_kernels())
    except CompilerError as error:
        if config.kernels == "native":
            raise
        log.warning("training uses torch only: %s", error)
        return TrainingKernels()


@contextmanager
def running_on(kernels: TrainingKernels) -> Iterator[None]:
    """Steps inside run on these kernels.

    Raises:
        ConfigError: torch-scatter is chosen, and not installed.
    """
    with using(kernels.compiled), summing(kernels.summation):
        yield


def warn_of_other_kernels(before: str, now: TrainingKernels) -> None:
    """Warn that a resumed run continues on other kernels, as on a machine without a compiler.

    Args:
        before: name of the kernels so far; empty where the state does not hold it.
        now: kernels of the resumed run.
    """
    if before and before != now.name:
        log.warning(
            "this run has used the kernels %r so far and continues with %r: results will differ by rounding from those "
            "of a run in one piece, and the speed may change",
            before,
            now.name,
        )
