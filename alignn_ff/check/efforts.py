"""How thorough a check is, as a table."""

from typing import Final, NamedTuple


class EffortRow(NamedTuple):
    """One degree of thoroughness.

    Attributes:
        help: what it is for.
        all_cases: whether every law runs on all of its structures.
        seconds: time after which no further case is started; None means no limit.
        scan_points: of a scan.
        md_steps: of a dynamics run.
        n_pairs: dimers, at most.
        moved_atoms: atoms that finite differences move, at most.
    """

    help: str
    all_cases: bool
    seconds: float | None
    scan_points: int
    md_steps: int
    n_pairs: int
    moved_atoms: int


EFFORTS: Final[dict[str, EffortRow]] = {
    "quick": EffortRow("at most about 20 seconds: the main structures", False, 20.0, 40, 100, 6, 4),
    "default": EffortRow("at most about 2 minutes: all structures", True, 120.0, 60, 500, 40, 24),
    "full": EffortRow("no limit of time: all pairs, long dynamics, dense scans", True, None, 150, 5000, 10**6, 10**3),
}
"""Name → effort."""
