"""Threads of torch in a forked process: they are gone there, and torch would wait for them without end.

In: calls before torch works. Out: an error in a process that was forked after its parent had used torch's threads.
"""

import os
from typing import Final

import torch

from alignn_ff.errors import ForkedProcessError

_USED_IN: Final[set[int]] = set()
"""Processes that used torch's threads: this one, and those that it was forked from."""


def refuse_lost_threads(device: torch.device | None = None) -> None:
    """Note that this process is about to use torch, which has its threads only in the process that started them.

    Args:
        device: where torch works; a GPU cannot be used by a forked process at all.

    Raises:
        ForkedProcessError: this process was forked from one that has used torch's threads, or a GPU.
    """
    on_gpu = device is not None and device.type == "cuda"
    if torch.get_num_threads() == 1 and not on_gpu:
        return
    here = os.getpid()
    if parents := _USED_IN - {here}:
        alone = "" if on_gpu else ", or call torch.set_num_threads(1) first in the worker"
        raise ForkedProcessError(
            f"this process was forked from process {min(parents)}, which has used {'a GPU' if on_gpu else 'threads'} "
            "of torch; they do not work here, and an evaluation would never end. Start workers with "
            'multiprocessing.get_context("spawn"), to which calculators and potentials can be passed; or load '
            f"the model only in the workers{alone}"
        )
    _USED_IN.add(here)
