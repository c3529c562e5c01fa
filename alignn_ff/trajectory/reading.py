"""Frames of a trajectory in any of the formats that dynamics writes, also after a killed process."""

import io
from collections.abc import Iterator
from pathlib import Path

import ase.io
from ase import Atoms
from ase.io.trajectory import TrajectoryReader
from ase.io.ulm import InvalidULMFileError

from alignn_ff.errors import StructureError
from alignn_ff.log import get_logger
from alignn_ff.trajectory.h5md import iterate_h5md


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
    if path.suffix == ".traj":
        yield from _iterate_traj(path)
        return
    if path.suffix == ".h5":
        yield from iterate_h5md(path)
        return
    with path.open(encoding="utf-8") as file:
        index = 0
        while head := file.readline():
            lines = [head, *_following_lines(file, head, f"{path}, frame {index}")]
            if len(lines) < 2 or len(lines) != int(head) + 2 or not lines[-1].endswith("\n"):
                get_logger("md").warning("%s ends in a torn frame (number %d); it is left out", path, index)
                return
            yield _parse("".join(lines), f"{path}, frame {index}")
            index += 1


def _iterate_traj(path: Path) -> Iterator[Atoms]:
    try:
        with TrajectoryReader(path) as frames:
            yield from (frames[index] for index in range(len(frames)))
    except InvalidULMFileError as error:
        raise StructureError(f"{path} is no ASE trajectory, or holds no frame: {error}") from error


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
