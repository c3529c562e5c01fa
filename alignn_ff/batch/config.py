"""How a batch is carried out; what is computed is in the config of its task."""

from typing import Self

from pydantic import Field, model_validator

from alignn_ff.errors import ConfigError
from alignn_ff.runs.config import RunConfig


class BatchConfig(RunConfig):
    """How a batch is carried out."""

    shards: int | None = Field(
        None, ge=1, description="number of parts of the batch, chosen by the first run and stored; 1 if not given"
    )
    processes: int | None = Field(
        None,
        ge=0,
        description="number of processes, each with a copy of the model and, if there are several, one thread; 0: this "
        "process, which a structure that crashes it ends; not given: as many as there are cores and memory for, one "
        "with a GPU",
    )
    together: int | None = Field(
        None,
        ge=1,
        description="number of structures in flight in a process, whose evaluations share passes through the network; "
        "not given: chosen by their size where the task is made for it (relax), else 1",
    )
    scheduler: str | None = Field(
        None,
        description="compute by the workers of a Dask cluster: the address of its scheduler, or local for one on this "
        "machine",
    )
    timeout_minutes: float | None = Field(
        None, gt=0, description="largest time of one structure, minutes; the process that takes longer is replaced"
    )
    allow_close_atoms: bool = Field(
        False, description="compute also structures with atoms closer than a third of the sum of their covalent radii"
    )

    @model_validator(mode="after")
    def _one_process_has_no_watch(self) -> Self:
        if self.timeout_minutes is not None and self.processes == 0:
            raise ConfigError("a limit on the time of a structure (--timeout) needs at least one process (--processes)")
        if self.timeout_minutes is not None and self.scheduler is not None:
            raise ConfigError(
                "a limit on the time of a structure (--timeout) needs processes of this program; leave out --scheduler"
            )
        return self
