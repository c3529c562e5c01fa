"""Plans of the properties of phonons: relaxations, and displaced supercells."""

from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.conductivity.config import KappaConfig
from alignn_ff.properties.conductivity.kappa import anharmonic_of, third_order_matrix
from alignn_ff.properties.phonons.bridge import Harmonic
from alignn_ff.properties.phonons.config import HarmonicConfig, PhononConfig
from alignn_ff.properties.phonons.harmonic import chosen_matrix
from alignn_ff.properties.phonons.primitive import Primitive, primitive_cell
from alignn_ff.properties.plan import ATOMS_STEPS, CRYSTAL_STEPS, Part, Parts, first_part
from alignn_ff.properties.quasi_harmonic import QHAConfig
from alignn_ff.properties.reference import bare, check_crystal
from alignn_ff.properties.thermochemistry.config import ThermoConfig
from alignn_ff.properties.work import Work

COUNTED_ATOMS: Final = 2000
"""The displacements of larger supercells are counted in a small one, or estimated."""


def phonon(atoms: Atoms, config: PhononConfig, work: Work) -> Parts:
    """Supercells with each displacement that symmetry does not give; at three volumes for Grüneisen parameters."""
    check_crystal(atoms, "a phonon calculation")
    supercells = _supercells(_primitive(atoms, config), config, work)
    parts = [first_part(atoms, config), supercells]
    if config.gruneisen:
        parts.append(Part("relaxations at two volumes", 2, len(atoms), CRYSTAL_STEPS))
        parts.append(
            supercells._replace(what="displaced supercells at two volumes", n_structures=2 * supercells.n_structures)
        )
    return parts


def quasi_harmonic_expansion(atoms: Atoms, config: QHAConfig, work: Work) -> Parts:
    """Relaxation and displaced supercells at each volume."""
    check_crystal(atoms, "a thermal expansion")
    supercells = _supercells(_primitive(atoms, config), config, work)
    return [
        first_part(atoms, config),
        Part("relaxed volumes", config.points, len(atoms), CRYSTAL_STEPS),
        supercells._replace(n_structures=config.points * supercells.n_structures),
    ]


def thermal_conductivity(atoms: Atoms, config: KappaConfig, work: Work) -> Parts:
    """Supercells of second and third order; the time of the transport equation is not contained."""
    check_crystal(atoms, "a thermal conductivity")
    primitive = _primitive(atoms, config)
    second = _supercells(primitive, config, work)
    matrix = third_order_matrix(primitive, config)
    n_atoms = _n_atoms(primitive, matrix)
    if n_atoms <= COUNTED_ATOMS:
        anharmonic = anharmonic_of(primitive, matrix, chosen_matrix(work, primitive, config))
        cells, _ = anharmonic.displaced(config.displacement_A, config.pair_cutoff_A)
        n_cells = sum(cell is not None for cell in cells) + 1
    else:
        n_cells = 2 * second.n_structures * n_atoms  # two atoms are displaced in each
    return [
        first_part(atoms, config),
        second._replace(n_structures=2 * second.n_structures),
        Part("supercells of third order", n_cells, n_atoms),
    ]


def thermo(atoms: Atoms, config: ThermoConfig, work: Work) -> Parts:
    """Phonons at one or several volumes, or the vibrations of a molecule."""
    if config.route == "quasi-harmonic":
        return quasi_harmonic_expansion(atoms, config, work)
    if config.route == "ideal-gas":
        steps = ATOMS_STEPS if config.relax else 1
        return [Part("molecule", 1, len(atoms), steps), Part("displaced molecules", 6 * len(atoms), len(atoms))]
    check_crystal(atoms, "a thermodynamic table")
    return [first_part(atoms, config), _supercells(_primitive(atoms, config), config, work)]


def _primitive(atoms: Atoms, config: HarmonicConfig) -> Primitive:
    return primitive_cell(bare(atoms), config.symmetry_tolerance_A)


def _supercells(primitive: Primitive, config: HarmonicConfig, work: Work) -> Part:
    """The displaced supercells and the perfect one."""
    matrix = chosen_matrix(work, primitive, config)
    n_atoms = _n_atoms(primitive, matrix)
    counted = matrix if n_atoms <= COUNTED_ATOMS else np.eye(3, dtype=np.int64)
    cells = Harmonic(primitive.atoms, counted).displaced(config.displacement_A, plus_minus=config.plus_minus)
    return Part("displaced supercells", len(cells) + 1, n_atoms)


def _n_atoms(primitive: Primitive, matrix: NDArray[np.int64]) -> int:
    return len(primitive.atoms) * round(abs(float(np.linalg.det(matrix))))
