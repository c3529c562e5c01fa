"""Names in data that look like labels and are not read, so that no label is left out silently.

In: names and values of each record that were not read. Out: a sentence per name, with the option that reads it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

TENSORS: Final = ((6,), (9,), (3, 3))
OF_A_METHOD: Final = re.compile(r"^(dft|ref|qm|target)[_-]|(^|[_-])labels?($|[_-])|atomwise")
"""Names of further properties that were computed to be learned."""

COMPANIONS: Final = frozenset({"energies", "stresses", "free_energy"})
"""Results that ASE's calculators give beside energy, forces and stress."""


class Resemblance(NamedTuple):
    """When a name and its value look like a kind of label.

    Attributes:
        names: what is searched in the lower-case name.
        fits: whether the shape of the value is one of a structure with so many atoms.
        advice: how it is read, with {name} filled in.
    """

    names: re.Pattern[str]
    fits: Callable[[tuple[int, ...], int], bool]
    advice: str


RESEMBLANCES: Final[dict[str, Resemblance]] = {
    "energy": Resemblance(
        re.compile(r"energ|toten|etot|^e([_-]?(0|pot|ref|dft))?$"),
        lambda shape, _n_atoms: shape in ((), (1,)),
        "--target-key {name} reads it as the energy",
    ),
    "forces": Resemblance(
        re.compile(r"forc|gradient|^grad$|^f$"),
        lambda shape, n_atoms: shape == (n_atoms, 3),
        "--forces-key {name} reads it as the forces",
    ),
    "virial": Resemblance(
        re.compile("virial"),
        lambda shape, _n_atoms: shape in TENSORS,
        "--stress-key {name} reads it as a virial in eV: the stress is −virial/volume",
    ),
    "stress": Resemblance(
        re.compile("stress"), lambda shape, _n_atoms: shape in TENSORS, "--stress-key {name} reads it as the stress"
    ),
    "atomwise": Resemblance(
        OF_A_METHOD,
        lambda shape, n_atoms: len(shape) in (1, 2) and shape[0] == n_atoms,
        "--atomwise-key {name} reads it as the property of each atom",
    ),
    "additional": Resemblance(
        OF_A_METHOD,
        lambda shape, _n_atoms: len(shape) < 2,
        "--target-key or --additional-key {name} reads it as a property of the structure",
    ),
}
"""Kind of label → what resembles it; the first one that fits counts."""


def resembled(name: str, value: Any, n_atoms: int) -> str | None:
    """The kind in ``RESEMBLANCES`` that a name and its value look like; None: no label."""
    word = name.lower()
    found = [kind for kind, row in RESEMBLANCES.items() if row.names.search(word)]
    if not found or name in COMPANIONS:
        return None
    shape = _shape(value)
    return None if shape is None else next((kind for kind in found if RESEMBLANCES[kind].fits(shape, n_atoms)), None)


class Unread:
    """Names that look like labels and were not read, counted over the records of one source."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._first: dict[tuple[str, str], str] = {}

    def add(self, identifier: str, kinds: Mapping[str, str]) -> None:
        """Add a record: name → the kind that it looks like."""
        for key in kinds.items():
            self._counts[key] = self._counts.get(key, 0) + 1
            self._first.setdefault(key, identifier)

    def sentences(self, source: str, n_records: int) -> Iterator[str]:
        """One for each name."""
        for (name, kind), count in self._counts.items():
            where = f"in {count} of {n_records} records (the first is {self._first[name, kind]})"
            yield f"{source}: {name!r} {where} is not read; {RESEMBLANCES[kind].advice.format(name=name)}"


def _shape(value: Any) -> tuple[int, ...] | None:
    """Shape of numbers or truth values; None of anything else."""
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        return None
    return array.shape if array.dtype.kind in "iufb" else None
