"""How a batch is carried out; what is computed is in the config of its task."""

from pydantic import Field

from alignn_ff.runs.config import RunConfig


class BatchConfig(RunConfig):
    """How a batch is carried out."""

    shards: int | None = Field(
        None, ge=1, description="number of parts of the batch, chosen by the first run and stored; 1 if not given"
    )
    processes: int = Field(
        1,
        ge=0,
        description="number of processes, each with a copy of the model and, if there are several, one thread; 0: this "
        "process, which a structure that crashes it ends",
    )
    timeout_minutes: float | None = Field(
        None, gt=0, description="largest time of one structure, minutes; the process that takes longer is replaced"
    )
    allow_close_atoms: bool = Field(
        False, description="compute also structures with atoms closer than a third of the sum of their covalent radii"
    )
