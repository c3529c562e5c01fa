"""The result of a check: a row per law with its figure, its limit and a verdict."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

from alignn_ff.display import Displayed, Sheet, plotted
from alignn_ff.runs.model_record import ModelRecord
from alignn_ff.testing import Curve, Figure

Verdict = Literal["passed", "failed", "expected", "warning", "measured", "not applicable", "not run"]

VERDICTS: Final[Mapping[Verdict, str]] = {
    "passed": "all figures keep their limits",
    "failed": "a law does not hold",
    "expected": "a law does not hold, as the family of the model declares",
    "warning": "a judgement of the potential is bad",
    "measured": "a figure without a limit",
    "not applicable": "the law does not concern this force field",
    "not run": "the time was over before",
}
"""Verdict → meaning."""


@dataclass(frozen=True)
class Broken:
    """A case whose figure exceeds its limit, or in which the force field raised an error.

    Attributes:
        case: names of its values.
        reason: the figures, or the error.
    """

    case: str
    reason: str


@dataclass(frozen=True)
class Row:
    """One law.

    Attributes:
        law: name in the table of laws.
        title: the law in a few words.
        measured: what the figure is.
        nature: law, smoothness, judgement or figure.
        verdict: see :data:`VERDICTS`.
        worst: the figure nearest to its limit, or farthest above it; None where nothing was measured.
        case: where it was measured.
        n_cases: measured.
        n_left: cases that were not run for lack of time.
        figures: all of the worst case.
        broken: cases that do not hold.
        note: why it was not measured, or why it was expected.
        seconds: wall time.
        curves: to be drawn.
    """

    law: str
    title: str
    measured: str
    nature: str
    verdict: Verdict
    worst: Figure | None
    case: str
    n_cases: int
    n_left: int
    figures: tuple[Figure, ...]
    broken: tuple[Broken, ...]
    note: str
    seconds: float
    curves: tuple[Curve, ...]

    def to_json(self) -> dict[str, object]:
        """JSON-ready content; numbers that are not finite are null."""
        content = asdict(self)
        content["worst"] = None if self.worst is None else _figure(self.worst)
        content["figures"] = [_figure(figure) for figure in self.figures]
        content["curves"] = [{**curve._asdict(), "x": _finite(curve.x), "y": _finite(curve.y)} for curve in self.curves]
        return content


@dataclass(frozen=True)
class Report(Displayed):
    """A check.

    Attributes:
        model: what was checked.
        effort: name of the effort.
        strict: whether judgements and expected jumps count as failures.
        rows: one per law.
        seconds: wall time.
        software: versions.
    """

    model: ModelRecord
    effort: str
    strict: bool
    rows: tuple[Row, ...]
    seconds: float
    software: Mapping[str, str]

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows that make the check fail."""
        bad = {"failed", "expected", "warning"} if self.strict else {"failed"}
        return tuple(row for row in self.rows if row.verdict in bad)

    @property
    def passed(self) -> bool:
        """Whether no row makes the check fail."""
        return not self.failed

    def count(self, verdict: Verdict) -> int:
        """Number of rows with a verdict."""
        return sum(row.verdict == verdict for row in self.rows)

    @property
    def in_words(self) -> str:
        """The number of rows of each verdict: "24 passed, 2 warning"."""
        return ", ".join(f"{self.count(verdict)} {verdict}" for verdict in VERDICTS if self.count(verdict))

    def brief(self) -> str:
        """The model and the verdicts."""
        return f"of {self.model.name}: {'passed' if self.passed else 'FAILED'} ({self.in_words})"

    def sheet(self) -> Sheet:
        """A row per law, those that fail first."""
        rows = sorted(self.rows, key=lambda row: (row not in self.failed, list(VERDICTS).index(row.verdict)))
        laws: dict[str, list[str]] = {
            "verdict": [row.verdict for row in rows],
            "law": [row.title for row in rows],
            "figure": ["" if row.worst is None else f"{row.worst.value:.3g} {row.worst.unit}" for row in rows],
            "limit": [_limit(row.worst) for row in rows],
            "where": [row.case for row in rows],
        }
        facts = {"model": self.model.in_words, "effort": self.effort, "strict": self.strict, "time_s": self.seconds}
        notes = [f"{row.title}: {broken.case}: {broken.reason}" for row in self.failed for broken in row.broken[:1]]
        return Sheet(facts, {"laws": laws}, notes, plotted(self))

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        return {
            "passed": self.passed,
            "effort": self.effort,
            "strict": self.strict,
            "counts": {verdict: self.count(verdict) for verdict in VERDICTS},
            "model": asdict(self.model),
            "software": dict(self.software),
            "seconds": round(self.seconds, 3),
            "rows": [row.to_json() for row in self.rows],
        }


def _limit(figure: Figure | None) -> str:
    return "" if figure is None or figure.limit is None else f"{figure.limit:.3g} {figure.unit}"


def _figure(figure: Figure) -> dict[str, object]:
    limit = figure.limit if figure.limit is None or math.isfinite(figure.limit) else None
    value = figure.value if math.isfinite(figure.value) else None
    return {**figure._asdict(), "value": value, "limit": limit, "holds": figure.holds}


def _finite(numbers: tuple[float, ...]) -> list[float | None]:
    return [number if math.isfinite(number) else None for number in numbers]
