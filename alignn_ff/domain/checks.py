"""The checks of a structure against the training data of its model: one table, a function per row.

In: an evaluated structure and what the model has seen. Out: what is outside, or None.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alignn_ff.cells import is_bulk, volume_A3
from alignn_ff.domain.environments import dimers, lone_atoms, volume_per_atom_A3
from alignn_ff.domain.pairs import closest_pair, pair_name
from alignn_ff.domain.seen import DISTANCE_MARGIN, FORCE_MARGIN, VOLUME_MARGIN, Range, Seen

if TYPE_CHECKING:
    from alignn_ff.graph.neighbors import NeighborPairs

NAMED_ATOMS: Final = 5


class Evaluated(NamedTuple):
    """A structure with what a model gives for it.

    Attributes:
        atoms: the structure.
        pairs: the edges of its graph; None where it is known that nothing about them is outside.
        energy_eV: total; None if it is not an energy model.
        forces_eV_per_A: (n_atoms, 3); None if not computed.
    """

    atoms: Atoms
    pairs: "NeighborPairs | None"
    energy_eV: float | None = None
    forces_eV_per_A: NDArray[np.float64] | None = None


class Outside(NamedTuple):
    """What a check found: a sentence, the excess in units of the margin, the atoms."""

    message: str
    excess: float
    atoms: tuple[int, ...] = ()


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        find: (evaluated, seen) → what is outside, or None.
        help: what it finds, in a few words.
        stops: whether the numbers of a run that goes on there are wrong; other findings do not stop a run.
        recovers: whether a relaxation that starts outside may come back; if not, it stops at the start.
        ends: whether a relaxation may end with a larger excess than it started with; if not, it came apart.
    """

    find: Callable[[Evaluated, Seen], Outside | None]
    help: str
    stops: bool
    recovers: bool = True
    ends: bool = True


def distance(evaluated: Evaluated, seen: Seen) -> Outside | None:
    """Atoms closer than in the training data."""
    atoms = evaluated.atoms
    if evaluated.pairs is None:
        return None
    found = closest_pair(atoms.numbers, evaluated.pairs, seen.bounds, reach=seen.reach)
    if found is None:
        return None
    shortest = found.bound / (1.0 - DISTANCE_MARGIN)
    named = in_words(atoms, (found.first, found.second))
    return Outside(
        f"{named} are {found.distance:.3f} Å apart; the shortest {_pair_of(atoms, found.first, found.second)} distance "
        f"in the training data is {shortest:.3f} Å",
        (1.0 - found.distance / shortest) / DISTANCE_MARGIN,
        (found.first, found.second),
    )


def energy_below(evaluated: Evaluated, seen: Seen) -> Outside | None:
    """An energy below all training energies."""
    return _energy(evaluated, seen, below=True)


def energy_above(evaluated: Evaluated, seen: Seen) -> Outside | None:
    """An energy above all training energies."""
    return _energy(evaluated, seen, below=False)


def _energy(evaluated: Evaluated, seen: Seen, *, below: bool) -> Outside | None:
    if seen.energy is None or evaluated.energy_eV is None:
        return None
    numbers = evaluated.atoms.numbers
    per_atom, margin = evaluated.energy_eV / len(numbers), seen.energy_margin
    reference = float(seen.references[numbers].mean())
    low, high = seen.energy
    excess = (low + reference - per_atom if below else per_atom - reference - high) / margin
    if not excess > 1.0:
        return None
    side, end = ("below", low) if below else ("above", high)
    like = " of such a composition" if np.count_nonzero(seen.references) > 1 else ""
    return Outside(
        f"the energy is {per_atom:.4f} eV/atom, {side} all training energies{like} (which end at "
        f"{end + reference:.4f} eV/atom)",
        excess,
    )


def volume(evaluated: Evaluated, seen: Seen) -> Outside | None:
    """A density unlike those of the training data."""
    atoms = evaluated.atoms
    if seen.volume is None or not atoms.pbc.all():
        return None
    per_atom = (volume_A3(atoms) or 0.0) / len(atoms)
    excess = _volume_excess(per_atom, seen.volume)
    if excess <= 1.0 or (per_atom > seen.volume[1] and volume_per_atom_A3(atoms) is None):
        return None  # a vacuum is not a low density
    if not is_bulk(atoms):
        return None
    low, high = seen.volume
    return Outside(
        f"the volume is {per_atom:.2f} Å³/atom; bulk structures of the training data have {low:.2f} to {high:.2f}",
        excess,
    )


def _volume_excess(per_atom: float, seen: Range) -> float:
    ratio = max(seen[0] / max(per_atom, 1e-9), per_atom / seen[1])
    return float(np.log(ratio) / np.log(VOLUME_MARGIN))


