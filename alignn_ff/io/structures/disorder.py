"""Disorder: sites of a crystal that no single atom fills. Energies belong to structures with one atom on every site."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import StructureError

FULL_TO: Final = 1e-3
"""An occupancy this close to 1 is full: files round it."""

SHOWN: Final = 6


class DisorderError(StructureError):
    """A structure whose sites are not filled by one whole atom each."""


def refuse_disorder(atoms: Atoms) -> None:
    """Make sure that each site holds one whole atom.

    Raises:
        DisorderError: some do not; they are named.
    """
    partial = [*_of_kinds(atoms), *_of_atoms(atoms)]
    if partial:
        more = f" and {len(partial) - SHOWN} more" if len(partial) > SHOWN else ""
        raise DisorderError(
            f"the structure is disordered: {'; '.join(partial[:SHOWN])}{more}. A model needs one whole atom on "
            "every site: write an ordered structure, each site filled or removed (supercells, special quasi-random "
            "structures: ATAT, icet, pymatgen)"
        )


def _of_kinds(atoms: Atoms) -> list[str]:
    """Sites of a CIF as ASE reads them: number of the site → element → occupancy."""
    given = atoms.info.get("occupancy")
    if not isinstance(given, Mapping):
        return []
    kinds = atoms.arrays.get("spacegroup_kinds")
    found = []
    for name, elements in given.items():
        if not isinstance(elements, Mapping) or not elements:
            continue
        shares = {str(symbol): _share(share) for symbol, share in elements.items()}
        if len(shares) == 1 and abs(sum(shares.values()) - 1.0) <= FULL_TO:
            continue
        place = _place(atoms, kinds, name)
        filled = " + ".join(f"{symbol} {share:g}" for symbol, share in shares.items())
        empty = 1.0 - sum(shares.values())
        found.append(f"site {name}{place} holds {filled}" + (f" + vacancy {empty:g}" if empty > FULL_TO else ""))
    return found


def _share(given: object) -> float:
    """An occupancy as a number; CIF writes . or ? where none was given, which means 1."""
    try:
        return 1.0 if given in (".", "?") else float(str(given))
    except ValueError:
        return float("nan")


def _place(atoms: Atoms, kinds: NDArray[Any] | None, name: object) -> str:
    if kinds is None or not str(name).isdigit():
        return ""
    members = np.flatnonzero(np.asarray(kinds) == int(str(name)))
    if not members.size:
        return ""
    where = atoms.get_scaled_positions(wrap=False)[members[0]] if atoms.cell.rank == 3 else atoms.positions[members[0]]
    return f" ({atoms.symbols[int(members[0])]} at {', '.join(f'{x:.3f}' for x in where)})"


def _of_atoms(atoms: Atoms) -> list[str]:
    """Occupancies that a file gives to every atom, as PDB does."""
    shares = atoms.arrays.get("occupancy")
    if shares is None or shares.shape != (len(atoms),) or shares.dtype.kind not in "fiu":
        return []
    partial = np.flatnonzero(np.abs(shares - 1.0) > FULL_TO)
    return [f"atom {i} ({atoms.symbols[int(i)]}) has the occupancy {shares[i]:g}" for i in partial]
