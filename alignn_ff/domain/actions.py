"""What a program does where a structure is outside of the training data of its model: one table."""

from dataclasses import dataclass
from typing import Annotated, Final

from alignn_ff.choices import KeyOf


@dataclass(frozen=True)
class Action:
    """One reaction.

    Attributes:
        help: what happens.
        warns: whether each kind of finding is logged once.
        stops: whether a finding that makes further numbers wrong ends the run with exit code 4.
    """

    help: str
    warns: bool
    stops: bool


OUTSIDE: Final[dict[str, Action]] = {
    "warn": Action("a warning per kind of finding", warns=True, stops=False),
    "stop": Action("also end with exit code 4 where the numbers are no longer predictions", warns=True, stops=True),
    "ignore": Action("findings are only in the JSON result", warns=False, stops=False),
}
"""Word → reaction."""

OutsideWord = Annotated[str, KeyOf(OUTSIDE)]

OUTSIDE_HELP: Final = "what to do where a structure is outside of the training data of the model"
