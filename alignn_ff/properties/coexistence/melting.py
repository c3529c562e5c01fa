"""The melting temperature: a crystal and a liquid are joined, and go on together at constant enthalpy.

If more melts, the latent heat cools the cell, and the other way round; so the temperature comes to that of equilibrium.
The run ends early if a phase is gone: far from the melting temperature all melts or freezes before it is reached.
A crystal that is only heated melts far above it.

Source: J. R. Morris et al., Phys. Rev. B 49, 3109 (1994).
"""

from pathlib import Path
from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import SimulationError
from alignn_ff.properties.coexistence.config import MeltingConfig
from alignn_ff.properties.coexistence.equilibrium import equilibrium_of
from alignn_ff.properties.coexistence.order import order_of_slabs, strongest_waves
from alignn_ff.properties.coexistence.phases import slabs_of
from alignn_ff.properties.coexistence.remarks import doubts
from alignn_ff.properties.coexistence.result import MeltingResult
from alignn_ff.properties.coexistence.stages import (
    WHAT,
    Cell,
    cell_of,
    coexistence_ending,
    coexistence_run,
    crystal_run,
    joining_run,
    melting_run,
)
from alignn_ff.properties.dynamics import Moved, dynamics, prefix_of
from alignn_ff.properties.reference import bare, check_crystal, relaxed_crystal
from alignn_ff.properties.work import Work
from alignn_ff.trajectory import read_trajectory

CLOSEST: Final = 0.8
"""Smallest distance across a new interface, as a part of that of neighbours in the crystal."""
GAP_STEP_A: Final = 0.1


def melting(atoms: Atoms, config: MeltingConfig, work: Work) -> MeltingResult:
    """Temperature at which crystal and liquid are in equilibrium.

    Raises:
        StructureError: it is not a crystal, or has no rectangular cell.
        ConfigError: the cell is too large.
        NotConvergedError, SimulationError: a run failed, or the half that was to melt did not.
    """
    check_crystal(atoms, WHAT)
    cell_of(bare(atoms), config)
    reference, remarks = relaxed_crystal(work, atoms, config, what=WHAT)
    cell = cell_of(reference.atoms, config)
    waves, n_slabs = strongest_waves(cell.crystal, cell.repeats), cell.repeats[2]
    with prefix_of(work) as prefix:
        crystal = _expanded(work, cell, config, prefix)
        reached = float(order_of_slabs(crystal, waves, n_slabs).mean())
        liquid = _molten(work, cell, crystal, config, prefix)
        _check_molten(order_of_slabs(liquid, waves, n_slabs // 2), reached, config)
        joined = dynamics(work, "joining", beside(cell, crystal, liquid), joining_run(config), prefix)
        slabs = slabs_of(waves, n_slabs, len(joined.atoms), reached)
        ending = coexistence_ending(config, slabs)
        moved = dynamics(work, "coexistence", joined.atoms, coexistence_run(config), prefix, ending=ending)
        found = equilibrium_of(moved, slabs, config)
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


def _molten(work: Work, cell: Cell, crystal: Atoms, config: MeltingConfig, prefix: Path) -> Atoms:
    """A liquid of half of the atoms, with the cross-section of the crystal."""
    a, b, c = cell.repeats
    start = cell.crystal.repeat((a, b, c // 2))
    start.set_cell(crystal.cell.array * np.array([[1.0], [1.0], [0.5]]), scale_atoms=True)
    moved: Moved = dynamics(work, "liquid", start, melting_run(config), prefix)
    return moved.atoms


def _check_molten(order: NDArray[np.float64], reached: float, config: MeltingConfig) -> None:
    """Refuse a half that is still a crystal.

    Raises:
        SimulationError: it is.
    """
    if order.mean() > 0.5 * reached:
        raise SimulationError(
            f"the half that was to melt is still a crystal after {config.hot_ps:g} ps at "
            f"{config.hot_ratio * config.temperature_K:.0f} K and as long at the guess: give a larger --hot-ratio or "
            "--hot-ps, or a higher --temperature"
        )


def beside(cell: Cell, crystal: Atoms, liquid: Atoms) -> Atoms:
    """The lower half of the crystal and the liquid, with gaps that keep their atoms apart; without velocities."""
    lower = cell.crystal.repeat(cell.repeats).get_scaled_positions()[:, 2] < 0.5 - 1e-6
    half, upper = bare(crystal[lower]), bare(liquid)
    upper.wrap()
    heights = 0.5 * crystal.cell.lengths()[2], liquid.cell.lengths()[2]
    nearest = float(np.partition(cell.crystal.repeat(2).get_distances(0, slice(None), mic=True), 1)[1])
    gap = 0.0
    while True:
        joined: Atoms = half.copy()
        moved = upper.copy()
        moved.positions[:, 2] += heights[0] + gap
        joined += moved
        joined.set_cell(np.diag([*crystal.cell.lengths()[:2], sum(heights) + 2.0 * gap]))
        joined.pbc = True
        if gap > nearest or _closest(joined, len(half)) > CLOSEST * nearest:
            return joined
        gap += GAP_STEP_A


def _closest(atoms: Atoms, n_first: int) -> float:
    """Å, the smallest distance between an atom of the first part and one of the second."""
    edges = atoms.cell.lengths()
    found = []
    for place in atoms.positions[:n_first]:
        apart = atoms.positions[n_first:] - place
        apart -= edges * np.rint(apart / edges)
        found.append(np.einsum("ij,ij->i", apart, apart).min())
    return float(np.sqrt(min(found)))
