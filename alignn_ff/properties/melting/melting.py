"""The melting temperature: half of a crystal is molten, and crystal and liquid go on together at constant enthalpy.

If more melts, the latent heat cools the cell, and the other way round; so the temperature comes to that of equilibrium.
A crystal that is only heated melts far above it.

Source: J. R. Morris et al., Phys. Rev. B 49, 3109 (1994).
"""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms

from alignn_ff.properties.dynamics import Moved, dynamics, prefix_of
from alignn_ff.properties.melting.config import MeltingConfig
from alignn_ff.properties.melting.equilibrium import equilibrium_of
from alignn_ff.properties.melting.order import order_of_slabs, strongest_waves
from alignn_ff.properties.melting.remarks import doubts
from alignn_ff.properties.melting.result import MeltingResult
from alignn_ff.properties.melting.stages import (
    WHAT,
    Cell,
    cell_of,
    coexistence_run,
    crystal_run,
    joining_run,
    melting_run,
)
from alignn_ff.properties.reference import bare, check_crystal, relaxed_crystal
from alignn_ff.properties.work import Work
from alignn_ff.trajectory import read_trajectory


def melting(atoms: Atoms, config: MeltingConfig, work: Work) -> MeltingResult:
    """Temperature at which crystal and liquid are in equilibrium.

    Raises:
        StructureError: it is not a crystal, or has no rectangular cell.
        ConfigError: the cell is too large.
        NotConvergedError, SimulationError: a run failed.
    """
    check_crystal(atoms, WHAT)
    cell_of(bare(atoms), config)
    reference, remarks = relaxed_crystal(work, atoms, config, what=WHAT)
    cell = cell_of(reference.atoms, config)
    waves, n_slabs = strongest_waves(cell.crystal, cell.repeats), cell.repeats[2]
    with prefix_of(work) as prefix:
        hot_crystal = _expanded(work, cell, config, prefix)
        reached = order_of_slabs(hot_crystal, waves, n_slabs)
        molten = _half_molten(work, hot_crystal, config, prefix)
        joined = dynamics(work, "joining", molten, joining_run(config), prefix)
        moved = dynamics(work, "coexistence", joined.atoms, coexistence_run(config), prefix)
        found = equilibrium_of(moved, waves, n_slabs, float(reached.mean()), config)
    result = MeltingResult(atoms=moved.atoms, config=config, model=work.model, equilibrium=found, remarks=())
    return result.with_remarks((*doubts(result), *remarks))


def _expanded(work: Work, cell: Cell, config: MeltingConfig, prefix: Path) -> Atoms:
    """The crystal at the guess of the temperature, with its mean lengths of the axes."""
    moved: Moved = dynamics(work, "crystal", cell.crystal.repeat(cell.repeats), crystal_run(config), prefix)
    frames = read_trajectory(moved.files.trajectory)
    lengths = np.mean([frame.cell.lengths() for frame in frames[len(frames) // 2 :]], axis=0)
    crystal: Atoms = moved.atoms.copy()
    crystal.set_cell(np.diag(lengths), scale_atoms=True)
    return crystal


def _half_molten(work: Work, crystal: Atoms, config: MeltingConfig, prefix: Path) -> Atoms:
    """The upper half of the crystal liquid, the lower half as it was; without velocities."""
    start = crystal.copy()
    lower = np.flatnonzero(start.get_scaled_positions(wrap=True)[:, 2] < 0.5)
    start.set_constraint(FixAtoms(lower))
    return bare(dynamics(work, "melting", start, melting_run(config), prefix).atoms)
