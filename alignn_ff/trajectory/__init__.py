"""Trajectories: frames written while a run is under way, and read again, also after a killed process."""

from typing import TYPE_CHECKING

from alignn_ff.lazy import lazy_names

if TYPE_CHECKING:
    from alignn_ff.trajectory.formats import FORMATS, Format, FormatName
    from alignn_ff.trajectory.quantities import QUANTITIES, Quantity, QuantityName
    from alignn_ff.trajectory.reading import iterate_trajectory, read_trajectory
    from alignn_ff.trajectory.snapshot import Snapshot

__all__ = [
    "FORMATS",
    "QUANTITIES",
    "Format",
    "FormatName",
    "Quantity",
    "QuantityName",
    "Snapshot",
    "iterate_trajectory",
    "read_trajectory",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "alignn_ff.trajectory.formats": (
            "FORMATS",
            "Format",
            "FormatName",
        ),
        "alignn_ff.trajectory.quantities": (
            "QUANTITIES",
            "Quantity",
            "QuantityName",
        ),
        "alignn_ff.trajectory.reading": (
            "iterate_trajectory",
            "read_trajectory",
        ),
        "alignn_ff.trajectory.snapshot": ("Snapshot",),
    },
)
