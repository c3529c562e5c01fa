"""Trajectories in extended XYZ that survive a killed process.

Each frame goes to the operating system in one write, so a killed run leaves whole frames and at most one
torn frame at the end; the reader (``reading``) leaves that one out. Momenta are in ASE's units (amu·Å per ASE time).
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import ase.io
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.errors import OutputError
from alignn_ff.trajectory.quantities import Quantity

KEPT_ARRAYS: Final = ("momenta", "masses", "initial_charges", "initial_magmoms", "tags")
"""Per-atom arrays that a frame keeps beside positions and forces, where the structure has them."""

KEPT_RESULTS: Final = ("energy", "forces", "stress")
"""Results of the calculator that a frame keeps, where they are at hand."""

RESULTS_OF: Final[dict[Quantity, str]] = {"forces": "forces", "stress": "stress", "atomic_energies": "energies"}
"""Quantity → the calculator's word for it."""


class RecordFile:
    """A file that grows by whole records and holds each as soon as :meth:`write` returns.

    Args:
        path: of the file.
        keep: how many bytes of the file that is there stay, in order to go on after them; None begins anew.
    """

    def __init__(self, path: Path, *, keep: int | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("wb" if keep is None else "r+b", buffering=0)
        self._end = keep or 0
        self._file.truncate(self._end)
        self._file.seek(self._end)

    def write(self, record: str) -> None:
        """Append a record.

        Raises:
            OutputError: the disk is full or failing; the file ends with the record before.
        """
        rest = memoryview(record.encode())
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.truncate(self._end)
            raise disk_failed(self._path, error) from error
        self._end = self._file.tell()

    def sync(self) -> int:
        """Put everything on the disk.

        Returns:
            Bytes that the file holds.

        Raises:
            OutputError: the disk is full or failing.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise disk_failed(self._path, error) from error
        return self._end

    def close(self) -> None:
        """Close, with everything on the disk as far as that works."""
        try:
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def disk_failed(path: Path, error: OSError) -> OutputError:
    """The error of a file that cannot be written any more."""
    return OutputError(
        f"cannot write {path}: {error.strerror or error}. What was written so far stays readable; make room, then go "
        "on from the last restart file"
    )


def frame_text(
    atoms: Atoms, *, step: int, time_fs: float | None = None, quantities: Sequence[Quantity] | None = None
) -> str:
    """One frame of extended XYZ: positions, and what is at hand of the quantities (None: momenta, forces, stress)."""
    frame = bare_copy(atoms) if quantities is None else chosen_copy(atoms, quantities)
    frame.info = {"step": step} if time_fs is None else {"step": step, "time_fs": time_fs}
    columns = ["symbols", "positions", *(name for name in KEPT_ARRAYS if frame.has(name)), "move_mask"]
    if frame.calc is not None:
        columns += [name for name in ("forces", "energies") if name in frame.calc.results]
    text = io.StringIO()
    ase.io.write(text, frame, format="extxyz", columns=columns)
    return text.getvalue()


def chosen_copy(atoms: Atoms, quantities: Sequence[Quantity]) -> Atoms:
    """Copy of a structure with its energy and the chosen quantities, as far as they are at hand."""
    results = ("energy", *(RESULTS_OF[name] for name in quantities if name in RESULTS_OF))
    copy = bare_copy(atoms, results=results)
    if "velocities" not in quantities and copy.has("momenta"):
        del copy.arrays["momenta"]
    return copy


def bare_copy(atoms: Atoms, *, results: Sequence[str] = KEPT_RESULTS) -> Atoms:
    """Copy of a structure that carries results instead of a calculator, so that it can be kept and written."""
    copy: Atoms = atoms.copy()
    if atoms.calc is not None and not atoms.calc.check_state(atoms):
        at_hand = {name: atoms.calc.results[name] for name in results if name in atoms.calc.results}
        copy.calc = SinglePointCalculator(copy, **at_hand)
    return copy
