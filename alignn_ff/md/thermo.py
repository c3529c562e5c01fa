"""The log of a run: one row of energies and temperature every few steps, as CSV."""

from typing import Final

from alignn_ff.md.snapshot import Snapshot

COLUMNS: Final = ("step", "time_fs", "potential_eV", "kinetic_eV", "total_eV", "temperature_K", "conserved_eV")
"""Names of the columns, each an attribute of :class:`Snapshot`."""

HEADER: Final = ",".join(COLUMNS) + "\n"


def row(snapshot: Snapshot) -> str:
    """One line of the log; every number is written so that it reads back exactly."""
    return ",".join(repr(getattr(snapshot, column)) for column in COLUMNS) + "\n"