def force(evaluated: Evaluated, seen: Seen) -> Outside | None:
    """Forces far above those of the training data."""
    forces = evaluated.forces_eV_per_A
    if seen.force is None or forces is None or not seen.force > 0.0:
        return None
    squared = np.einsum("ij,ij->i", forces, forces)
    atom = int(squared.argmax())
    largest = float(np.sqrt(squared[atom]))
    if not largest > FORCE_MARGIN * seen.force:
        return None
    return Outside(
        f"the force on {in_words(evaluated.atoms, (atom,))} is {largest:.1f} eV/Å; the largest one in the training "
        f"data is {seen.force:.1f} eV/Å",
        float(np.log(largest / seen.force) / np.log(FORCE_MARGIN)),
        (atom,),
    )


def unseen_pair(evaluated: Evaluated, seen: Seen) -> Outside | None:
    """Neighbours of elements that were never neighbours in the training data."""
    if seen.pairs is None or evaluated.pairs is None:
        return None
    numbers = evaluated.atoms.numbers
    elements = np.flatnonzero(np.bincount(numbers))
    if seen.pairs[np.ix_(elements, elements)].all():
        return None
    first, second = numbers[evaluated.pairs.src], numbers[evaluated.pairs.dst]
    new = np.flatnonzero(~seen.pairs[first, second])
    if not new.size:
        return None
    names = sorted({pair_name(a, b) for a, b in zip(first[new].tolist(), second[new].tolist(), strict=True)})
    return Outside(
        f"{', '.join(names)}: the training data hold no such neighbours, so their interaction is a guess",
        2.0,
        tuple(np.unique(evaluated.pairs.dst[new])[:NAMED_ATOMS].tolist()),
    )


def lone_atom(evaluated: Evaluated, seen: Seen) -> Outside | None:
    """Atoms without neighbours, where the training data held none of their element."""
    numbers = evaluated.atoms.numbers
    if seen.lone is None or evaluated.pairs is None:
        return None
    alone = lone_atoms(evaluated.pairs.dst, len(numbers))
    alone = alone[~seen.lone[numbers[alone]]]
    if not alone.size:
        return None
    symbols = ", ".join(sorted({chemical_symbols[number] for number in numbers[alone].tolist()}))
    return Outside(
        f"{in_words(evaluated.atoms, alone)} have no neighbours; the training data hold no lone atom of {symbols}, so "
        "its energy is not a prediction (nor are cohesive energies that use it)",
        1.0 + alone.size,
        tuple(alone[:NAMED_ATOMS].tolist()),
    )


def dimer(evaluated: Evaluated, seen: Seen) -> Outside | None:
    """Isolated pairs of atoms, where the training data held none of their elements."""
    if seen.dimers is None or evaluated.pairs is None:
        return None
    numbers = evaluated.atoms.numbers
    found = dimers(evaluated.pairs, len(numbers))
    found = found[~seen.dimers[numbers[found[:, 0]], numbers[found[:, 1]]]]
    if not len(found):
        return None
    names = ", ".join(sorted({pair_name(*numbers[pair]) for pair in found}))
    return Outside(
        f"{in_words(evaluated.atoms, found.ravel())} are isolated pairs; the training data hold no dimer of {names}",
        1.0 + len(found),
        tuple(found.ravel()[:NAMED_ATOMS].tolist()),
    )


CHECKS: Final[dict[str, Check]] = {
    "distance": Check(distance, "atoms closer than in the training data", stops=True),
    "energy_below": Check(energy_below, "an energy per atom below all training energies", stops=True, recovers=False),
    "energy_above": Check(energy_above, "an energy per atom above all training energies", stops=False),
    "volume": Check(volume, "a volume per atom unlike that of bulk training structures", stops=True),
    "force": Check(force, "a force far above the largest one of the training data", stops=False),
    "unseen_pair": Check(unseen_pair, "neighbours of elements that were never neighbours in training", stops=False),
    "lone_atom": Check(
        lone_atom, "an atom without neighbours, where the training data held none", stops=False, ends=False
    ),
    "dimer": Check(dimer, "an isolated pair of atoms, where the training data held none", stops=False, ends=False),
}
"""Name → check; a program may add rows."""


def in_words(atoms: Atoms, indices: "tuple[int, ...] | NDArray[np.integer]") -> str:
    """Atoms by number and element, the first few of them."""
    named = ", ".join(f"{index} ({atoms.symbols[index]})" for index in indices[:NAMED_ATOMS])
    more = f" and {len(indices) - NAMED_ATOMS} more" if len(indices) > NAMED_ATOMS else ""
    return f"atom(s) {named}{more}"


def _pair_of(atoms: Atoms, first: int, second: int) -> str:
    return pair_name(atoms.numbers[first], atoms.numbers[second])
