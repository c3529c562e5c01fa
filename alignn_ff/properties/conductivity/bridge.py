"""The only user of phono3py: structures and forces in, conductivities out."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from phono3py import Phono3py
from phonopy.structure.atoms import PhonopyAtoms

from alignn_ff.properties.conductivity.config import Solver
from alignn_ff.properties.phonons.born import Charges
from alignn_ff.properties.phonons.bridge import SYMPREC_A, as_atoms
from alignn_ff.units import COULOMB_EV_A

Array = NDArray[np.float64]
Matrix = NDArray[np.int64]


class Modes(NamedTuple):
    """Modes of a mesh, those that symmetry makes equal only once.

    Attributes:
        frequencies: (n_q, n_modes) THz.
        widths: (n_T, n_q, n_modes) THz, half the full width at half maximum.
        weights: (n_q,) of the q-points.
    """

    frequencies: Array
    widths: Array
    weights: Array


class Conductivity(NamedTuple):
    """A lattice thermal conductivity.

    Attributes:
        mesh: numbers of q-points along the reciprocal vectors.
        kappa: (n_T, 3, 3) W/m/K.
        modes: frequencies and widths.
    """

    mesh: tuple[int, int, int]
    kappa: Array
    modes: Modes


class Anharmonic:
    """A crystal with its supercells for second and third order.

    Args:
        primitive: the cell that is repeated.
        third: (3, 3) matrix of the supercell of third order, rows as elsewhere in this package.
        second: likewise, of second order.
    """

    def __init__(self, primitive: Atoms, third: Matrix, second: Matrix) -> None:
        cell = PhonopyAtoms(
            numbers=primitive.numbers,
            masses=primitive.get_masses(),
            cell=primitive.cell.array,
            scaled_positions=primitive.get_scaled_positions(),
        )
        with quiet():
            self._phono3py = Phono3py(
                cell, third.T, primitive_matrix="P", phonon_supercell_matrix=second.T, symprec=SYMPREC_A
            )

    @property
    def supercells(self) -> tuple[Atoms, Atoms]:
        """The perfect supercells of third and second order."""
        return as_atoms(self._phono3py.supercell), as_atoms(self._phono3py.phonon_supercell)

    def displaced(self, distance_A: float, pair_cutoff_A: float | None) -> tuple[list[Atoms | None], list[Atoms]]:
        """Displaced supercells of third and of second order; None for pairs beyond the cutoff."""
        self._phono3py.generate_displacements(distance=distance_A, cutoff_pair_distance=pair_cutoff_A)
        self._phono3py.generate_fc2_displacements(distance=distance_A)
        third = self._phono3py.supercells_with_displacements
        second = self._phono3py.phonon_supercells_with_displacements
        return [None if cell is None else as_atoms(cell) for cell in third], [as_atoms(cell) for cell in second]

    def take_forces(self, third: Sequence[Array], second: Sequence[Array]) -> None:
        """Make both orders of force constants, and impose all symmetries on them.

        phono3py itself does not symmetrise the third order; without it, noise of 1e-6 eV/Å halves a conductivity.
        """
        self._phono3py.forces = np.array(third)
        self._phono3py.phonon_forces = np.array(second)
        with quiet():
            self._phono3py.produce_fc3()
            self._phono3py.produce_fc2()
            self._phono3py.symmetrize_fc3(use_symfc_projector=True)
            self._phono3py.symmetrize_fc2(use_symfc_projector=True)

    def take_charges(self, charges: Charges) -> None:
        """Add the non-analytical term."""
        self._phono3py.nac_params = {
            "born": charges.born,
            "dielectric": charges.dielectric,
            "factor": COULOMB_EV_A,
        }

    def conductivity(
        self, mesh_length_A: float, temperatures: Array, solver: Solver, *, isotopes: bool, boundary_um: float | None
    ) -> Conductivity:
        """Solve the transport equation on a mesh."""
        self._phono3py.mesh_numbers = mesh_length_A
        with quiet(), tempfile.TemporaryDirectory() as folder, chdir(folder):
            self._phono3py.init_phph_interaction()
            self._phono3py.run_thermal_conductivity(
                is_LBTE=solver.direct,
                temperatures=temperatures,
                is_isotope=isotopes,
                boundary_mfp=boundary_um,
                transport_type=solver.transport,
            )
        found = self._phono3py.thermal_conductivity
        numbers = self._phono3py.mesh_numbers
        return Conductivity(
            mesh=(int(numbers[0]), int(numbers[1]), int(numbers[2])),
            kappa=np.array([_tensor(row) for row in np.array(found.kappa)[0]]),
            modes=Modes(
                np.array(found.frequencies), np.array(found.gamma)[0], np.array(found.grid_weights, dtype=float)
            ),
        )

    def yaml(self) -> str:
        """phono3py.yaml with structures and displacements."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "phono3py.yaml"
            self._phono3py.save(file)
            return file.read_text(encoding="utf-8")


def _tensor(voigt: Array) -> Array:
    """(3, 3) of xx yy zz yz xz xy."""
    xx, yy, zz, yz, xz, xy = voigt
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings of phonopy and phono3py about choices that this module makes on purpose."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield
