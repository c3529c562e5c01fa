"""The guard of a relaxation: it may not leave what the model has seen, nor go farther outside than it started."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np

from alignn_ff.domain import CHECKS, OUTSIDE, Finding
from alignn_ff.domain.actions import OutsideWord
from alignn_ff.errors import NotFiniteError
from alignn_ff.relax.result import RelaxStep

ROOM: Final = 1.05
"""Factor by which a relaxation may be farther outside than its start."""

OUTSIDE_WORDS: Final = "outside of the training data"
"""How the reason begins where a relaxation left what the model has seen."""

ADVICE: Final = "--outside warn relaxes all the same"


class RelaxationGuard:
    """Judges the steps of one relaxation.

    A start outside of the training data is admitted where a relaxation may lead back inside, such as atoms that are too
    close, or a compressed cell. An energy below all training energies is not, since the energy only falls.

    Args:
        word: what happens outside.
        start: findings of the start.
    """

    def __init__(self, word: OutsideWord, start: tuple[Finding, ...]) -> None:
        self._stops = OUTSIDE[word].stops
        self._allowed: Mapping[str, float] = {
            finding.check: ROOM * finding.excess for finding in start if CHECKS[finding.check].recovers
        }

    def refusal(self, findings: tuple[Finding, ...]) -> str | None:
        """Why a step is not admitted, in words; None if it is."""
        return self._first(f for f in findings if f.excess > self._allowed.get(f.check, 0.0))

    def refusal_at_end(self, findings: tuple[Finding, ...]) -> str | None:
        """Why an admitted step is no result to end with, in words; None if it is one."""
        return self._first(findings)

    def _first(self, findings: Iterable[Finding]) -> str | None:
        stopping = (finding for finding in findings if finding.stops and self._stops)
        found = next(stopping, None)
        return None if found is None else f"{OUTSIDE_WORDS}: {found.message}; {ADVICE}"


class Verdict(NamedTuple):
    """What becomes of a step.

    Attributes:
        step: as it counts; None if it is not admitted, and the step before is the last one.
        reason: why the relaxation ends here, in words; None if it may go on.
    """

    step: RelaxStep | None
    reason: str | None


def judge(guard: RelaxationGuard, step: RelaxStep, findings: tuple[Finding, ...]) -> Verdict:
    """Whether a step is admitted; the start always is.

    Raises:
        NotFiniteError: energy or forces are not finite numbers.
    """
    if not np.isfinite([step.energy_eV, step.max_force_eV_per_A]).all():
        raise NotFiniteError(
            f"the relaxation stopped at step {step.step}: energy {step.energy_eV} eV, largest force "
            f"{step.max_force_eV_per_A} eV/Å; check whether some atoms are very close to each other"
        )
    reason = guard.refusal(findings)
    if reason is not None and step.step > 0:
        return Verdict(None, reason)
    if reason is None and step.converged:
        reason = guard.refusal_at_end(findings)
    return Verdict(step._replace(converged=step.converged and reason is None), reason)
