"""Which kernels a training runs on. Config and data alone decide, so that a resumed run takes the same again."""

from typing import Final

import torch

from alignn_ff.errors import CompilerError
from alignn_ff.log import get_logger
from alignn_ff.native import Kernels, find_kernels
from alignn_ff.train.config import TrainingConfig

log = get_logger("train")

FEWEST_STEPS: Final = 500
"""Below this, compiling (once a machine, some seconds) would take longer than it saves."""


def training_kernels(config: TrainingConfig, *, n_steps: int, device: torch.device) -> Kernels | None:
    """Compiled kernels, or None for torch alone.

    Args:
        config: of the run.
        n_steps: of the whole run.
        device: where it runs; compiled kernels are for the CPU.

    Raises:
        CompilerError: the config insists on compiled kernels, and there can be none.
    """
    if config.kernels == "torch" or device.type != "cpu":
        return None
    if config.kernels == "auto" and n_steps < FEWEST_STEPS:
        return None
    try:
        return find_kernels()
    except CompilerError as error:
        if config.kernels == "native":
            raise
        log.warning("training on torch alone: %s", error)
        return None
