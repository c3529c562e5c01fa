"""The log of a run: one row of energies, temperature, pressure and volume every few steps, as CSV."""

from pathlib import Path
from typing import Final

from alignn_ff.trajectory.record_file import RecordFile
from alignn_ff.trajectory.snapshot import Snapshot

COLUMNS: Final = (
    "step",
    "time_fs",
    "potential_eV",
    "kinetic_eV",
    "total_eV",
    "temperature_K",
    "conserved_eV",
    "stage",
    "target_temperature_K",
    "target_pressure_GPa",
    "pressure_GPa",
    "volume_A3",
)
"""Names of the columns, each an attribute of :class:`Snapshot`; nan if there is no such quantity."""

HEADER: Final = ",".join(COLUMNS) + "\n"


def row(snapshot: Snapshot) -> str:
    """One line of the log; numbers are written with all digits."""
    values = (getattr(snapshot, column) for column in COLUMNS)
    return ",".join("nan" if value is None else repr(value) for value in values) + "\n"


class ThermoFile:
    """The log as a file to which rows are appended, also after a crash."""

    def __init__(self, path: Path, *, keep: int | None = None) -> None:
        self._file = RecordFile(path, keep=keep)
        if keep is None:
            self._file.write(HEADER)

    def write(self, snapshot: Snapshot) -> None:
        """Append a row."""
        self._file.write(row(snapshot))

    def sync(self) -> int:
        """Flush everything to the disk; returns the length in bytes."""
        return self._file.sync()

    def close(self) -> None:
        """Close."""
        self._file.close()
