"""Force constants of a crystal: primitive cell, supercell, displacements evaluated as one batch, symmetries imposed."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.phonons.born import read_charges
from alignn_ff.properties.phonons.bridge import Harmonic
from alignn_ff.properties.phonons.config import HarmonicConfig
from alignn_ff.properties.phonons.numbers import Violation
from alignn_ff.properties.phonons.primitive import Primitive, primitive_cell
from alignn_ff.properties.phonons.supercell import check_size, keeps_symmetry, supercell_matrix, widths_A
from alignn_ff.properties.result import Remark
from alignn_ff.properties.work import Work

Matrix = NDArray[np.int64]
USUAL_WIDTH_A: Final = 15.0
OUTER_FRACTION: Final = 0.9
"""Force constants at more than this fraction of the longest distance are outer ones."""
LARGEST_OUTER: Final = 1e-3
"""Largest ratio of outer to on-site force constants of a supercell that is wide enough."""
LARGEST_TRANSLATION: Final = 1e-2
"""eV/Å², largest violation of the translational sum rule of precise forces."""


@runtime_checkable
class HasCutoff(Protocol):
    """A calculator that states how far atoms interact directly."""

    cutoff_A: float


class Crystal(NamedTuple):
    """A crystal with its force constants.

    Attributes:
        primitive: cell and symmetry.
        matrix: (3, 3) of the supercell.
        harmonic: force constants.
        violation: of symmetries by the raw force constants.
        n_evaluations: displaced supercells.
        remarks: about the supercell and the forces.
    """

    primitive: Primitive
    matrix: Matrix
    harmonic: Harmonic
    violation: Violation
    n_evaluations: int
    remarks: tuple[Remark, ...]


def force_constants(
    work: Work,
    atoms: Atoms,
    config: HarmonicConfig,
    *,
    name: str = "displaced supercells",
    matrix: Matrix | None = None,
) -> Crystal:
    """Force constants of a crystal at its minimum.

    Args:
        work: evaluates.
        atoms: relaxed.
        config: displacement, supercell, charges.
        name: of the evaluations.
        matrix: of the supercell, where it was chosen before; None chooses it.

    Raises:
        ConfigError: the supercell is too large.
        DataError: Born charges do not fit.
        SimulationError: forces are not finite.
    """
    primitive = primitive_cell(atoms, config.symmetry_tolerance_A)
    if matrix is None:
        matrix = chosen_matrix(work, primitive, config)
    harmonic = Harmonic(primitive.atoms, matrix)
    charges = None if config.born is None else read_charges(config.born, primitive.atoms, harmonic.parse_born)
    cells = harmonic.displaced(config.displacement_A, plus_minus=config.plus_minus)
    perfect, *found = work.evaluate(name, [harmonic.supercell, *cells])
    violation = harmonic.take_forces([one.forces - perfect.forces for one in found])
    if charges is not None:
        harmonic.take_charges(charges)
    crystal = Crystal(primitive, matrix, harmonic, violation, len(cells), ())
    return crystal._replace(remarks=tuple(_doubts(crystal)))


def chosen_matrix(work: Work, primitive: Primitive, config: HarmonicConfig) -> Matrix:
    """The supercell of a config.

    Raises:
        ConfigError: it is too large.
    """
    if config.supercell is not None:
        matrix = np.diag(np.array(config.supercell, dtype=np.int64))
        check_size(primitive.atoms, matrix, config.max_atoms)
        return matrix
    width = config.min_width_A or usual_width(work)
    return supercell_matrix(primitive.atoms, primitive.rotations, min_width_A=width, max_atoms=config.max_atoms)


def usual_width(work: Work) -> float:
    """Å, smallest width of a supercell: 15 Å, or twice the cutoff of the model and 1 Å."""
    calculator = work.calculator
    return max(USUAL_WIDTH_A, 2.0 * calculator.cutoff_A + 1.0) if isinstance(calculator, HasCutoff) else USUAL_WIDTH_A


def outer_ratio(harmonic: Harmonic) -> float:
    """Norm of the largest outer force constant over that of the largest on-site one."""
    distances, norms = harmonic.norms_over_distance()
    outer = norms[distances > OUTER_FRACTION * distances.max()]
    onsite = norms[distances < 1e-6]
    return float(outer.max() / onsite.max()) if onsite.size and onsite.max() > 0 else float("nan")


def _doubts(crystal: Crystal) -> Sequence[Remark]:
    remarks = []
    if not keeps_symmetry(crystal.matrix, crystal.primitive.rotations):
        remarks.append(
            Remark(
                "supercell_breaks_symmetry",
                f"the supercell {crystal.matrix.tolist()} does not have the symmetry of the crystal: degenerate "
                "modes may split; give equal repetitions along equivalent vectors",
            )
        )
    ratio = outer_ratio(crystal.harmonic)
    if ratio > LARGEST_OUTER:
        width = widths_A(crystal.primitive.atoms, crystal.matrix).min()
        remarks.append(
            Remark(
                "supercell_small",
                f"force constants at the edge of the supercell ({width:.1f} Å wide) are still {ratio:.1e} of the "
                f"on-site ones (below {LARGEST_OUTER:g} is enough); a larger --min-width may change the phonons",
            )
        )
    if crystal.violation.translation > LARGEST_TRANSLATION:
        remarks.append(
            Remark(
                "forces_rough",
                f"force constants violated the translational sum rule by {crystal.violation.translation:.3f} eV/Å² "
                "before it was imposed: forces are not precise; use --dtype float64, or a larger --displacement",
            )
        )
    return remarks
