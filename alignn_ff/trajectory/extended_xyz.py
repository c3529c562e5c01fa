"""Trajectories in extended XYZ: every frame is in the file as soon as it is written, also if the process is killed.

Momenta are in ASE's units (amu·Å per ASE time). The reader leaves out a torn frame at the end.
"""

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import ase.io
from ase import Atoms

from alignn_ff.io import Source
from alignn_ff.io.structures.formats import frames_of
from alignn_ff.io.structures.frame import TornEndError
from alignn_ff.trajectory.frame_copy import bare_copy, chosen_copy
from alignn_ff.trajectory.quantities import QUANTITIES, QuantityName
from alignn_ff.trajectory.record_file import RecordFile
from alignn_ff.trajectory.snapshot import Snapshot

logger = logging.getLogger(__name__)

KEPT_ARRAYS: Final = ("momenta", "masses", "initial_charges", "initial_magmoms", "tags")
"""Per-atom arrays that a frame holds beside positions and forces, where the structure has them."""


class ExtxyzFile:
    """An extended XYZ file that grows by frames.

    Args:
        path: of the file.
        quantities: what frames hold beside positions, cell and energy.
        keep: number of bytes of an existing file to keep and to append to; None starts a new file.
    """

    def __init__(self, path: Path, quantities: Sequence[QuantityName], *, keep: int | None = None) -> None:
        self._file, self._quantities = RecordFile(path, keep=keep), tuple(quantities)

    def write(self, snapshot: Snapshot) -> None:
        """Append a frame."""
        self._file.write(
            frame_text(snapshot.atoms, step=snapshot.step, time_fs=snapshot.time_fs, quantities=self._quantities)
        )

    def sync(self) -> int:
        """Flush everything to the disk; returns the number of bytes in the file."""
        return self._file.sync()

    def close(self) -> None:
        """Close."""
        self._file.close()


def frame_text(
    atoms: Atoms, *, step: int, time_fs: float | None = None, quantities: Sequence[QuantityName] | None = None
) -> str:
    """One frame of extended XYZ: positions and the computed quantities (None: momenta, forces, stress)."""
    frame = bare_copy(atoms) if quantities is None else chosen_copy(atoms, quantities)
    return text_of(frame, {"step": step} if time_fs is None else {"step": step, "time_fs": time_fs})


def text_of(frame: Atoms, info: Mapping[str, object]) -> str:
    """A copy of a structure with its results as extended XYZ; ``info`` is written to the comment line."""
    frame.info = dict(info)
    columns = ["symbols", "positions", *(name for name in KEPT_ARRAYS if frame.has(name)), "move_mask"]
    if frame.calc is not None:
        per_atom = (row.result for row in QUANTITIES.values() if row.per_atom and row.result is not None)
        columns += [name for name in per_atom if name in frame.calc.results]
    text = io.StringIO()
    ase.io.write(text, frame, format="extxyz", columns=columns)
    return text.getvalue()


def iterate_extxyz(path: Path) -> Iterator[Atoms]:
    """Whole frames of a file, one at a time; a torn frame at the end is left out with a warning in the log.

    Raises:
        StructureError: a frame before the last is damaged.
    """
    try:
        for frame in frames_of(Source(path, format="extxyz")):
            yield frame.parse()
    except TornEndError as error:
        logger.warning("%s; it is left out", error)


def length_of_frames(path: Path, number: int) -> int:
    """Number of bytes of the first frames of a file, as many as it holds completely."""
    length = 0
    with path.open("rb") as file:
        for _ in range(number):
            head = file.readline()
            lines = [head, *(file.readline() for _ in range(int(head or 0) + 1))]
            if not lines[-1].endswith(b"\n"):
                break
            length += sum(map(len, lines))
    return length
