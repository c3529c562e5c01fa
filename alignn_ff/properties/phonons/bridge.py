"""The only user of phonopy: structures and numbers of this package in, numbers out."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from phonopy import Phonopy
from phonopy.file_IO import parse_BORN_from_strings
from phonopy.harmonic.dynmat_to_fc import get_commensurate_points
from phonopy.phonon.band_structure import get_band_qpoints
from phonopy.phonon.mesh import MeshGRGridFallbackWarning
from phonopy.structure.atoms import PhonopyAtoms

from alignn_ff.properties.phonons.born import Charges
from alignn_ff.properties.phonons.numbers import Bands, States, Thermal, Violation
from alignn_ff.properties.phonons.path import band_path
from alignn_ff.units import COULOMB_EV_A

Array = NDArray[np.float64]
SYMPREC_A = 1e-5
"""Å, tolerance of symmetry; far below a displacement, which symmetry would otherwise not tell from its images."""


class Harmonic:
    """A crystal with its supercell, and later its force constants.

    Args:
        primitive: the cell that is repeated.
        matrix: (3, 3) its rows times the cell are the vectors of the supercell.
    """

    def __init__(self, primitive: Atoms, matrix: NDArray[np.int64]) -> None:
        self.primitive = primitive
        cell = PhonopyAtoms(
            numbers=primitive.numbers,
            masses=primitive.get_masses(),
            cell=primitive.cell.array,
            scaled_positions=primitive.get_scaled_positions(),
        )
        with quiet():  # a supercell without the symmetry of the crystal has a remark of its own
            # phonopy's columns are the vectors of the supercell
            self._phonopy = Phonopy(cell, np.asarray(matrix).T, primitive_matrix="P", symprec=SYMPREC_A)

    @property
    def phonopy(self) -> Phonopy:
        """The object of phonopy, for what this class does not offer."""
        return self._phonopy

    @property
    def supercell(self) -> Atoms:
        """The perfect supercell."""
        return as_atoms(self._phonopy.supercell)

    def displaced(self, distance_A: float, *, plus_minus: bool) -> list[Atoms]:
        """Supercells with one displaced atom each."""
        self._phonopy.generate_displacements(distance=distance_A, is_plusminus=True if plus_minus else "auto")
        cells = self._phonopy.supercells_with_displacements or []
        return [as_atoms(cell) for cell in cells if cell is not None]

    def take_forces(self, forces: Sequence[Array]) -> Violation:
        """Make the force constants and symmetrise them.

        Args:
            forces: (n_atoms, 3) eV/Å of each displaced supercell, those of the perfect supercell subtracted.

        Returns:
            How far the raw force constants violated the symmetries.
        """
        self._phonopy.forces = np.array(forces)
        self._phonopy.produce_force_constants(show_drift=False)
        raw = np.array(self._phonopy.force_constants)
        self._phonopy.symmetrize_force_constants(use_symfc_projector=True, show_drift=False)
        final = np.array(self._phonopy.force_constants)
        return Violation(
            translation=float(np.abs(raw.sum(axis=1)).max()),
            transposition=float(np.abs(raw - raw.transpose(1, 0, 3, 2)).max()),
            change=float(np.abs(raw - final).max()),
            left=float(np.abs(final.sum(axis=1)).max()),
            largest=float(np.abs(final).max()),
        )

    def take_charges(self, charges: Charges) -> None:
        """Add the non-analytical term of Born charges (Gonze and Lee, Phys. Rev. B 55, 10355, 1997)."""
        self._phonopy.nac_params = {
            "born": charges.born,
            "dielectric": charges.dielectric,
            "factor": COULOMB_EV_A,
        }

    def parse_born(self, text: str) -> tuple[Array, Array]:
        """Charges of all atoms of the primitive cell, and the dielectric tensor, from a BORN file."""
        found = parse_BORN_from_strings(text, self._phonopy.primitive)
        return np.array(found["born"]), np.array(found["dielectric"])

    def norms_over_distance(self) -> tuple[Array, Array]:
        """Distances (Å) and norms (eV/Å²) of the force constants between atoms, by the shortest image."""
        constants = np.array(self._phonopy.force_constants)
        supercell = self.supercell
        first = self._phonopy.primitive.p2s_map
        distances = np.array([supercell.get_distances(int(i), range(len(supercell)), mic=True) for i in first])
        norms = np.linalg.norm(constants[first].reshape(len(first), len(supercell), 9), axis=2)
        return distances.ravel(), norms.ravel()

    def frequencies(self, qpoints: Sequence[Sequence[float]] | Array, direction: Array | None = None) -> Array:
        """(n_q, n_modes) THz at q-points, fractional in the reciprocal primitive cell.

        Args:
            qpoints: (n_q, 3).
            direction: fractional, of the limit at Γ with Born charges.
        """
        found = self._phonopy.run_qpoints(qpoints, nac_q_direction=direction)
        return np.array(found.frequencies)

    def dynamical_matrices(self, qpoints: Array) -> NDArray[np.complex128]:
        """(n_q, n_modes, n_modes) at q-points, fractional in the reciprocal primitive cell."""
        found = self._phonopy.run_qpoints(qpoints, with_dynamical_matrices=True)
        return np.array(found.dynamical_matrices)

    @property
    def frequency_unit_THz(self) -> float:  # noqa: N802 - the unit's letters
        """Frequency of the eigenvalue 1 of a dynamical matrix."""
        return float(self._phonopy.unit_conversion_factor)

    def commensurate_points(self) -> Array:
        """(n, 3) q-points whose waves fit into the supercell; frequencies are exact there."""
        return np.array(get_commensurate_points(self._phonopy.supercell_matrix))

    def bands(self, points_per_segment: int) -> Bands:
        """Frequencies along the path of Hinuma et al. (Comput. Mater. Sci. 128, 140, 2017), in this cell's basis."""
        path = band_path(self.primitive)
        ends = [[path.points[a], path.points[b]] for a, b in path.segments]
        reciprocal = np.linalg.inv(self.primitive.cell.array)
        qpoints = get_band_qpoints(ends, npoints=points_per_segment, rec_lattice=reciprocal)
        found = self._phonopy.run_band_structure(qpoints)
        return Bands(
            tuple(np.array(q) for q in found.qpoints),
            tuple(np.array(d) for d in found.distances),
            tuple(np.array(f) for f in found.frequencies),
            path.segments,
        )

    def states(self, mesh_length_A: float) -> States:
        """Density of states on a mesh, by the tetrahedron method.

        Projections need eigenvectors on a mesh without symmetry, which costs far more; they are computed on a mesh of
        half the length, and scaled so that they add up to the total.
        """
        with quiet():
            self._phonopy.run_mesh(mesh_length_A)
            total = self._phonopy.run_total_dos()
            points, states = np.array(total.frequency_points), np.array(total.dos)
            self._phonopy.run_mesh(0.5 * mesh_length_A, with_eigenvectors=True, is_mesh_symmetry=False)
        projected = np.array(
            self._phonopy.run_projected_dos(
                freq_min=points[0], freq_max=points[-1], freq_pitch=(points[-1] - points[0]) / (len(points) - 1)
            ).projected_dos
        )
        shares = projected[:, : len(points)]
        total_of_shares = shares.sum(axis=0)
        equal = np.full_like(shares, 1.0 / len(shares))
        shares = np.divide(shares, total_of_shares, out=equal, where=total_of_shares > 1e-12)
        return States(points, states, shares * states)

    def mesh(self, mesh_length_A: float) -> tuple[Array, Array, Array]:
        """q-points, weights and frequencies (THz) of a mesh with Γ, reduced by symmetry."""
        with quiet():
            found = self._phonopy.run_mesh(mesh_length_A, is_gamma_center=True)
        return np.array(found.qpoints), np.array(found.weights), np.array(found.frequencies)

    def thermal(self, temperatures: Array, mesh_length_A: float) -> Thermal:
        """Thermal properties; acoustic modes at Γ and imaginary modes are left out."""
        with quiet():
            self._phonopy.run_mesh(mesh_length_A)
            found = self._phonopy.run_thermal_properties(temperatures=temperatures, exclude_gamma_acoustic=True)
        return Thermal(
            np.array(found.temperatures),
            np.array(found.free_energy),
            np.array(found.entropy),
            np.array(found.heat_capacity),
        )

    def modulated(self, qpoint: Array, mode: int, amplitude_A: float) -> Atoms:
        """The supercell displaced along a mode, its largest displacement ``amplitude_A``."""
        dimension = np.rint(self._phonopy.supercell_matrix).astype(np.int64)
        found = self._phonopy.run_modulations(dimension, [[qpoint.tolist(), mode, 1.0, 0.0]])
        shift = np.real(np.array(found.modulations)[0])
        if np.abs(shift).max() < 1e-8:
            shift = np.imag(np.array(found.modulations)[0])
        perfect = as_atoms(found.supercell)
        perfect.positions += amplitude_A * shift / np.linalg.norm(shift, axis=1).max()
        return perfect

    def yaml(self) -> str:
        """phonopy.yaml with structure, displacements, forces and force constants."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "phonopy.yaml"
            self._phonopy.save(file, settings={"force_sets": True, "displacements": True, "force_constants": True})
            return file.read_text(encoding="utf-8")


def as_atoms(cell: PhonopyAtoms) -> Atoms:
    """A cell of phonopy as Atoms."""
    return Atoms(
        numbers=cell.numbers, masses=cell.masses, cell=cell.cell, scaled_positions=cell.scaled_positions, pbc=True
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Without phonopy's warnings about acoustic modes at Γ and symmetries of supercells, of which results tell.

    Nor about meshes along the vectors of the conventional cell, which those of some primitive cells need.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="phonopy")
        warnings.filterwarnings("ignore", category=MeshGRGridFallbackWarning)
        yield
