"""Relaxation of a faulted cell along its normal: atoms, and the height of the cell.

A fault pushes the halves of the crystal apart. In a cell of fixed height the crystal between faults is compressed for
that, and the energy falls with 1/height only: in Stillinger–Weber silicon the unstable fault costs 3.21 J/m² at 22 Å,
3.12 at 82 Å, and 3.09 without stress along the normal. The height is therefore changed until that stress is gone.
"""

from typing import Final

import numpy as np
from ase import Atoms
from ase.constraints import FixedLine

from alignn_ff.properties.work import Relaxed, Work
from alignn_ff.relax import RelaxConfig
from alignn_ff.units import GPA_PER_EV_PER_A3

STRESS_GPA: Final = 0.1
"""The height is relaxed when the stress along the normal is below this; it costs 1e-4 J/m²."""
LARGEST_STRAIN: Final = 0.02
MOST_HEIGHTS: Final = 12
STEP: Final = 0.005
"""Strain for the stiffness along the normal."""


def stiffness_along_normal(work: Work, cell: Atoms) -> float:
    """C_zz of a cell with clamped atoms, eV/Å³; NaN without stresses."""
    low, high = work.evaluate("stretched", [stretched(cell, -STEP), stretched(cell, STEP)])
    return float(high.stress[2, 2] - low.stress[2, 2]) / (2.0 * STEP)


def relaxed_along_normal(work: Work, name: str, cell: Atoms, settings: RelaxConfig, stiffness: float) -> Relaxed | None:
    """A cell whose atoms move along z only, at the height without stress along z; None if it does not converge.

    Args:
        work: relaxes.
        name: of the work.
        cell: its first two vectors are normal to z.
        settings: of the relaxations at fixed height.
        stiffness: of the crystal along z, eV/Å³; NaN keeps the height.
    """
    start, slope, before = cell, stiffness, (0.0, 0.0)
    for step in range(MOST_HEIGHTS):
        start = start.copy()
        start.set_constraint(FixedLine(list(range(len(start))), [0.0, 0.0, 1.0]))
        relaxed = work.relax(f"{name}, height {step}", start, settings, must_converge=False)
        if not relaxed.converged:
            return None
        stress = float(relaxed.stress[2, 2])
        if not abs(stress) * GPA_PER_EV_PER_A3 > STRESS_GPA:  # also without stresses
            return relaxed
        if step and 0.05 * stiffness < (secant := (stress - before[1]) / before[0]) < 2.0 * stiffness:
            slope = secant
        strain = float(np.clip(-stress / slope, -LARGEST_STRAIN, LARGEST_STRAIN))
        start, before = stretched(relaxed.atoms, strain), (strain, stress)
    return None


def stretched(cell: Atoms, strain: float) -> Atoms:
    """A cell with all heights multiplied by 1 + strain; the shift in the plane is kept."""
    longer: Atoms = cell.copy()
    scale = np.array([1.0, 1.0, 1.0 + strain])
    longer.set_cell(cell.cell.array * scale)
    longer.positions = cell.positions * scale
    return longer
