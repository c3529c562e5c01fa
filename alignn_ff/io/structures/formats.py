"""The format of a file, and what reads it: one table."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Final

import ase.io.formats
from ase.io.formats import UnknownFileTypeError, ioformats

from alignn_ff.errors import StructureError
from alignn_ff.io.structures.ase_formats import ase_frames, traj_frames, vasp_frames
from alignn_ff.io.structures.extxyz import xyz_frames
from alignn_ff.io.structures.frame import Frame
from alignn_ff.io.structures.lammps import data_frames, dump_frames, is_data_file
from alignn_ff.io.structures.source import USUAL_FORMATS, Source
from alignn_ff.io.structures.text import DAMAGED, OPENERS

Reader = Callable[[Source], Iterator[Frame]]

READERS: Final[dict[str, Reader]] = {
    "extxyz": xyz_frames,
    "vasp": vasp_frames,
    "traj": traj_frames,
    "lammps-data": data_frames,
    "lammps-dump-text": dump_frames,
}
"""ASE's name of a format → what reads it; ASE's readers for the others."""

TYPED: Final = frozenset({"lammps-data", "lammps-dump-text"})
"""Formats whose types can be given elements."""

ENDINGS: Final[dict[str, str]] = {".contcar": "vasp", ".poscar": "vasp", ".extxyz": "extxyz", ".xyz": "extxyz"}
"""Suffix → format, where ASE does not find it, or only from the content."""

NOT_STRUCTURES: Final[dict[str, str]] = {
    ".h5": "trajectories in HDF5 are read by `alignn-ff analyze`",
    ".hdf5": "trajectories in HDF5 are read by `alignn-ff analyze`",
    ".pt": "a model is given with --model",
    ".zip": "unpack it first",
    ".zst": "unpack it first; .gz, .bz2 and .xz are read as they are",
}
"""Suffix → what to do with such a file."""


def frames_of(source: Source, *, format_if_unknown: str | None = None) -> Generator[Frame, None, None]:
    """The structures of a file, before they are parsed.

    Raises:
        StructureError: the format is unknown, or the file is empty or damaged.
    """
    try:
        name = source.format or guess_format(source.path, format_if_unknown)
    except DAMAGED as error:
        raise StructureError(f"cannot read {source.path}: {error}; is it cut, or not compressed?") from error
    if source.elements and name not in TYPED:
        raise StructureError(
            f"--elements names the types of a file of LAMMPS, but {source.path} is of the format {name!r}, which names "
            "its elements"
        )
    try:
        reader = READERS.get(name)
        yield from ase_frames(source, name) if reader is None else reader(source)
    except DAMAGED as error:
        raise StructureError(f"cannot read {source.path}: {error}; is it cut, or not compressed?") from error


def guess_format(path: Path, format_if_unknown: str | None = None) -> str:
    """ASE's name of a format, from the name and the content of a file.

    Raises:
        StructureError: neither tells it, or the file holds something else.
    """
    plain = path.with_suffix("") if path.suffix.lower() in OPENERS else path
    suffix = plain.suffix.lower()
    if suffix in NOT_STRUCTURES:
        raise StructureError(f"{path} is not a structure file: {NOT_STRUCTURES[suffix]}")
    if suffix in ENDINGS:
        return ENDINGS[suffix]
    if is_data_file(path):
        return "lammps-data"
    try:
        name: str = ase.io.formats.filetype(str(path))
    except UnknownFileTypeError as error:
        name, reason = "", f" ({error})"
    else:
        reason = f" (ASE's guess is {name!r}, which it cannot read)"
    if name in ioformats:
        return name
    if format_if_unknown is not None:
        return format_if_unknown
    raise StructureError(
        f"cannot find out the format of {path}{reason}; give it with --format, such as {', '.join(USUAL_FORMATS)} "
        "(`ase info --formats` lists all)"
    )
