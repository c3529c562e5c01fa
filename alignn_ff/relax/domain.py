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

COLLAPSED: Final = 0.25
"""Part of the first volume below which a relaxation ends."""

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
        first_volume_A3: of the start; None without a volume.
    """

    def __init__(self, word: OutsideWord, start: tuple[Finding, ...], first_volume_A3: float | None = None) -> None:
        self._stops, self._first_volume_A3 = OUTSIDE[word].stops, first_volume_A3
        self._at_start = {finding.check: finding.excess for finding in start}
        self._allowed: Mapping[str, float] = {
            finding.check: ROOM * finding.excess for finding in start if CHECKS[finding.check].recovers
        }

    def refusal(self, findings: tuple[Finding, ...]) -> str | None:
        """Why a step is not admitted, in words; None if it is."""
        return self._first(f for f in findings if f.excess > self._allowed.get(f.check, 0.0))

    def refusal_at_end(self, findings: tuple[Finding, ...]) -> str | None:
        """Why an admitted step is no result to end with, in words; None if it is one.

        A structure that came apart has no forces left beyond the cutoff, which is no minimum of its energy.
        """
        parts = (f for f in findings if not CHECKS[f.check].ends and f.excess > self._at_start.get(f.check, 0.0))
        apart = next(parts, None)
        if apart is not None and self._stops:
            return f"{OUTSIDE_WORDS}: the structure came apart, so this is no minimum ({apart.message}); {ADVICE}"
        return self._first(findings)

    def collapse(self, step: RelaxStep) -> str | None:
        """Why no minimum will follow: the cell has shrunk to a small part of its volume; None as long as it has not.

        A model without repulsion at short distances goes on like that, and each evaluation takes longer than the last.
        """
        before, now = self._first_volume_A3, step.volume_A3
        if before is None or now is None or now > COLLAPSED * before:
            return None
        return (
            f"the cell collapses: its volume is {now / before:.2f} of the first one, and energies and forces of the "
            "model have no meaning at such distances. Start closer to a minimum, or use a model that was trained on "
            "such structures"
        )

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
    reason = guard.refusal(findings) or guard.collapse(step)
    if reason is not None and step.step > 0:
        return Verdict(None, reason)
    if reason is None and step.converged:
        reason = guard.refusal_at_end(findings)
    return Verdict(step._replace(converged=step.converged and reason is None), reason)
