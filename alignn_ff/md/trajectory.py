"""Trajectories in extended XYZ that survive a killed process.

Each frame goes to the operating system in one write, so a killed run leaves whole frames and at most one
torn frame at the end; the reader leaves that one out. Momenta are in ASE's units (amu·Å per ASE time).
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import ase.io
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.errors import StructureError
from alignn_ff.log import get_logger

KEPT_ARRAYS = ("momenta", "masses", "initial_charges", "initial_magmoms", "tags")
"""Per-atom arrays that a frame keeps beside positions and forces, where the structure has them."""

KEPT_RESULTS = ("energy", "forces", "stress")
"""Results of the calculator that a frame keeps, where they are at hand."""


class RecordFile:
    """A file that grows by whole records and holds each as soon as :meth:`write` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=0)

    def write(self, record: str) -> None:
        """Append a record."""
        rest = memoryview(record.encode())
        while rest:
            rest = rest[self._file.write(rest) :]

    def close(self) -> None:
        """Close, with everything on the disk."""
        os.fsync(self._file.fileno())
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def frame_text(atoms: Atoms, *, step: int, time_fs: float | None = None) -> str:
    """One frame of extended XYZ: positions, momenta, and the results that the calculator has at hand."""
    frame = bare_copy(atoms)
    frame.info = {"step": step} if time_fs is None else {"step": step, "time_fs": time_fs}
    columns = ["symbols", "positions", *(name for name in KEPT_ARRAYS if frame.has(name)), "move_mask"]
    if frame.calc is not None and "forces" in frame.calc.results:
        columns.append("forces")
    text = io.StringIO()
    ase.io.write(text, frame, format="extxyz", columns=columns)
    return text.getvalue()


def bare_copy(atoms: Atoms) -> Atoms:
    """Copy of a structure that carries results instead of a calculator, so that it can be kept and written."""
    copy: Atoms = atoms.copy()
    if atoms.calc is not None and not atoms.calc.check_state(atoms):
        results = {name: atoms.calc.results[name] for name in KEPT_RESULTS if name in atoms.calc.results}
        copy.calc = SinglePointCalculator(copy, **results)
    return copy


def read_trajectory(path: Path) -> list[Atoms]:
    """All whole frames of a trajectory.

    Raises:
        StructureError: the file is missing, or a frame before the last is damaged.
    """
    return list(iterate_trajectory(path))


def iterate_trajectory(path: Path) -> Iterator[Atoms]:
    """Whole frames of a trajectory, one at a time; a torn frame at the end is left out with a warning in the log.

    Raises:
        StructureError: the file is missing, or a frame before the last is damaged.
    """
    if not path.is_file():
        raise StructureError(f"no such trajectory: {path}")
    with path.open(encoding="utf-8") as file:
        index = 0
        while head := file.readline():
            lines = [head, *_following_lines(file, head, f"{path}, frame {index}")]
            if len(lines) < 2 or len(lines) != int(head) + 2 or not lines[-1].endswith("\n"):
                get_logger("md").warning("%s ends in a torn frame (number %d); it is left out", path, index)
                return
            yield _parse("".join(lines), f"{path}, frame {index}")
            index += 1


def _following_lines(file: io.TextIOBase, head: str, where: str) -> list[str]:
    if not head.endswith("\n"):
        return []
    try:
        n_atoms = int(head)
    except ValueError as error:
        raise StructureError(f"{where}: expected a number of atoms, but found {head.strip()[:40]!r}") from error
    lines = (file.readline() for _ in range(n_atoms + 1))
    return [line for line in lines if line]


def _parse(text: str, where: str) -> Atoms:
    try:
        frame = ase.io.read(io.StringIO(text), format="extxyz")
    except (ValueError, KeyError, OSError) as error:
        raise StructureError(f"{where} is damaged: {error}") from error
    assert isinstance(frame, Atoms)
    return frame
