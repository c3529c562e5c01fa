"""The cell, and the runs that lead to a crystal in equilibrium with its liquid."""

from math import ceil
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.build import make_supercell

from alignn_ff.cells import face_distances_A
from alignn_ff.errors import StructureError
from alignn_ff.md import MDConfig
from alignn_ff.properties.coexistence.config import MeltingConfig
from alignn_ff.properties.coexistence.phases import OnePhase, Slabs, frames_of_block
from alignn_ff.properties.plan import Part, Parts, first_part
from alignn_ff.properties.reference import bare, check_crystal
from alignn_ff.properties.supercells import Repeats, check_size
from alignn_ff.properties.symmetry import conventional_cell
from alignn_ff.properties.work import Work

WHAT: Final = "a melting temperature"
FRAMES: Final = 200
"""Frames of the trajectory at constant enthalpy."""


class Cell(NamedTuple):
    """The crystal and how often it is repeated; the interface is normal to the third vector.

    Attributes:
        crystal: rectangular.
        repeats: along its vectors.
    """

    crystal: Atoms
    repeats: Repeats

    @property
    def n_atoms(self) -> int:
        """Of the supercell."""
        return len(self.crystal) * int(np.prod(self.repeats))


def cell_of(crystal: Atoms, config: MeltingConfig) -> Cell:
    """The rectangular conventional cell, repeated to a bar.

    Raises:
        StructureError: the crystal has no rectangular cell.
        ConfigError: it is too large.
    """
    conventional = conventional_cell(crystal, config.symmetry_tolerance_A)
    angles = conventional.cell.angles()
    if np.allclose(angles, [90, 90, 120], atol=0.01):
        conventional = make_supercell(conventional, [[1, 0, 0], [1, 2, 0], [0, 0, 1]])
    elif not np.allclose(angles, 90, atol=0.01):
        raise StructureError(
            f"{WHAT} needs a rectangular or hexagonal conventional cell; this one has angles of "
            f"{', '.join(f'{angle:.1f}' for angle in angles)}°"
        )
    across = np.ceil(config.min_width_A / face_distances_A(conventional.cell.array) - 1e-6)
    width = max(across[0] * conventional.cell.lengths()[0], across[1] * conventional.cell.lengths()[1])
    along = 2 * ceil(config.length_ratio * width / conventional.cell.lengths()[2] / 2 - 1e-6)
    cell = Cell(conventional, (int(across[0]), int(across[1]), along))
    check_size(
        cell.n_atoms,
        config.max_atoms,
        what=f"the cell for {WHAT}",
        n_relaxations=1,
        instead="Use a smaller --min-width or --length-ratio, or allow more atoms",
    )
    return cell


def crystal_run(config: MeltingConfig) -> MDConfig:
    """The crystal at the guess of the temperature; the lengths of its axes move."""
    return _run(config, _steps(config, config.crystal_ps), ensemble="npt_mtk", cell_motion="axes")


def melting_run(config: MeltingConfig) -> MDConfig:
    """The other half: hot at the volume of the crystal, then at the guess, where its length comes to the pressure."""
    steps, hot = _steps(config, config.hot_ps), config.hot_ratio * config.temperature_K
    stages = (
        {"name": "hot", "steps": steps, "ensemble": "nvt_langevin", "temperature_K": hot},
        {
            "name": "cooling",
            "steps": steps,
            "ensemble": "npt_mtk",
            "temperature_K": config.temperature_K,
            "pressure_GPa": config.pressure_GPa,
            "cell_motion": "axes",
            "cell_axes": "c",
        },
    )
    return _run(config, 2 * steps, stages=stages)


def joining_run(config: MeltingConfig) -> MDConfig:
    """Both halves free; the cell moves along the normal of the interface only."""
    steps = _steps(config, config.joining_ps)
    return _run(config, steps, ensemble="npt_mtk", cell_motion="axes", cell_axes="c")


def coexistence_run(config: MeltingConfig) -> MDConfig:
    """Constant enthalpy; the temperature comes to that of melting by itself."""
    steps = _steps(config, config.coexistence_ps)
    return _run(config, steps, ensemble="nph", cell_motion="isotropic", keep_velocities=True, frames=FRAMES)


def coexistence_ending(config: MeltingConfig, slabs: Slabs) -> OnePhase:
    """Ends the run at constant enthalpy when a phase is gone."""
    every = coexistence_run(config).write_every
    return OnePhase(slabs, every=every, n_frames=frames_of_block(every * config.timestep_fs / 1000.0))


def plan(atoms: Atoms, config: MeltingConfig, work: Work) -> Parts:  # noqa: ARG001
    """All steps of dynamics; those at constant enthalpy are fewer if a phase is gone."""
    check_crystal(atoms, WHAT)
    n_atoms = cell_of(bare(atoms), config).n_atoms
    runs = {
        "crystal": crystal_run(config),
        "liquid": melting_run(config),
        "joining": joining_run(config),
        "coexistence (at most)": coexistence_run(config),
    }
    steps = [Part(f"steps of dynamics, {name}", 1, n_atoms, run.steps) for name, run in runs.items()]
    return [first_part(atoms, config), *steps]


def _steps(config: MeltingConfig, time_ps: float) -> int:
    return max(1, round(1000.0 * time_ps / config.timestep_fs))


def _run(config: MeltingConfig, steps: int, *, frames: int = 50, **fields: object) -> MDConfig:
    pressure = {"pressure_GPa": config.pressure_GPa} if fields.get("ensemble") in ("npt_mtk", "nph") else {}
    return MDConfig.model_validate(
        {
            "steps": steps,
            "timestep_fs": config.timestep_fs,
            "temperature_K": config.temperature_K,
            "seed": config.seed,
            "write_every": max(1, steps // frames),
            "outside": config.outside,
            "quantities": ("velocities", "stress"),
            **pressure,
            **fields,
        }
    )
