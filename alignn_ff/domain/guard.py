"""The guard of a model's domain: every driver asks it whether an evaluated structure is like the training data."""

from alignn_ff.checkpoint import Header
from alignn_ff.domain.checks import CHECKS, Evaluated
from alignn_ff.domain.findings import Finding
from alignn_ff.domain.seen import Seen


class DomainGuard:
    """Compares structures with what a model has seen.

    Attributes:
        seen: ranges and tables, made once from the header of the model.
    """

    def __init__(self, header: Header) -> None:
        self.seen = Seen.of(header)

    def findings(self, evaluated: Evaluated) -> tuple[Finding, ...]:
        """Every way in which a structure is outside of the training data, in the order of ``CHECKS``."""
        found = ((name, check, check.find(evaluated, self.seen)) for name, check in CHECKS.items())
        return tuple(
            Finding(name, outside.message, check.stops, outside.excess, outside.atoms)
            for name, check, outside in found
            if outside is not None
        )
