"""The guards: checks that stop a run before it gives wrong results."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.md.guards.limits import GuardLimits
    from alignn_ff.md.guards.table import GUARDS

__all__ = ["GUARDS", "GuardLimits"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.md.guards.limits": ("GuardLimits",),
        "alignn_ff.md.guards.table": ("GUARDS",),
    },
)
