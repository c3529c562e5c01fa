"""Stiffness from stresses of strained cells.

Six strains, each with four amplitudes. The stresses of clamped atoms (as strained) and of relaxed atoms, less that of
the unstrained cell, give both stiffnesses. No symmetry is used to leave out strains. The result is averaged over the
point group in the orientation that the crystal has, and what the average changes is reported.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import spglib
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import StructureError
from alignn_ff.properties.elasticity.config import ElasticConfig
from alignn_ff.properties.elasticity.moduli import lowest_eigenvalue
from alignn_ff.properties.elasticity.result import ElasticResult
from alignn_ff.properties.elasticity.voigt import NAMES, averaged, strain_matrix, voigt_stress
from alignn_ff.properties.reference import relaxation_of, relaxed_crystal
from alignn_ff.properties.result import Remark
from alignn_ff.properties.symmetry import cell_of, search, symmetry_dataset
from alignn_ff.properties.work import Work
from alignn_ff.units import GPA_PER_EV_PER_A3

Matrix = NDArray[np.float64]
AMPLITUDES: Final = (-1.0, -0.5, 0.5, 1.0)
"""As fractions of ``strain``."""


def elastic_constants(atoms: Atoms, config: ElasticConfig, work: Work) -> ElasticResult:
    """Elastic constants of a crystal, with relaxed and with clamped atoms.

    Raises:
        StructureError: it is not a crystal.
        NotConvergedError, SimulationError: a cell did not relax, or gave no finite numbers.
    """
    reference, remarks = relaxed_crystal(work, atoms, config, what="the elastic tensor")
    crystal = standard_axes(reference.atoms, config) if config.standard else reference.atoms
    strains = np.array([a * config.strain * np.eye(6)[k] for k in range(6) for a in AMPLITUDES])
    cells = [strained(crystal, strain) for strain in strains]
    (base,) = work.evaluate("unstrained", [crystal])
    clamped = np.array([voigt_stress(e.stress) for e in work.evaluate("strained, clamped", cells)])
    settings = relaxation_of(config, "none")
    names = [f"strain {name} {amplitude:+g}" for name in NAMES for amplitude in AMPLITUDES]
    found = [work.relax(name, cell, settings) for name, cell in zip(names, cells, strict=True)]
    relaxed = np.array([voigt_stress(one.stress) for one in found])
    zero = voigt_stress(base.stress)
    rotations = point_group(crystal, config.symmetry_tolerance_A)
    fits = [fit_stiffness(strains, (found - zero) * GPA_PER_EV_PER_A3) for found in (relaxed, clamped)]
    means = [averaged(stiffness, rotations) for stiffness, _ in fits]
    result = ElasticResult(
        atoms=crystal,
        config=config,
        model=work.model,
        relaxed_GPa=means[0],
        clamped_GPa=means[1],
        error_GPa=fits[0][1],
        antisymmetric_GPa=float(np.abs(fits[0][0] - fits[0][0].T).max()),
        symmetry_change_GPa=float(np.abs(0.5 * (fits[0][0] + fits[0][0].T) - means[0]).max()),
        residual_stress_GPa=float(np.abs(zero).max()) * GPA_PER_EV_PER_A3,
        strains=strains,
        stresses_relaxed_GPa=(relaxed - zero) * GPA_PER_EV_PER_A3,
        stresses_clamped_GPa=(clamped - zero) * GPA_PER_EV_PER_A3,
    )
    return replace(result, remarks=(*_doubts(result), *remarks))


def strained(atoms: Atoms, voigt: Matrix) -> Atoms:
    """A crystal with F = 1 + ε."""
    cell: Atoms = atoms.copy()
    cell.set_cell(atoms.cell.array @ (np.eye(3) + strain_matrix(voigt)), scale_atoms=True)
    return cell


def fit_stiffness(strains: Matrix, stresses: Matrix) -> tuple[Matrix, Matrix]:
    """(6, 6) stiffness and (6, 6) error of its elements.

    Args:
        strains: (n, 6) with one component each.
        stresses: (n, 6) less that of the unstrained cell, in the unit of the stiffness.

    Returns:
        Slopes of σ = C·ε at zero: of the odd part of the stresses, cubic in the strain. The error is how far the slopes
        of the two amplitudes are apart.
    """
    stiffness, error = np.zeros((6, 6)), np.zeros((6, 6))
    for k in range(6):
        rows = np.flatnonzero(strains[:, k])
        x, y = strains[rows, k], stresses[rows]
        slopes = {}
        for amplitude in np.unique(np.abs(x).round(12)):
            up, down = y[np.isclose(x, amplitude)][0], y[np.isclose(x, -amplitude)][0]
            slopes[float(amplitude)] = (up - down) / (2.0 * amplitude)
        (small, slope), (large, outer) = sorted(slopes.items())
        ratio = (large / small) ** 2
        stiffness[:, k] = (ratio * slope - outer) / (ratio - 1.0)  # without the term cubic in the strain
        error[:, k] = np.abs(slope - stiffness[:, k])
    return stiffness, error


def point_group(atoms: Atoms, tolerance_A: float) -> list[Matrix]:
    """Cartesian rotations of the crystal, in the orientation that it has; the identity where no symmetry is found."""
    try:
        rotations = symmetry_dataset(atoms, tolerance_A).rotations
    except StructureError:
        rotations = [np.eye(3, dtype=int)]
    lattice = atoms.cell.array.T
    return [lattice @ rotation @ np.linalg.inv(lattice) for rotation in unique(rotations)]


def unique(rotations: Sequence[NDArray[np.int_]]) -> list[NDArray[np.int_]]:
    """Rotations without repetitions."""
    found: dict[bytes, NDArray[np.int_]] = {np.ascontiguousarray(r).tobytes(): r for r in rotations}
    return list(found.values())


def standard_axes(atoms: Atoms, config: ElasticConfig) -> Atoms:
    """The crystal in its conventional cell and spglib's orientation: x along a, y in the plane of a and b.

    Raises:
        StructureError: no symmetry is found.
    """
    lattice, positions, numbers = search(
        spglib.standardize_cell, cell_of(atoms), config.symmetry_tolerance_A, to_primitive=False
    )
    return Atoms(numbers=numbers, cell=lattice, scaled_positions=positions, pbc=True)


def _doubts(result: ElasticResult) -> list[Remark]:
    remarks = []
    lowest = lowest_eigenvalue(result.relaxed_GPa)
    if lowest <= 0.0:
        remarks.append(
            Remark(
                "unstable",
                f"the crystal is not mechanically stable: the lowest eigenvalue of its stiffness is {lowest:.1f} GPa; "
                "moduli and sound velocities have no meaning",
            )
        )
    scale = float(np.abs(result.relaxed_GPa).max())
    if result.antisymmetric_GPa > 0.02 * scale or result.symmetry_change_GPa > 0.02 * scale:
        remarks.append(
            Remark(
                "rough",
                f"the stiffness is not symmetric by {result.antisymmetric_GPa:.2f} GPa, and the average over the point "
                f"group changes it by {result.symmetry_change_GPa:.2f} GPa: forces are not precise enough, or the "
                "structure is not at its minimum; use --dtype float64 and a smaller --fmax",
            )
        )
    return remarks
