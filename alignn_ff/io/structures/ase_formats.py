"""All formats without a reader of their own, through ASE."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import ase.io
from ase import Atoms
from ase.io.formats import get_ioformat
from ase.io.trajectory import TrajectoryReader

from alignn_ff.errors import StructureError
from alignn_ff.io.structures.frame import Frame
from alignn_ff.io.structures.source import Source
from alignn_ff.io.structures.text import NamedText, has_plain_encoding, whole_text

POSCAR_HEAD: Final = 8
"""Lines within which a POSCAR gives its numbers of atoms."""


def ase_frames(source: Source, format_name: str) -> Iterator[Frame]:
    """Structures of a file as ASE reads them, one by one where its reader does.

    Raises:
        StructureError: ASE cannot read the file.
    """
    try:
        index = 0
        for atoms in ase.io.iread(
            _for_ase(source.path, format_name), index=":", format=format_name, do_not_split_by_at_sign=True
        ):
            yield Frame(index, f"{source.path}, structure {index}", lambda atoms=atoms: atoms)  # type: ignore[misc]
            index += 1
    except StructureError:
        raise
    except KeyError as error:
        raise StructureError(
            f"cannot read {source.path} as {format_name}: {error} is not a chemical symbol or field"
        ) from error
    except Exception as error:  # ASE's readers raise anything on junk
        raise StructureError(_in_words(source, format_name, error, index)) from error


def _in_words(source: Source, format_name: str, error: Exception, index: int) -> str:
    reason = " ".join(str(error).split())[:300].rstrip(".")
    after = f" after {index} structure(s)" if index else ""
    guess = "" if source.format else f". The format {format_name!r} is a guess; --format NAME chooses another"
    return f"cannot read {source.path} as a structure ({format_name}){after}: {type(error).__name__}: {reason}{guess}"


def _for_ase(path: Path, format_name: str) -> Path | NamedText:
    """What ASE opens: the file, or its text where ASE would read the bytes wrongly."""
    row = get_ioformat(format_name)
    if row.isbinary or not row.acceptsfd or has_plain_encoding(path):
        return path
    return whole_text(path)


def vasp_frames(source: Source) -> Iterator[Frame]:
    """The structure of a POSCAR, whose numbers of atoms are compared with its length first.

    Raises:
        StructureError: as :func:`ase_frames`, or the file is shorter than its numbers say.
    """
    lines = whole_text(source.path).getvalue().splitlines()
    for number, line in enumerate(lines[5:POSCAR_HEAD], start=6):
        words = line.split("!")[0].split()
        if words and all(word.isdigit() for word in words):
            n_atoms = sum(map(int, words))
            if n_atoms > len(lines) - number:
                raise StructureError(
                    f"{source.path}, line {number}: {n_atoms} atoms, but only {len(lines) - number} lines follow"
                )
            break
    yield from ase_frames(source, "vasp")


def traj_frames(source: Source) -> Iterator[Frame]:
    """Frames of ASE's binary format, each read only when it is wanted, also after the iteration has ended.

    Raises:
        StructureError: the file is not an ASE trajectory, or is cut.
    """
    try:
        with TrajectoryReader(source.path) as reader:
            n_frames = len(reader)
    except Exception as error:  # junk in the header of a binary file raises anything
        raise StructureError(
            f"{source.path} is not an ASE trajectory, has no frame, or is cut: {type(error).__name__}: {error}"
        ) from error
    for index in range(n_frames):
        yield Frame(index, f"{source.path}, frame {index}", _TrajFrame(source.path, index))


class _TrajFrame:
    """Reads one frame when it is called."""

    def __init__(self, path: Path, index: int) -> None:
        self._path, self._index = path, index

    def __call__(self) -> Atoms:
        try:
            with TrajectoryReader(self._path) as reader:
                atoms: Atoms = reader[self._index]
        except Exception as error:  # as above
            reason = " ".join(str(error).split())[:200]
            raise StructureError(
                f"{self._path}, frame {self._index} is damaged: {type(error).__name__}: {reason}"
            ) from error
        return atoms
