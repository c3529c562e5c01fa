"""The log of a run: one row of energies, temperature, pressure and volume every few steps, as CSV."""

from pathlib import Path
from typing import Final

from alignn_ff.runs.uncertainty import deviations_of
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

DEVIATION_COLUMNS: Final = ("energy_std_eV_per_atom", "max_force_std_eV_per_A", "max_atom_energy_std_eV")
"""Further columns, of standard deviations; only with a calculator that has them."""


def row(snapshot: Snapshot, *, uncertain: bool) -> str:
    """One line of the log; numbers are written with all digits."""
    values = [getattr(snapshot, column) for column in COLUMNS]
    if uncertain:
        values += _deviations(snapshot)
    return ",".join("nan" if value is None else repr(value) for value in values) + "\n"


def _deviations(snapshot: Snapshot) -> list[float | None]:
    found = deviations_of(snapshot.atoms)
    energy = None if found.energy_eV is None else found.energy_eV / len(snapshot.atoms)
    largest = (None if v is None else float(v.max()) for v in (found.forces_eV_per_A, found.energies_eV))
    return [energy, *largest]


class ThermoFile:
    """The log as a file to which rows are appended, also after a crash.

    Args:
        path: of the file.
        keep: number of bytes of an existing file to keep and to append to; None starts a new file.
        uncertain: whether rows hold standard deviations.
    """

    def __init__(self, path: Path, *, keep: int | None = None, uncertain: bool = False) -> None:
        self._file, self._uncertain = RecordFile(path, keep=keep), uncertain
        if keep is None:
            self._file.write(",".join((*COLUMNS, *(DEVIATION_COLUMNS if uncertain else ()))) + "\n")

    def write(self, snapshot: Snapshot) -> None:
        """Append a row."""
        self._file.write(row(snapshot, uncertain=self._uncertain))

    def sync(self) -> int:
        """Flush everything to the disk; returns the length in bytes."""
        return self._file.sync()

    def close(self) -> None:
        """Close."""
        self._file.close()
