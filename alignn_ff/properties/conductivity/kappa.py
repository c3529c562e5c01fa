"""Lattice thermal conductivity of a crystal."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import ConfigError, SimulationError
from alignn_ff.properties.conductivity.config import SOLVERS, KappaConfig
from alignn_ff.properties.conductivity.result import KappaResult
from alignn_ff.properties.phonons.born import read_charges
from alignn_ff.properties.phonons.bridge import Harmonic
from alignn_ff.properties.phonons.harmonic import chosen_matrix, force_constants
from alignn_ff.properties.phonons.primitive import Primitive, primitive_cell
from alignn_ff.properties.phonons.stability import IMAGINARY_THZ, lowest_exact_frequency
from alignn_ff.properties.phonons.supercell import Matrix, supercell_matrix
from alignn_ff.properties.reference import relaxed_crystal
from alignn_ff.properties.result import Remark
from alignn_ff.properties.work import Work

if TYPE_CHECKING:
    from alignn_ff.properties.conductivity.bridge import Anharmonic

Array = NDArray[np.float64]

CONVERGED: Final = 0.05
"""Largest relative difference between the two meshes without a remark."""


def thermal_conductivity(atoms: Atoms, config: KappaConfig, work: Work) -> KappaResult:
    """Conductivity by phonons; electrons are not included.

    Raises:
        ConfigError: phono3py is not installed, or a supercell is too large.
        StructureError: it is not a crystal.
        NotConvergedError: it did not relax.
        SimulationError: it is not dynamically stable.
    """
    _check_installed()
    reference, remarks = relaxed_crystal(work, atoms, config, what="a thermal conductivity")
    primitive = primitive_cell(reference.atoms, config.symmetry_tolerance_A)
    second = chosen_matrix(work, primitive, config)
    crystal = force_constants(work, reference.atoms, config, name="second order", matrix=second)
    _check_stable(crystal.harmonic)
    anharmonic = anharmonic_of(primitive, third_order_matrix(primitive, config), second)
    cells, harmonic_cells = anharmonic.displaced(config.displacement_A, config.pair_cutoff_A)
    perfect = anharmonic.supercells
    anharmonic.take_forces(
        _forces(work, "third order", perfect[0], cells),
        _forces(work, "second order, phono3py", perfect[1], harmonic_cells),
    )
    if config.born is not None:
        anharmonic.take_charges(read_charges(config.born, primitive.atoms, crystal.harmonic.parse_born))
    kelvin = np.arange(config.min_temperature_K, config.max_temperature_K + 1e-6, config.temperature_step_K)
    found = []
    for length in config.meshes_A:
        work.tell(f"transport equation on a mesh of {length:g} Å")
        found.append(
            anharmonic.conductivity(
                length, kelvin, SOLVERS[config.solver], isotopes=config.isotopes, boundary_um=config.boundary_um
            )
        )
    result = KappaResult(
        atoms=primitive.atoms,
        config=config,
        model=work.model,
        temperatures=kelvin,
        meshes=(found[0], found[1]),
        n_evaluations=sum(cell is not None for cell in cells) + len(harmonic_cells),
        document=anharmonic.yaml(),
        remarks=(*remarks, *crystal.remarks),
    )
    return result.with_remarks(_doubts(result))


def third_order_matrix(primitive: Primitive, config: KappaConfig) -> Matrix:
    """The supercell of the third-order constants.

    Raises:
        ConfigError: it is too large.
    """
    return supercell_matrix(
        primitive.atoms, primitive.rotations, min_width_A=config.third_order_width_A, max_atoms=config.max_atoms
    )


def anharmonic_of(primitive: Primitive, third: Matrix, second: Matrix) -> "Anharmonic":
    """The crystal with the supercells of both orders.

    Raises:
        ConfigError: phono3py is not installed.
    """
    _check_installed()
    from alignn_ff.properties.conductivity.bridge import Anharmonic

    return Anharmonic(primitive.atoms, third, second)


def _check_installed() -> None:
    if find_spec("phono3py") is None:
        raise ConfigError("kappa needs phono3py, which is not installed: pip install 'alignn-ff[kappa]'")


def _forces(work: Work, name: str, perfect: Atoms, cells: Sequence[Atoms | None]) -> list[Array]:
    """Forces of displaced supercells less those of the perfect one; zero for pairs beyond the cutoff."""
    present = [cell for cell in cells if cell is not None]
    base, *found = work.evaluate(name, [perfect, *present])
    rest = iter(found)
    return [np.zeros((len(perfect), 3)) if cell is None else next(rest).forces - base.forces for cell in cells]


def _check_stable(harmonic: Harmonic) -> None:
    lowest = lowest_exact_frequency(harmonic)
    if lowest < IMAGINARY_THZ:
        raise SimulationError(
            f"the crystal is not dynamically stable (lowest mode {lowest:.2f} THz): a thermal conductivity has no "
            "meaning. Follow the mode with `alignn-ff phonon --follow`, and use the structure that it finds"
        )


def _doubts(result: KappaResult) -> list[Remark]:
    remarks = [Remark("phonons_only", "heat carried by electrons is not included; in a metal it is the larger part")]
    if result.mesh_difference > CONVERGED:
        remarks.insert(
            0,
            Remark(
                "mesh",
                f"the two meshes differ by {100 * result.mesh_difference:.0f} %: the result is not converged; take "
                "larger --meshes",
            ),
        )
    return remarks
