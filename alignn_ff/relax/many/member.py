"""One structure among those that relax together: its part of the arrays, its steps, and its result."""

from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from alignn_ff.cells import volume_A3
from alignn_ff.domain import Finding
from alignn_ff.potential import Potential
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.domain import RelaxationGuard, judge
from alignn_ff.relax.many.evaluation import Moving, Numbers
from alignn_ff.relax.periodic_size import periodic_size
from alignn_ff.relax.result import RelaxResult, RelaxStep
from alignn_ff.relax.strain import CELL_MODES, strain_space
from alignn_ff.relax.symmetry import reported_space_group
from alignn_ff.runs.model_record import ModelRecord
from alignn_ff.runs.uncertainty import NO_DEVIATIONS, predicted_deviations

Matrix = NDArray[np.float64]


def suits(atoms: Atoms) -> bool:
    """Whether a structure can be part of the arrays: it has at most fixed atoms as constraints, no further features."""
    return all(isinstance(one, FixAtoms) for one in atoms.constraints) and "extra_features" not in atoms.arrays


class _Admitted(NamedTuple):
    """An admitted step: where the atoms were, and what the model gave."""

    step: RelaxStep
    positions: Matrix
    cell: Matrix
    numbers: Numbers
    findings: tuple[Finding, ...]


class Member:
    """One relaxation.

    Args:
        key: of the caller.
        start: not changed.
        potential: that evaluates it.
        config: how it relaxes.
        slot: in the arrays of the optimiser.

    Attributes:
        moving: the copy that moves.
        n_steps: made so far.
        seconds: its share of the time of all passes.

    Raises:
        StructureError, ElementNotCoveredError, MemoryLimitError, ConfigError: as :func:`alignn_ff.relax.relax`.
    """

    def __init__(self, key: int, start: Atoms, potential: Potential, config: RelaxConfig, slot: int) -> None:
        self.key, self.start, self.slot, self._config = key, start, slot, config
        self.space = strain_space(start, config.relax_cell, pressure_GPa=config.pressure_GPa)
        self.moving = Moving(start.copy(), potential)
        self.free = np.ones((len(start), 1))
        for constraint in start.constraints:
            self.free[constraint.index] = 0.0
        self.n_steps, self.seconds = 0, 0.0
        self._potential, self._guard = potential, None  # type: Potential, RelaxationGuard | None
        self._first: _Admitted | None = None
        self._last: _Admitted | None = None

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.start)

    def see(self, step: RelaxStep, numbers: Numbers) -> tuple[bool, str | None]:
        """Admit a step or not.

        Returns:
            Whether the relaxation is over, and a reason other than convergence or the number of steps.

        Raises:
            NotFiniteError: energy or forces are not finite numbers.
        """
        atoms = self.moving.atoms
        findings = self._potential.outside(atoms, numbers.pairs, numbers.energy, numbers.forces)
        if self._guard is None:
            self._guard = RelaxationGuard(self._config.outside, findings, volume_A3(self.start))
        admitted, reason = judge(self._guard, step, findings)
        if admitted is None:
            return True, reason
        self._last = _Admitted(admitted, atoms.positions.copy(), atoms.cell.array.copy(), numbers, findings)
        self._first = self._first or self._last
        return reason is not None or admitted.converged or self.n_steps >= self._config.max_steps, reason

    @property
    def started(self) -> bool:
        """Whether a step was admitted."""
        return self._last is not None

    @property
    def inside(self) -> bool:
        """Whether the last step that was admitted is inside of the training data."""
        return self._last is not None and not self._last.findings

    def result(self, reason: str | None, model: ModelRecord) -> RelaxResult:
        """What was reached: the last step that was admitted."""
        assert self._first is not None
        assert self._last is not None
        directions = CELL_MODES[self._config.relax_cell].directions(self.start)
        before, after = self._structure(self._first), self._structure(self._last)
        return RelaxResult(
            atoms=after,
            config=self._config,
            steps=(
                self._first.step._replace(size=periodic_size(before, directions)),
                self._last.step._replace(size=periodic_size(after, directions)),
            ),
            held_strains=() if self.space is None else self.space.held,
            space_group_before=None,  # the search takes as long as several steps of a small cell
            space_group_after=reported_space_group(after, self._config),
            ended_by=reason,
            wall_time_s=self.seconds,
            model=model,
            stopped=reason is not None,
            outside=self._last.findings,
            deviations=NO_DEVIATIONS if reason is not None else predicted_deviations(after, self._potential),
        )

    def _structure(self, admitted: _Admitted) -> Atoms:
        atoms: Atoms = self.start.copy()
        atoms.set_cell(admitted.cell, apply_constraint=False)
        atoms.set_positions(admitted.positions, apply_constraint=False)
        numbers = admitted.numbers
        kept: dict[str, object] = {"energy": numbers.energy, "forces": numbers.forces.copy()}
        if not np.isnan(numbers.stress).any():
            kept["stress"] = full_3x3_to_voigt_6_stress(numbers.stress)
        atoms.calc = SinglePointCalculator(atoms, **kept)
        return atoms
