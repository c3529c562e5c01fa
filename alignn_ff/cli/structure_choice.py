"""The file of a structure and how it is read: the options of every command that reads structures."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import Field

from alignn_ff.cli.console import errors
from alignn_ff.runs.config import RunConfig

if TYPE_CHECKING:
    from ase import Atoms

    from alignn_ff.io import Chosen, Source

STRUCTURE_NAMES: Final = {"format": ("--format", "--input-format")}
"""Options that are not named after their fields."""

STRUCTURE_NAMES_BESIDE_FORMAT: Final = {"format": ("--input-format",)}
"""The same for commands whose ``--format`` is that of their output."""


class StructureChoice(RunConfig):
    """How a file of structures is read."""

    format: str | None = Field(
        None,
        description="ASE's name of the format of the file, such as vasp, cif, extxyz or lammps-data; without it, the "
        "format is found from name and content",
    )
    index: str | None = Field(
        None,
        description="which structure of a file with several: 0 is the first, -1 the last; FILE@INDEX means the same",
    )
    elements: tuple[str, ...] = Field(
        (), description="elements of the types 1, 2, … in a file of LAMMPS that does not name them, such as Si,O"
    )
    allow_close_atoms: bool = Field(
        False, description="only warn of atoms closer than a third of the sum of their covalent radii"
    )

    def source(self, name: Path) -> "Source":
        """The file of a name as the user wrote it.

        Raises:
            StructureError: there is no such file, or an option is not allowed.
        """
        from alignn_ff.io import Source

        return Source.of(name, index=self.index, format_name=self.format, elements=self.elements)

    def one(self, name: Path) -> "Chosen":
        """One structure; which of several it is is printed.

        Raises:
            StructureError: it cannot be read, or is physically impossible.
        """
        from alignn_ff.io import choose_structure

        chosen = choose_structure(self.source(name), allow_close_atoms=self.allow_close_atoms)
        if chosen.sentence is not None:
            errors.print(chosen.sentence, markup=False, soft_wrap=True)
        return chosen

    def all(self, name: Path) -> "list[Atoms]":
        """All structures, or those that the index chooses.

        Raises:
            StructureError: as :meth:`one`.
        """
        from alignn_ff.io import read_structures

        return read_structures(self.source(name), allow_close_atoms=self.allow_close_atoms)
