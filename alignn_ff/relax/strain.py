"""How a cell may change while a structure relaxes: a linear space of strains, one row per mode.

A strain U is the logarithm of the deformation, symmetric, so that its trace is the change of log(volume) exactly and a
restriction of U is a projection of its gradient. P projects onto the d directions in which the structure is periodic.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from alignn_ff.cells import (
    ADD_VACUUM,
    VACUUM_A,
    VOIGT,
    empty_axes,
    gaps_A,
    periodic_directions,
    span_projector,
    volume_A3,
)
from alignn_ff.choices import KeyOf
from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.units import GPA_PER_EV_PER_A3

log = logging.getLogger(__name__)

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class CellMode:
    """One way in which a cell may relax.

    Attributes:
        help: what relaxes.
        directions: atoms → which lattice vectors may change.
        project: (gradient with respect to U, P) → the part that the mode allows; None if the cell is fixed.
        changes_volume: whether the volume of a crystal can change, so that a pressure has a meaning.
    """

    help: str
    directions: Callable[[Atoms], Flags]
    project: Callable[[Matrix, Matrix], Matrix] | None
    changes_volume: bool


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


def plane_directions(atoms: Atoms) -> Flags:
    """The two lattice vectors in the plane of a slab: the periodic ones, or all except the one across the vacuum.

    Raises:
        StructureError: the structure is not a slab.
    """
    if atoms.pbc.sum() == 2:
        return periodic_directions(atoms)
    gaps = gaps_A(atoms)
    if not atoms.pbc.all() or max(gaps, default=0.0) < VACUUM_A:
        raise StructureError(
            f"the structure is not a slab: periodic along {atoms.pbc.tolist()}, widest gaps between atoms along the "
            f"lattice vectors {', '.join(f'{gap:.1f}' for gap in gaps)} Å (a vacuum is wider than {VACUUM_A:g} Å). "
            "Use --cell for a structure that is periodic in all directions"
        )
    plane = np.ones(3, dtype=bool)
    plane[int(np.argmax(gaps))] = False
    return plane


CELL_MODES: Final[dict[str, CellMode]] = {
    "none": CellMode("positions only", periodic_directions, None, changes_volume=False),
    "free": CellMode("size and shape, along periodic directions", periodic_directions, within, changes_volume=True),
    "hydrostatic": CellMode("size only, the shape is kept", periodic_directions, isotropic, changes_volume=True),
    "fixed-volume": CellMode("shape only, the volume is kept", periodic_directions, traceless, changes_volume=False),
    "slab": CellMode("size and shape within the plane of a slab", plane_directions, within, changes_volume=False),
}
"""Name → mode. A new one is a new row."""

CellModeName = Annotated[str, KeyOf(CELL_MODES)]


class StrainSpace(NamedTuple):
    """The strains that one relaxation may use.

    Attributes:
        allowed: (gradient, P) → the part that the mode allows.
        projector: (3, 3), P.
    """

    allowed: Callable[[Matrix, Matrix], Matrix]
    projector: Matrix

    def project(self, gradient: Matrix) -> Matrix:
        """The part of a (3, 3) gradient that is allowed."""
        return self.allowed(gradient, self.projector)

    @property
    def held(self) -> tuple[str, ...]:
        """Names of the strains outside the directions that relax, of xx yy zz yz xz xy."""
        strains = [np.asarray(voigt_6_to_full_3x3_stress(unit)) for unit in np.eye(6)]
        reach = [np.abs(within(strain, self.projector)).max() for strain in strains]
        return tuple(name for name, largest in zip(VOIGT, reach, strict=True) if largest < 1e-9)


def strain_space(atoms: Atoms, name: CellModeName, *, pressure_GPa: float = 0.0) -> StrainSpace | None:
    """The strains of a mode for a structure; None if the cell does not relax.

    Raises:
        StructureError: there is no periodic direction, no plane of a slab, or no volume to define a stress.
        ConfigError: a pressure without a meaning.
    """
    mode = CELL_MODES[name]
    if mode.project is None:
        return None
    if not atoms.pbc.any():
        raise StructureError("the cell cannot be relaxed: the structure is not periodic; leave out --cell")
    if volume_A3(atoms) is None:
        raise StructureError(
            f"the cell cannot be relaxed: {atoms.cell.array.tolist()} has no volume, so there is no stress; "
            f"{ADD_VACUUM}, or leave out --cell"
        )
    chosen = mode.directions(atoms)
    if pressure_GPa != 0.0 and not chosen.all():
        raise ConfigError(
            f"a pressure of {pressure_GPa:g} GPa needs a structure that is periodic in three directions, but this one "
            f"relaxes along {int(chosen.sum())} direction(s). Leave out --pressure"
        )
    _look_for_vacuum(atoms, name, chosen)
    return StrainSpace(mode.project, span_projector(atoms.cell.array, chosen))


def _look_for_vacuum(atoms: Atoms, name: CellModeName, chosen: Flags) -> None:
    """Warn where a cell would relax across a vacuum, whose size has no meaning.

    Raises:
        StructureError: every lattice vector that relaxes crosses one, so that there is no cell to relax.
    """
    empty = empty_axes(atoms, chosen)
    if not empty:
        return
    where = f"the cell is empty over more than {VACUUM_A:g} Å along {' and '.join(empty)}"
    if len(empty) == int(chosen.sum()):
        raise StructureError(
            f"{where}, as around a molecule or cluster, and has no size to relax. Leave out --cell (in Python, "
            "relax_cell='none')"
        )
    if len(empty) == 1 and chosen.all():
        advice = "for a slab, use --cell slab (in Python, relax_cell='slab')"
    else:
        flags = " ".join("F" if axis in empty or not moves else "T" for axis, moves in zip("abc", chosen, strict=True))
        advice = f'write pbc="{flags}" into an extended XYZ file (in Python, atoms.pbc), so that only the others relax'
    log.warning("%s, and --cell %s changes that vacuum; %s", where, name, advice)


@contextmanager
def quiet_logarithm() -> Iterator[None]:
    """Suppress scipy's warning about a matrix logarithm with an error of 1e-12, of which ASE's filter takes many."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="logm result may be inaccurate", category=RuntimeWarning)
        yield


