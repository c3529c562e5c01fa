"""Settings of a check."""

from typing import Annotated

from pydantic import Field

from alignn_ff.check.efforts import EFFORTS
from alignn_ff.choices import KeyOf
from alignn_ff.runs.config import RunConfig


class CheckConfig(RunConfig):
    """What is checked, and what counts as a failure."""

    effort: Annotated[str, KeyOf(EFFORTS)] = Field("default", description="how thorough the check is")
    strict: bool = Field(
        False, description="judgements of the potential (dimers, E(V)) and expected jumps count as failures"
    )
    seconds: float | None = Field(
        None,
        gt=0,
        description="time in seconds after which no further case is started; None means the limit of the effort",
    )
    only: tuple[str, ...] = Field((), description="names of laws, as in the JSON file; empty means all")
    cutoff_A: float | None = Field(
        None, gt=0, description="where the interactions of a calculator end; a model of this package has its own"
    )


__all__ = ["EFFORTS", "CheckConfig"]
