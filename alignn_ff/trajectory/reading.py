"""Frames of a trajectory in any of the formats that this package writes, also after a killed process."""

from collections.abc import Iterator
from pathlib import Path

from ase import Atoms

from alignn_ff.errors import StructureError
from alignn_ff.trajectory.formats import FORMATS, format_of


def read_trajectory(path: str | Path) -> list[Atoms]:
    """All whole frames of a trajectory.

    Raises:
        StructureError: the file is missing, or a frame before the last is damaged.
    """
    path = Path(path)
    return list(iterate_trajectory(path))


def iterate_trajectory(path: str | Path) -> Iterator[Atoms]:
    """Whole frames of a trajectory, one at a time; the suffix tells the format, extended XYZ without a known one.

    Raises:
        StructureError: the file is missing, or a frame before the last is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise StructureError(f"no such trajectory: {path}")
    yield from (format_of(path) or FORMATS["extxyz"]).read(path)
