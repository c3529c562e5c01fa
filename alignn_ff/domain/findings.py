"""What the checks of a structure find, and the error of a run that stops for it."""

from collections.abc import Iterable
from typing import NamedTuple

from alignn_ff.errors import SimulationError


class Finding(NamedTuple):
    """One way in which a structure is outside of the training data.

    Attributes:
        check: name of the check, a key of ``CHECKS``.
        message: a sentence for the user, with numbers and units.
        stops: whether the numbers of a run that goes on there are wrong; other findings are only reported.
        excess: distance from the range of the training data in units of the margin of the check; above 1 in a finding.
        atoms: indices of the first affected atoms.
    """

    check: str
    message: str
    stops: bool
    excess: float
    atoms: tuple[int, ...] = ()

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        return {"check": self.check, "message": self.message, "stops": self.stops, "atoms": list(self.atoms)}


class OutsideError(SimulationError):
    """A structure is outside of the training data of a model, and the user chose to stop there."""


def sentences(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The messages of findings."""
    return tuple(finding.message for finding in findings)
