"""How a cell may change while a structure relaxes: a linear space of strains, one row a mode.

A strain U is the logarithm of the deformation, symmetric, so that its trace is the change of log(volume) exactly and a
restriction of U is a projection of its gradient. P projects onto the d directions in which the structure is periodic.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from numpy.typing import NDArray

from alignn_ff.cells import SMALLEST_VOLUME_A3, VOIGT, VOIGT_AXES
from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.graph.neighbors import complete_cell
from alignn_ff.units import GPA_PER_EV_PER_A3

CellMode = Literal["none", "free", "hydrostatic", "fixed-volume", "slab"]
Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]

THINNEST_VACUUM_A: Final = 4.0
"""A gap between atoms at least this wide tells the direction across a slab whose cell is periodic in all three."""


class CellFreedom(NamedTuple):
    """One way in which a cell may relax.

    Attributes:
        words: what relaxes, for people.
        directions: atoms → which lattice vectors may change.
        project: (gradient with respect to U, P) → the part that the mode allows.
    """

    words: str
    directions: Callable[[Atoms], Flags]
    project: Callable[[Matrix, Matrix], Matrix]


def within(gradient: Matrix, projector: Matrix) -> Matrix:
    """All strains within the directions of P."""
    inside = projector @ gradient @ projector
    return 0.5 * (inside + inside.T)


def isotropic(gradient: Matrix, projector: Matrix) -> Matrix:
    """Size without shape."""
    trace: Matrix = np.trace(projector @ gradient) / np.trace(projector) * projector
    return trace


def traceless(gradient: Matrix, projector: Matrix) -> Matrix:
    """Shape without size."""
    return within(gradient, projector) - isotropic(gradient, projector)


def periodic_directions(atoms: Atoms) -> Flags:
    """Lattice vectors along which a structure is periodic."""
    return np.asarray(atoms.pbc, dtype=bool)


def plane_directions(atoms: Atoms) -> Flags:
    """The two lattice vectors in the plane of a slab: the periodic ones, or all but the one across the vacuum.

    Raises:
        StructureError: there is no such plane.
    """
    if atoms.pbc.sum() == 2:
        return periodic_directions(atoms)
    gaps = vacuum_gaps_A(atoms)
    if not atoms.pbc.all() or gaps.max() < THINNEST_VACUUM_A:
        raise StructureError(
            f"the structure is no slab: periodic along {atoms.pbc.tolist()}, widest gaps between atoms along the "
            f"lattice vectors {', '.join(f'{gap:.1f}' for gap in gaps)} Å (at least {THINNEST_VACUUM_A:g} Å of vacuum "
            "is a surface). Use --cell for what is periodic in all directions"
        )
    plane = np.ones(3, dtype=bool)
    plane[int(gaps.argmax())] = False
    return plane


def vacuum_gaps_A(atoms: Atoms) -> NDArray[np.float64]:  # noqa: N802 - the unit's letter
    """(3,) Å: widest layer without an atom across each lattice vector, images included; 0 without a volume."""
    if abs(np.linalg.det(atoms.cell.array)) < SMALLEST_VOLUME_A3:
        return np.zeros(3)
    fractional = np.sort(atoms.get_scaled_positions(wrap=True), axis=0)
    gaps = np.diff(fractional, axis=0, append=fractional[:1] + 1.0).max(axis=0)
    heights = 1.0 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    return np.asarray(gaps * heights, dtype=np.float64)


CELL_MODES: Final[dict[CellMode, CellFreedom]] = {
    "free": CellFreedom("size and shape, along periodic directions", periodic_directions, within),
    "hydrostatic": CellFreedom("size alone, the shape kept", periodic_directions, isotropic),
    "fixed-volume": CellFreedom("shape alone, the volume kept", periodic_directions, traceless),
    "slab": CellFreedom("size and shape within the plane of the slab", plane_directions, within),
}
"""What ``relax_cell`` may say beside "none"."""


class StrainSpace(NamedTuple):
    """The strains that one relaxation may use.

    Attributes:
        freedom: row of :data:`CELL_MODES`.
        projector: (3, 3), P.
    """

    freedom: CellFreedom
    projector: Matrix

    def project(self, gradient: Matrix) -> Matrix:
        """The part of a (3, 3) gradient that is allowed."""
        return self.freedom.project(gradient, self.projector)

    @property
    def held(self) -> tuple[str, ...]:
        """Names of the strains that reach out of the directions that relax, of xx yy zz yz xz xy."""
        units = [np.zeros((3, 3)) for _ in VOIGT]
        for unit, (i, j) in zip(units, VOIGT_AXES, strict=True):
            unit[i, j] = unit[j, i] = 1.0
        return tuple(
            name for name, unit in zip(VOIGT, units, strict=True) if np.abs(within(unit, self.projector)).max() < 1e-9
        )


def strain_space(atoms: Atoms, mode: CellMode, *, pressure_GPa: float = 0.0) -> StrainSpace | None:
    """The strains of a mode for a structure; None if the cell does not relax.

    Raises:
        StructureError: there is no periodic direction, no such plane, or no volume to define a stress by.
        ConfigError: a pressure where it has no meaning.
    """
    if mode == "none":
        return None
    if not atoms.pbc.any():
        raise StructureError("the cell cannot be relaxed: the structure is not periodic; leave out --cell")
    if abs(np.linalg.det(atoms.cell.array)) < SMALLEST_VOLUME_A3:
        raise StructureError(
            f"the cell cannot be relaxed: {atoms.cell.array.tolist()} has no volume, so there is no stress; give the "
            "structure a lattice vector across the vacuum (ASE: atoms.center(vacuum=10, axis=2)), or leave out --cell"
        )
    chosen = CELL_MODES[mode].directions(atoms)
    if pressure_GPa != 0.0 and not chosen.all():
        raise ConfigError(
            f"a pressure of {pressure_GPa:g} GPa acts on a volume, and this structure has none that means anything: "
            f"its cell relaxes along {int(chosen.sum())} direction(s). Leave out --pressure"
        )
    return StrainSpace(CELL_MODES[mode], span(atoms, chosen))


def span(atoms: Atoms, chosen: Flags) -> Matrix:
    """(3, 3) projector onto the span of some lattice vectors."""
    across = complete_cell(atoms.cell.array, chosen)[~chosen]
    projector: Matrix = np.eye(3) - across.T @ across
    return projector


class StrainFilter(FrechetCellFilter):
    """ASE's filter of positions and log-deformation, its strains projected onto a :class:`StrainSpace`.

    ASE's own masks only know Cartesian axes, and its fixed volume un-masks what a mask held.

    Args:
        atoms: moved in place.
        space: allowed strains; None allows all.
        pressure_GPa: of the reservoir; the value to minimise is then the enthalpy.
    """

    def __init__(self, atoms: Atoms, space: StrainSpace | None = None, pressure_GPa: float = 0.0) -> None:
        self.space = space
        pressure = pressure_GPa / GPA_PER_EV_PER_A3
        super().__init__(atoms, scalar_pressure=pressure)  # type: ignore[no-untyped-call]

    def get_forces(self, **settings: Any) -> Matrix:
        """(n_atoms + 3, 3): forces, and the cell's as ASE scales them; called by ASE."""
        forces: Matrix = super().get_forces(**settings)  # type: ignore[no-untyped-call]
        if self.space is not None:
            forces[-3:] = self.space.project(forces[-3:])
        return forces
