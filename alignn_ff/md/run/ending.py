"""What ends a run in order before its last step: its result is complete, or can no longer be reached.

A guard is for a run that gives wrong results; it ends with an error. A run that reaches its ending has a result.
"""

from typing import Any, Protocol

from alignn_ff.trajectory.snapshot import Snapshot


class Ending(Protocol):
    """An ending of a run, which may follow from several steps."""

    @property
    def reached(self) -> bool:
        """Whether the run ends after the snapshots seen so far."""

    @property
    def state(self) -> dict[str, Any]:
        """What was seen, as far as it decides later; JSON-ready, for restart files."""

    def see(self, snapshot: Snapshot) -> None:
        """Take in the start or a step; called once for each, after its outputs are written."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from :attr:`state`, in place; it is empty where the restart file holds none."""
