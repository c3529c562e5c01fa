"""Batches: one task on many structures, in shards of append-only files; a killed run goes on where it was.

>>> from alignn_ff.batch import BatchConfig, Batch, inputs_of, run_batch
"""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.batch.config import BatchConfig
    from alignn_ff.batch.folder.merge import merge_batch
    from alignn_ff.batch.folder.status import BatchStatus, status_of
    from alignn_ff.batch.inputs import Given, inputs_of
    from alignn_ff.batch.outcome import Outcome
    from alignn_ff.batch.run import Batch, run_batch
    from alignn_ff.batch.tasks import TASKS, Task, all_tasks

__all__ = [
    "TASKS",
    "Batch",
    "BatchConfig",
    "BatchStatus",
    "Given",
    "Outcome",
    "Task",
    "all_tasks",
    "inputs_of",
    "merge_batch",
    "run_batch",
    "status_of",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.batch.config": ("BatchConfig",),
        "alignn_ff.batch.inputs": (
            "Given",
            "inputs_of",
        ),
        "alignn_ff.batch.folder.merge": ("merge_batch",),
        "alignn_ff.batch.outcome": ("Outcome",),
        "alignn_ff.batch.run": (
            "Batch",
            "run_batch",
        ),
        "alignn_ff.batch.folder.status": (
            "BatchStatus",
            "status_of",
        ),
        "alignn_ff.batch.tasks": (
            "TASKS",
            "Task",
            "all_tasks",
        ),
    },
)
