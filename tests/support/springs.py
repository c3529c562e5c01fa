"""A harmonic crystal with given force constants: forces of displaced supercells as another program computed them."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes


class Springs(Calculator):
    """Forces −Φ·u in a cubic supercell; a smaller cell must be perfect.

    Args:
        content: edge ``cell_A``, fractional ``sites``, their ``numbers``, the sites ``first_atoms`` of the primitive
            cell, and the ``force_constants_eV_per_A2`` (n_first, n_sites, 3, 3) between them and all sites.
    """

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__()
        self.edge, self.sites = content["cell_A"], np.array(content["sites"])
        self.numbers = np.array(content["numbers"])
        rows = np.array(content["force_constants_eV_per_A2"])
        self.constants = np.zeros((len(self.sites), len(self.sites), 3, 3))
        for row, first in zip(rows, content["first_atoms"], strict=True):
            for atom in np.flatnonzero(self.numbers == self.numbers[first]):
                moved = self.sites + self.sites[atom] - self.sites[first]
                places, _ = self.nearest(moved)
                self.constants[atom, places] = row

    def nearest(self, fractional: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Site that is nearest to each place, and the displacement from it in Å."""
        apart = fractional[:, None] - self.sites[None]
        apart -= np.rint(apart)
        places = np.linalg.norm(apart, axis=2).argmin(axis=1)
        return places, apart[np.arange(len(fractional)), places] * self.edge

    def calculate(
        self, atoms: Atoms | None = None, properties: object = ("energy",), changes: object = all_changes
    ) -> None:
        """Energy, forces; no stress."""
        super().calculate(atoms, properties, changes)
        assert atoms is not None
        places, shifts = self.nearest(atoms.positions / self.edge)
        assert (self.numbers[places] == atoms.numbers).all()
        forces = np.zeros((len(atoms), 3))
        if len(atoms) == len(self.sites):
            constants = self.constants[np.ix_(places, places)]
            forces = -np.einsum("ijab,jb->ia", constants, shifts)
        else:
            assert np.abs(shifts).max() < 1e-6
        self.results = {"energy": -0.5 * float(np.sum(forces * shifts)), "forces": forces, "stress": np.zeros(6)}
