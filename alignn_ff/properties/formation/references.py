"""Energies of the elements, all from the same model: given by the user, or built from the ground states that ASE knows.

Energies of other sources (DFT databases, corrections) are never mixed in: they have another zero.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ase import Atoms
from ase.build import bulk, molecule
from ase.data import atomic_numbers, reference_states

from alignn_ff.errors import ConfigError
from alignn_ff.io import read_structure

CRYSTALS: Final = ("fcc", "bcc", "hcp", "diamond", "sc")
"""Symmetries that ASE builds from its table alone."""
BOX_A: Final = 8.0
"""Vacuum around a molecule."""


def given_references(files: Sequence[str]) -> list[Atoms]:
    """The elemental structures in files.

    Raises:
        StructureError: a file cannot be read.
        ConfigError: a structure consists of several elements.
    """
    structures = [read_structure(Path(file)) for file in files]
    for file, atoms in zip(files, structures, strict=True):
        if len(set(atoms.numbers)) != 1:
            raise ConfigError(
                f"{file} is {atoms.get_chemical_formula()}; a reference consists of one element (--references)"
            )
    return structures


def built_reference(symbol: str) -> Atoms:
    """The ground state of an element.

    Raises:
        ConfigError: ASE's table has no crystal or molecule that can be built from it.
    """
    state: dict[str, Any] | None = reference_states[atomic_numbers[symbol]]
    kind = None if state is None else state["symmetry"]
    if kind in CRYSTALS:
        crystal: Atoms = bulk(symbol)
        return crystal
    if kind == "diatom":
        gas: Atoms = molecule(f"{symbol}2", vacuum=BOX_A)
        return gas
    raise ConfigError(
        f"the ground state of {symbol} ({kind or 'unknown'}) cannot be built from a table; give its structure with "
        f"--references {symbol}.cif, or in the file of structures"
    )
