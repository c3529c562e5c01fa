"""The state of a relaxation: the atoms, what the optimiser moves, the optimiser, and the steps so far."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.optimize.optimize import Optimizer
from numpy.typing import NDArray

from alignn_ff.cells import volume_A3
from alignn_ff.io import check_atoms
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.domain import RelaxationGuard
from alignn_ff.relax.optimizers import OPTIMIZERS
from alignn_ff.relax.periodic_size import periodic_size
from alignn_ff.relax.result import RelaxStep
from alignn_ff.relax.state import RelaxState, memory_of
from alignn_ff.relax.strain import CELL_MODES, StrainFilter, StrainSpace, strain_space
from alignn_ff.relax.symmetry import keep_symmetry, reported_space_group
from alignn_ff.runs.domain import findings_of
from alignn_ff.runs.model_record import describe_model


class Relaxation:
    """All that changes while a structure relaxes.

    Args:
        start: not changed; ``atoms`` is the copy that moves.
        calculator: any ASE calculator.
        config: how to relax.

    Raises:
        StructureError: the structure is invalid, has no cell that can relax, or no symmetry that can be kept.
    """

    def __init__(self, start: Atoms, calculator: BaseCalculator, config: RelaxConfig) -> None:
        check_atoms(start)
        self.start, self.config, self.calculator = start, config, calculator
        self.atoms: Atoms = start.copy()
        self.space = strain_space(self.atoms, config.relax_cell, pressure_GPa=config.pressure_GPa)
        self.atoms.calc = calculator
        self.atoms.get_forces()  # errors of the input are raised here, before a file is opened
        self.guard = RelaxationGuard(config.outside, findings_of(calculator), volume_A3(start))
        self.group_before = self.space_group()
        if config.keep_symmetry:
            keep_symmetry(self.atoms, self.space, tolerance_A=config.symmetry_tolerance_A)
        self.target: Any = self._target(self.space)
        self.stuck = False
        self.optimizer: Optimizer = OPTIMIZERS[config.optimizer].build(self.target)
        self.steps: list[RelaxStep] = []

    def _target(self, space: StrainSpace | None) -> Any:  # ASE's optimisers take atoms and filters
        return self.atoms if space is None else StrainFilter(self.atoms, space, self.config.pressure_GPa)

    def measure(self, *, converged: bool) -> RelaxStep:
        """The current step."""
        forces = self.atoms.get_forces()
        energy = float(self.atoms.get_potential_energy())
        cell_force, enthalpy = None, energy
        self.begin_step()
        if self.space is not None:
            cell_force = float(np.linalg.norm(self.target.get_forces()[-3:], axis=1).max())
            enthalpy = float(self.target.get_potential_energy())
        return RelaxStep(
            step=self.optimizer.nsteps,
            energy_eV=energy,
            enthalpy_eV=enthalpy,
            max_force_eV_per_A=float(np.linalg.norm(forces, axis=1).max()),
            max_cell_force_eV_per_A=cell_force,
            size=periodic_size(self.atoms, self.directions()),
            converged=converged,
        )

    def begin_step(self) -> None:
        """Drop what the filter remembers within a step, so that a step after a restart begins like any other."""
        if self.space is not None:
            self.target.begin_step()

    def directions(self) -> NDArray[np.bool_]:
        """(3,) lattice vectors along which the structure is infinite; the one across the vacuum of a slab is not."""
        return CELL_MODES[self.config.relax_cell].directions(self.start)

    def space_group(self, atoms: Atoms | None = None) -> str | None:
        """Of a structure; None means the current one."""
        return reported_space_group(self.atoms if atoms is None else atoms, self.config)

    def state(self, run: Mapping[str, Any]) -> RelaxState:
        """What a restart needs."""
        return RelaxState(
            config=self.config,
            start=self.start,
            positions=self.atoms.positions.copy(),
            cell=self.atoms.cell.array.copy(),
            memory=memory_of(self.optimizer, OPTIMIZERS[self.config.optimizer].state),
            steps=tuple(self.steps),
            model=describe_model(self.calculator),
            run=run,
        )
