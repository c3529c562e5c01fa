"""Which pairs of atoms count as bonded."""

from collections.abc import Mapping

import numpy as np
from ase import Atoms

from alignn_ff.analysis.observables.pairs import Pairs, pairs_within
from alignn_ff.analysis.result import species_of


class Bonds:
    """Which pairs count as bonded.

    Args:
        atoms: of the first frame.
        lengths_A: longest bond of each pair of elements, "O-Si" → Å, elements in alphabetical order; 0 for none.
        behind: pairs that have none → the element that is between them.
    """

    def __init__(self, atoms: Atoms, lengths_A: Mapping[str, float], behind: Mapping[str, str] | None = None) -> None:
        self.lengths_A, self.behind = dict(lengths_A), dict(behind or {})
        self.species = species_of(atoms)
        self.symbols = list(self.species)
        self.kind = np.array([self.symbols.index(s) for s in atoms.get_chemical_symbols()], dtype=np.int64)
        self._longest = np.zeros((len(self.symbols), len(self.symbols)))
        for name, length in lengths_A.items():
            a, b = (self.symbols.index(symbol) for symbol in name.split("-"))
            self._longest[a, b] = self._longest[b, a] = length

    @property
    def summary(self) -> dict[str, object]:
        """What counts, JSON-ready; it opens the summary of each observable of bonds."""
        return {"longest_bond_A": self.lengths_A, "not_bonded_but_behind": self.behind}

    def of(self, atoms: Atoms) -> Pairs:
        """Bonded pairs of a frame."""
        pairs = pairs_within(atoms, float(self._longest.max()))
        bonded = pairs.distance < self._longest[self.kind[pairs.first], self.kind[pairs.second]]
        return Pairs(pairs.first[bonded], pairs.second[bonded], pairs.distance[bonded], pairs.vector[bonded])
