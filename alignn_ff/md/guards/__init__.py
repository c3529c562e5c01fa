"""The guards: reasons to stop a run because going on would give wrong results."""

from alignn_ff.md.guards.limits import GuardLimits
from alignn_ff.md.guards.table import GUARDS

__all__ = ["GUARDS", "GuardLimits"]
