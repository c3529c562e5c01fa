"""Energies of stacking faults along a path: the γ-line of a plane and a direction.

In: a crystal. Out: :class:`FaultResult`. The cell is a stack of layers, and its third vector is the height of the stack
plus the shift, so that each cell has one fault and no surface. Atoms and the height of the cell relax along the normal
only; the shift would go back otherwise.

Source: V. Vítek, Phil. Mag. 18, 773 (1968).
"""

from dataclasses import replace
from math import ceil
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import ConfigError
from alignn_ff.properties.faults.config import GAPS, FaultConfig
from alignn_ff.properties.faults.opening import relaxed_along_normal, stiffness_along_normal
from alignn_ff.properties.faults.result import FaultResult, doubts
from alignn_ff.properties.reference import bare, check_crystal, relaxation_of, relaxed_crystal
from alignn_ff.properties.supercells import check_size
from alignn_ff.properties.surfaces.miller import parse_miller, reduced
from alignn_ff.properties.surfaces.slab import Cut, Layering, cuts, layering, stacked
from alignn_ff.properties.symmetry import conventional_cell, primitive_cell
from alignn_ff.properties.work import Work
from alignn_ff.units import J_PER_M2_PER_EV_PER_A2

FloatArray = NDArray[np.float64]
WHAT: Final = "a stacking fault"


class Path(NamedTuple):
    """What shifts, and how.

    Attributes:
        layers: of the crystal.
        cut: gap that slips.
        period: (3,) Å, shortest lattice vector along the direction.
        n_layers: of the cell.
    """

    layers: Layering
    cut: Cut
    period: FloatArray
    n_layers: int

    def cell(self, fraction: float) -> Atoms:
        """The crystal shifted by a fraction of the period."""
        atoms, plane, axes = stacked(self.layers, self.cut, self.n_layers)
        up = (self.n_layers * self.layers.step + fraction * self.period) @ axes.T
        atoms.set_cell([*plane, up])
        atoms.pbc = True
        atoms.wrap()
        return atoms


def stacking_fault(atoms: Atoms, config: FaultConfig, work: Work) -> FaultResult:
    """Energies of the shifts of half a crystal against the other.

    Raises:
        StructureError: it is not a crystal.
        ConfigError: the direction is not in the plane, or the cell is too large.
        NotConvergedError: the crystal did not relax.
        SimulationError: energies are not finite numbers.
    """
    check_crystal(atoms, WHAT)
    fault_path(bare(atoms), config)
    reference, remarks = relaxed_crystal(work, atoms, config, what=WHAT)
    path = fault_path(reference.atoms, config)
    fractions = np.linspace(0.0, 1.0, config.points)
    cells = [path.cell(fraction) for fraction in fractions]
    per_area = J_PER_M2_PER_EV_PER_A2 / path.layers.area
    energies = np.array([found.energy for found in work.evaluate("shifted", cells)])
    unrelaxed = (energies - energies[0]) * per_area
    reversed_sense = unrelaxed[: config.points // 2].sum() > unrelaxed[::-1][: config.points // 2].sum() + 1e-6
    if reversed_sense:  # the other sense passes the same cells from the end
        unrelaxed, cells = unrelaxed[::-1] - unrelaxed[-1], cells[::-1]
    settings = relaxation_of(config, "none").model_copy(update={"fmax_eV_per_A": config.fault_fmax_eV_per_A})
    stiffness = stiffness_along_normal(work, cells[0])
    relaxed = [
        relaxed_along_normal(work, f"shift {fraction:.6f}", cell, settings, stiffness)
        if energy <= config.max_energy_J_per_m2
        else None
        for fraction, cell, energy in zip(fractions, cells, unrelaxed, strict=True)
    ]
    totals = np.array([np.nan if one is None else one.energy for one in relaxed])
    result = FaultResult(
        atoms=conventional_cell(reference.atoms, config.symmetry_tolerance_A),
        config=config,
        model=work.model,
        fractions=fractions,
        unrelaxed=unrelaxed,
        relaxed=(totals - totals[0]) * per_area,
        period=float(np.linalg.norm(path.period)),
        gap=path.cut.gap,
        reversed_sense=bool(reversed_sense),
        bulk_difference=(energies[0] - len(cells[0]) * reference.energy / len(reference.atoms)) * per_area,
        frames=tuple(cell if one is None else one.atoms for cell, one in zip(cells, relaxed, strict=True)),
    )
    return replace(result, remarks=(*doubts(result), *remarks))


def fault_path(crystal: Atoms, config: FaultConfig) -> Path:
    """Plane, gap and shift.

    Raises:
        ConfigError: the direction is not in the plane, or the cell is too large.
    """
    tolerance = config.symmetry_tolerance_A
    conventional, primitive = conventional_cell(crystal, tolerance), primitive_cell(crystal, tolerance)
    (miller,), (along,) = parse_miller(config.miller), parse_miller(config.along)
    if np.dot(miller, along) != 0:
        raise ConfigError(
            f"the direction {config.along} is not in the plane {config.miller}: h·u + k·v + l·w is "
            f"{int(np.dot(miller, along))}, and must be 0, as for 1,1,1 and 1,1,-2"
        )
    layers = layering(primitive, conventional, miller)
    vector = np.array(along) @ conventional.cell.array
    whole = reduced(np.rint(12 * np.linalg.solve(primitive.cell.array.T, vector)).astype(int))
    n_layers = ceil(config.thickness_A / layers.spacing - 1e-6)
    check_size(
        n_layers * len(primitive),
        config.max_atoms,
        what=f"the cell for {WHAT} on {config.miller}",
        n_relaxations=config.points,
        instead="Use a smaller --thickness, or allow more atoms",
    )
    places = cuts(layers, min_gap_A=config.min_gap_A, tolerance_A=tolerance)
    return Path(layers, GAPS[config.plane].choose(places), np.array(whole) @ primitive.cell.array, n_layers)
