"""A cheap potential whose bits depend only on the positions: Morse pairs, every pair, in a fixed order."""

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress

DEPTH_EV, STIFFNESS_PER_A, LENGTH_A, CUTOFF_A = 0.7, 1.4, 2.72, 3.6


class QuickCalculator(Calculator):
    """Compares structures exactly, which takes a tenth of the time that ASE's tolerances take."""

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:
        if self.atoms is None:
            return list(all_changes)
        same = (
            np.array_equal(self.atoms.arrays["positions"], atoms.arrays["positions"])
            and np.array_equal(self.atoms.cell.array, atoms.cell.array)
            and np.array_equal(self.atoms.arrays["numbers"], atoms.arrays["numbers"])
            and np.array_equal(self.atoms.pbc, atoms.pbc)
        )
        return [] if same else list(all_changes)


class Morse(QuickCalculator):
    """Morse pairs below a cutoff where energy and force vanish; only nearest images.

    Args:
        breaks_after: evaluations after which one force is no number.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress", "energies"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, *, breaks_after: int | None = None) -> None:
        super().__init__()
        self.n_evaluations, self.breaks_after = 0, breaks_after

    def calculate(
        self, atoms: Atoms | None = None, properties: object = (), system_changes: object = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.n_evaluations += 1
        first, second = np.triu_indices(len(self.atoms), 1)
        vectors = self.atoms.positions[second] - self.atoms.positions[first]
        if self.atoms.pbc.any():
            cell = self.atoms.cell.complete().array
            vectors = vectors - np.round(vectors @ np.linalg.inv(cell)) * self.atoms.pbc @ cell
        distances = np.sqrt((vectors**2).sum(axis=1))
        near = distances < CUTOFF_A
        first, second, vectors, distances = first[near], second[near], vectors[near], distances[near]
        slope, height = _morse(np.array([CUTOFF_A]))
        derivative, energy = _morse(distances)
        energy = energy - height - (distances - CUTOFF_A) * slope
        pull = ((derivative - slope) / distances)[:, None] * vectors
        forces = np.zeros((len(self.atoms), 3))
        for axis in range(3):
            forces[:, axis] += np.bincount(first, pull[:, axis], len(self.atoms))
            forces[:, axis] -= np.bincount(second, pull[:, axis], len(self.atoms))
        if self.breaks_after is not None and self.n_evaluations > self.breaks_after:
            forces[3, 1] = np.nan
        energies = 0.5 * (np.bincount(first, energy, len(self.atoms)) + np.bincount(second, energy, len(self.atoms)))
        total = float(energy.sum())
        self.results = {"energy": total, "free_energy": total, "forces": forces, "energies": energies}
        if self.atoms.cell.rank == 3:
            virial = np.array([[(vectors[:, i] * pull[:, j]).sum() for j in range(3)] for i in range(3)])
            self.results["stress"] = full_3x3_to_voigt_6_stress(virial / self.atoms.get_volume())


def _morse(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivative and energy of a pair."""
    decay = np.exp(-STIFFNESS_PER_A * (distances - LENGTH_A))
    return 2 * DEPTH_EV * STIFFNESS_PER_A * (decay - decay**2), DEPTH_EV * (decay**2 - 2 * decay)


def morse_crystal(repeats: int = 3) -> Atoms:
    """An fcc crystal at rest under its own potential, 2.97 Å between neighbours."""
    return bulk("Cu", "fcc", a=4.19, cubic=True) * (repeats, repeats, repeats)


def morse_cluster() -> Atoms:
    """Thirteen atoms in a vacuum."""
    from ase.cluster import Icosahedron

    atoms = Icosahedron("Cu", 2, latticeconstant=4.19)
    return Atoms(atoms.numbers, atoms.positions)


def neighbour_crystal() -> Atoms:
    """256 atoms at rest under :class:`MorseNeighbours` at about 200 K."""
    return bulk("Cu", "fcc", a=3.86, cubic=True) * (4, 4, 4)


class MorseNeighbours(QuickCalculator):
    """Morse pairs between the initial nearest neighbours of a crystal; fast, for crystals that stay intact."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, crystal: Atoms) -> None:
        super().__init__()
        first, second, shift = neighbor_list("ijS", crystal, CUTOFF_A)
        half = (first < second) | ((first == second) & (shift.sum(axis=1) > 0))
        self.first, self.second, self.shift = first[half], second[half], shift[half].astype(float)

    def calculate(
        self, atoms: Atoms | None = None, properties: object = (), system_changes: object = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        positions = self.atoms.positions
        vectors = positions[self.second] - positions[self.first] + self.shift @ self.atoms.cell.array
        distances = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        derivative, energy = _morse(distances)
        pull = (derivative / distances)[:, None] * vectors
        forces = np.empty((len(self.atoms), 3))
        for axis in range(3):
            forces[:, axis] = np.bincount(self.first, pull[:, axis], len(self.atoms))
            forces[:, axis] -= np.bincount(self.second, pull[:, axis], len(self.atoms))
        total = float(energy.sum())
        stress = full_3x3_to_voigt_6_stress(vectors.T @ pull / self.atoms.get_volume())
        self.results = {"energy": total, "free_energy": total, "forces": forces, "stress": stress}