class Place(NamedTuple):
    """Coordinates of a :class:`StrainFilter`, and the positions and cell that belong to them, Å."""

    coordinates: Matrix
    positions: Matrix
    cell: Matrix


class StrainFilter(FrechetCellFilter):
    """ASE's filter of positions and log-deformation, its strains projected onto a :class:`StrainSpace`.

    ASE's own masks only have Cartesian axes, and its fixed volume changes strains that a mask holds.

    Coordinates that were read or set since the last step belong to exact positions and cells, and setting them again
    gives the same bits. ASE would deform the atoms again, which rounds differently from processor to processor: an
    optimiser that returns to its start would then continue elsewhere than one that resumes from a restart file.

    Args:
        atoms: moved in place.
        space: allowed strains; None allows all.
        pressure_GPa: of the reservoir; the value to minimise is then the enthalpy.
    """

    def __init__(self, atoms: Atoms, space: StrainSpace | None = None, pressure_GPa: float = 0.0) -> None:
        self.space = space
        pressure = pressure_GPa / GPA_PER_EV_PER_A3
        super().__init__(atoms, scalar_pressure=pressure)  # type: ignore[no-untyped-call]
        self._read: Place | None = None
        self._set: Place | None = None

    def get_positions(self) -> Matrix:
        """(n_atoms + 3, 3): positions without the deformation, and its logarithm as ASE scales it; called by ASE."""
        coordinates: Matrix = super().get_positions()  # type: ignore[no-untyped-call]
        self._read = self._place(coordinates)
        return coordinates

    def set_positions(self, new: Matrix, **settings: Any) -> None:  # type: ignore[override]
        """Move the atoms and the cell to coordinates; called by ASE."""
        places = (self._read, self._set)
        known = next((place for place in places if place and np.array_equal(place.coordinates, new)), None)
        if known is None or settings:
            super().set_positions(new, **settings)  # type: ignore[no-untyped-call]
            self._set = self._place(new)
            return
        self.atoms.set_cell(known.cell, apply_constraint=False)
        self.atoms.set_positions(known.positions, apply_constraint=False)

    def begin_step(self) -> None:
        """Forget the coordinates of the last step, as a restart does."""
        self._read = self._set = None

    def _place(self, coordinates: Matrix) -> "Place":
        return Place(coordinates.copy(), self.atoms.positions.copy(), self.atoms.cell.array.copy())

    def get_forces(self, **settings: Any) -> Matrix:
        """(n_atoms + 3, 3): forces on atoms, and on the cell as ASE scales them; called by ASE."""
        forces: Matrix = super().get_forces(**settings)  # type: ignore[no-untyped-call]
        if self.space is not None:
            forces[-3:] = self.space.project(forces[-3:])
        return forces
