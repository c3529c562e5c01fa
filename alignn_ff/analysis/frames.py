"""Frames of a trajectory, one at a time, in any format: with unwrapped positions and velocities.

Positions are unwrapped by the shortest step from frame to frame in fractional coordinates, so a cell that changes its
size moves no atom. The steps are then converted to lengths with the cell of their frame.
"""

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from alignn_ff.analysis.settings import FrameReading
from alignn_ff.errors import StructureError
from alignn_ff.io import Source, check_atoms, iterate_structures
from alignn_ff.trajectory.formats import format_of

logger = logging.getLogger(__name__)

FARTHEST_STEP: Final = 0.4
"""A step between frames longer than this fraction of the cell may be unwrapped in the wrong direction."""

AS_IT_IS: Final = FrameReading()

FloatArray = NDArray[np.float64]


class Frame(NamedTuple):
    """One frame.

    Attributes:
        number: from 0, among the frames that are used.
        block: in time, from 0.
        atoms: as in the file.
        fractional: (n_atoms, 3) unwrapped, in units of the cell (missing vectors completed).
        positions: (n_atoms, 3) Å, unwrapped.
        velocities: (n_atoms, 3) Å/fs; None without momenta in the file.
    """

    number: int
    block: int
    atoms: Atoms
    fractional: FloatArray
    positions: FloatArray
    velocities: FloatArray | None


def iterate_frames(path: str | Path, reading: FrameReading = AS_IT_IS) -> Iterator[Atoms]:
    """Frames of a file as they are, one at a time.

    Args:
        path: of a trajectory in any format of ``FORMATS``, or any that ASE reads.
        reading: format, elements, and what becomes of damaged frames.

    Raises:
        StructureError: the file is missing or damaged, or frames differ in their atoms.
    """
    path = Path(path)
    if not path.is_file():
        raise StructureError(f"no such trajectory: {path}")
    n_read = 0
    try:
        for atoms in _like_the_first(path, reading):
            yield atoms
            n_read += 1
    except StructureError as error:
        if not reading.skip_damaged or not n_read:
            raise
        logger.warning("%s; the %d frames before it are used", error, n_read)


def _like_the_first(path: Path, reading: FrameReading) -> Iterator[Atoms]:
    first: Atoms | None = None
    for index, atoms in enumerate(_raw_frames(path, reading)):
        first = first or atoms
        if len(atoms) == 0:
            raise StructureError(f"{path}, frame {index} has no atoms")
        if not np.array_equal(atoms.numbers, first.numbers):
            raise StructureError(
                f"{path}, frame {index} has {len(atoms)} atoms, {atoms.get_chemical_formula()}; frame 0 has "
                f"{len(first)}, {first.get_chemical_formula()}: all frames must have the same atoms in the same order"
            )
        try:
            check_atoms(atoms)
        except StructureError as error:
            raise StructureError(f"{path}, frame {index}: {error}") from error
        yield atoms


def _raw_frames(path: Path, reading: FrameReading) -> Iterator[Atoms]:
    """Frames of a trajectory of this package by its own reader, of others by the door of structures."""
    row = format_of(path) if reading.format is None and not reading.elements else None
    if row is not None:
        yield from row.read(path)
    else:
        yield from iterate_structures(Source.of(path, format_name=reading.format, elements=reading.elements))


def frames(path: Path, chosen: range, *, n_blocks: int, reading: FrameReading = AS_IT_IS) -> Iterator[Frame]:
    """The chosen frames, unwrapped."""
    fractional = positions = None
    before: FloatArray | None = None
    warned = False
    for index, atoms in enumerate(islice(iterate_frames(path, reading), chosen.start, chosen.stop, chosen.step)):
        cell = atoms.cell.complete().array
        now = atoms.positions @ np.linalg.inv(cell)
        if before is None or fractional is None or positions is None:
            fractional, positions = now, atoms.positions.copy()
        else:
            step = now - before
            step -= np.where(atoms.pbc, np.round(step), 0.0)
            warned = warned or _warn_of_long_steps(step[:, atoms.pbc], path, index)
            fractional, positions = fractional + step, positions + step @ cell
        before = now
        block = index * n_blocks // len(chosen)
        yield Frame(index, block, atoms, fractional, positions, _velocities(atoms))


def _warn_of_long_steps(step: FloatArray, path: Path, index: int) -> bool:
    if step.size == 0 or np.abs(step).max() < FARTHEST_STEP:
        return False
    logger.warning(
        "%s, frame %d: an atom moves by %.2f of the cell between frames; its unwrapped position may be wrong, write "
        "frames more often",
        path,
        index,
        np.abs(step).max(),
    )
    return True


def _velocities(atoms: Atoms) -> FloatArray | None:
    return np.asarray(atoms.get_velocities() * units.fs, dtype=np.float64) if atoms.has("momenta") else None


def drift(frame: Frame, first: Frame) -> FloatArray:
    """(3,) Å: displacement of the centre of mass; zero for a structure with constraints, or a single atom."""
    if len(frame.atoms) == 1 or first.atoms.constraints:
        return np.zeros(3)
    masses = first.atoms.get_masses()
    return np.asarray(masses @ (frame.positions - first.positions) / masses.sum(), dtype=np.float64)
