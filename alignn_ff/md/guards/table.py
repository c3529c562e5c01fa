"""Guards: checks that stop a run before it gives wrong results. One table; a new guard is a new row."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from alignn_ff.md.guards import checks
from alignn_ff.md.guards.checks import Baseline, Violation, in_words, too_close
from alignn_ff.md.guards.limits import GuardLimits
from alignn_ff.runs.domain import findings_of
from alignn_ff.trajectory.snapshot import Snapshot

log = logging.getLogger(__name__)

WINDOW_FS: Final = 10_000.0
"""Length of the windows over which drifts are measured."""

Check = Callable[[Snapshot, GuardLimits, Baseline], Violation | None]
"""A snapshot, the limits and the baseline in; a violation or None out."""


@dataclass(frozen=True)
class Guard:
    """One guard.

    Attributes:
        check: the function.
        help: what stops a run, in a few words.
        default: its limit if the limits do not set one; only for a guard without fields in :class:`GuardLimits`, whose
            limit is given by :func:`limit_of`.
    """

    check: Check
    help: str
    default: float | None = None


GUARDS: Final[dict[str, Guard]] = {
    "finite": Guard(checks.finite, "a position, momentum, force or energy that is not a number"),
    "temperature": Guard(checks.temperature, "a temperature far above the target"),
    "cell": Guard(checks.cell, "a cell that shrinks or grows too much"),
    "distance": Guard(checks.distance, "atoms closer than in the training data"),
    "domain": Guard(checks.domain, "an energy or a volume per atom unlike those of the training data"),
    "escape": Guard(checks.escape, "atoms that leave a structure along directions that are not periodic"),
    "uncertainty": Guard(checks.uncertainty, "standard deviations of the model above a limit; off by default"),
    "drift": Guard(checks.drift, "a drift of the conserved quantity"),
}
"""Name → guard, in the order in which they are called; a program may add rows."""


def limit_of(guard: str, limits: GuardLimits) -> float | None:
    """The limit of a guard that was added to the table; None if the guard is switched off."""
    return limits.further.get(guard, GUARDS[guard].default)


class GuardMonitor:
    """Calls every guard with every snapshot, and keeps the start of the window over which drifts are measured."""

    def __init__(self, limits: GuardLimits, start: Baseline) -> None:
        self.limits, self.start = limits, start
        self._warned = False

    def check(self, snapshot: Snapshot) -> tuple[str, Violation] | None:
        """The name and violation of the first guard that finds one, else None."""
        for name, guard in GUARDS.items():
            violation = guard.check(snapshot, self.limits, self.start)
            if violation is not None:
                return name, violation
        self._move_window(snapshot)
        self._note(snapshot)
        self._warn_of_distances(snapshot)
        return None

    def _move_window(self, snapshot: Snapshot) -> None:
        start = self.start
        old = start.window_value_eV is None or start.window_stage != snapshot.stage
        if old or snapshot.time_fs - start.window_start_fs >= WINDOW_FS:
            self.start = replace(
                start,
                window_start_fs=snapshot.time_fs,
                window_value_eV=snapshot.conserved_eV,
                window_stage=snapshot.stage,
            )

    def _note(self, snapshot: Snapshot) -> None:
        """Keep the first finding of each kind for the summary."""
        new = {
            finding.check: f"step {snapshot.step}: {finding.message}"
            for finding in findings_of(snapshot.atoms.calc)
            if finding.check not in self.start.outside
        }
        if new:
            self.start = replace(self.start, outside={**self.start.outside, **new})

    def _warn_of_distances(self, snapshot: Snapshot) -> None:
        """Warn once if atoms are closer than in the training data, but not closer than the limit."""
        if self._warned or snapshot.step % self.limits.distances_every or self.limits.min_distance_fraction is None:
            return
        seen = GuardLimits(min_distance_fraction=1.0)
        pair = too_close(snapshot.atoms, seen, self.start.shortest_A)
        if pair is not None:
            self._warned = True
            log.warning(
                "step %d: %s are %.3f Å apart, closer than in the training data (%.3f Å); the model extrapolates there",
                snapshot.step,
                in_words(snapshot.atoms, np.array(pair[:2])),
                pair[2],
                pair[3],
            )
