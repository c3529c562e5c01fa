"""Where structures come from, and how the file is read: what a user writes, before the file is opened."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ase.data import atomic_numbers
from ase.io.formats import ioformats

from alignn_ff.choices import nearest
from alignn_ff.errors import StructureError
from alignn_ff.io.structures.index import Index, parse_index

USUAL_FORMATS: Final = (
    "vasp",
    "cif",
    "extxyz",
    "traj",
    "lammps-data",
    "lammps-dump-text",
    "vasp-xdatcar",
    "espresso-in",
)
"""Formats that messages name as examples."""


@dataclass(frozen=True)
class Source:
    """A file with structures.

    Attributes:
        path: of the file, which exists.
        index: which of its structures; None where the user did not choose.
        format: ASE's name of its format; None: found from name and content.
        elements: of the types 1, 2, … in a file of LAMMPS; empty where the file names them.
    """

    path: Path
    index: Index | None = None
    format: str | None = None
    elements: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: Path | str,
        *,
        index: str | None = None,
        format_name: str | None = None,
        elements: tuple[str, ...] = (),
    ) -> Self:
        """The file of a name as users write it: ``~`` is their home, and ``file@index`` chooses, as in ASE.

        Raises:
            StructureError: there is no such file, or a word for index, format or elements is not allowed.
        """
        if format_name is not None and format_name not in ioformats:
            raise StructureError(
                f"{format_name!r} is not the name of a format; allowed are ASE's names (`ase info --formats`), such as "
                f"{', '.join(USUAL_FORMATS)}"
            )
        unknown = [symbol for symbol in elements if symbol not in atomic_numbers or symbol == "X"]
        if unknown:
            raise StructureError(f"not a chemical element: {', '.join(unknown)}; elements are given as in Si,O")
        path, word = _split(Path(name))
        if word is not None and index is not None:
            raise StructureError(f"{name} chooses structure {word}, and --index chooses {index}; give only one of them")
        chosen = index if word is None else word
        return cls(path, None if chosen is None else parse_index(chosen), format_name, elements)


def _split(name: Path) -> tuple[Path, str | None]:
    """The existing file that a name means, and the index after its last @."""
    for path in (name, name.expanduser() if str(name).startswith("~") else name):
        if path.is_file():
            return path, None
        stem, at, word = path.name.rpartition("@")
        if at and stem and path.with_name(stem).is_file():
            return path.with_name(stem), word
        if path.is_dir():
            raise StructureError(f"{path} is a folder; give the name of a file in it")
    raise StructureError(f"no such structure file: {name}{_nearest_file(name)}")


def _nearest_file(name: Path) -> str:
    """The end of a message about a file that does not exist: the one of the same folder that was probably meant."""
    folder = name.expanduser().parent
    there = [path.name for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    near = nearest(name.name, there)
    return f"; did you mean {name.with_name(near)}?" if near is not None else ""
