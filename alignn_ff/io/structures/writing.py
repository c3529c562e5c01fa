"""Structures out."""

from pathlib import Path

import ase.io
from ase import Atoms
from ase.io.formats import UnknownFileTypeError

from alignn_ff.errors import StructureError
from alignn_ff.io.atomic import atomic_write


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
