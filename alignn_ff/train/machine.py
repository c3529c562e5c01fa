"""Settings of the machine during a run."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from alignn_ff.train.config import TrainingConfig


@contextmanager
def machine_settings(config: TrainingConfig, device: torch.device) -> Iterator[None]:
    """Deterministic algorithms, reset at the end, and a limit on GPU memory."""
    if config.gpu_memory_fraction is not None and device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(config.gpu_memory_fraction, device)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before or config.deterministic)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
