"""Structures in any format that ASE reads, with errors that name the file and what is allowed."""

from collections.abc import Iterator
from pathlib import Path

import ase.io
from ase import Atoms
from ase.io.formats import UnknownFileTypeError

from alignn_ff.errors import StructureError
from alignn_ff.io.atomic import atomic_write


def read_structure(path: Path, *, format_name: str | None = None, format_if_unknown: str | None = None) -> Atoms:
    """The last structure in a file.

    Args:
        path: of the file.
        format_name: ASE's name of its format; None: found from name and content.
        format_if_unknown: ASE's name of the format to try if both leave it open.

    Raises:
        StructureError: the file is missing, empty or in no format that ASE reads.
    """
    if format_name is None and format_if_unknown is not None and path.is_file() and not _is_known(path):
        format_name = format_if_unknown
    return read_structures(path, index="-1", format_name=format_name)[0]


def read_structures(path: Path, index: str = ":", *, format_name: str | None = None) -> list[Atoms]:
    """Structures in a file, chosen by an ASE index string.

    Raises:
        StructureError: the file is missing, empty or in no format that ASE reads.
    """
    structures = list(iterate_structures(path, index, format_name=format_name))
    if not structures:
        raise StructureError(f"{path} holds no structure")
    return structures


def iterate_structures(path: Path, index: str = ":", *, format_name: str | None = None) -> Iterator[Atoms]:
    """Structures in a file, read one by one where the format allows it.

    Raises:
        StructureError: the file is missing or in no format that ASE reads.
    """
    if not path.is_file():
        raise StructureError(f"no such structure file: {path}")
    try:
        yield from ase.io.iread(path, index=index, format=format_name)
    except UnknownFileTypeError as error:
        raise StructureError(
            f"cannot find out the format of {path} ({error}); any format of ASE is allowed, "
            "for example POSCAR/.vasp, .cif, .xyz/.extxyz, .traj"
        ) from error
    except KeyError as error:
        raise StructureError(f"cannot read {path} as a structure: {error} is not a chemical symbol or field") from error
    except Exception as error:  # ASE's readers raise anything on junk
        raise StructureError(f"cannot read {path} as a structure: {type(error).__name__}: {error}") from error


def write_structure(path: Path, atoms: Atoms) -> None:
    """Write one structure atomically, in the format that the file name stands for.

    Raises:
        StructureError: ASE cannot write this format.
        StorageError: the disk is full, over quota or failing.
    """
    try:
        with atomic_write(path) as temporary:
            ase.io.write(temporary, atoms, format=ase.io.formats.filetype(str(path), read=False))
    except (UnknownFileTypeError, KeyError, ValueError) as error:
        raise StructureError(f"cannot write a structure as {path}: {error}") from error


def _is_known(path: Path) -> bool:
    try:
        ase.io.formats.filetype(str(path))
    except UnknownFileTypeError:
        return False
    return True
