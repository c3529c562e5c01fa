"""The domain of a calculator: what every run reads of it, and the word that a user chooses."""

from typing import TYPE_CHECKING

from pydantic import Field

from alignn_ff.domain.actions import OUTSIDE, OUTSIDE_HELP, OutsideWord
from alignn_ff.domain.findings import Finding
from alignn_ff.runs.config import RunConfig

if TYPE_CHECKING:
    from ase.calculators.calculator import BaseCalculator


class OutsideChoice(RunConfig):
    """What an evaluation does outside of the training data."""

    outside: OutsideWord = Field("warn", description=OUTSIDE_HELP)


def calculator_word(outside: OutsideWord) -> OutsideWord:
    """What the calculator of a run does outside of the training data: it warns, and the run itself stops."""
    return "warn" if OUTSIDE[outside].warns else "ignore"


def findings_of(calculator: "BaseCalculator | None") -> tuple[Finding, ...]:
    """What the last evaluation of a calculator found; empty for a calculator of another package."""
    from alignn_ff.calculator import AlignnCalculator  # imports torch, which the help of a command does not need

    return calculator.findings if isinstance(calculator, AlignnCalculator) else ()


def findings_of_many(calculator: "BaseCalculator") -> tuple[Finding, ...]:
    """What the last evaluation of several structures at once found; empty for a calculator of another package."""
    from alignn_ff.calculator import AlignnCalculator

    return calculator.findings_of_many if isinstance(calculator, AlignnCalculator) else ()
