"""Relaxations in flight: a set of open structures, refilled as members end, whose evaluations share passes.

In: structures, one at a time. Out: the result of each when it ends, the same as that of :func:`alignn_ff.relax.relax`
with the same optimiser, except for the order of sums in the network and in the optimiser.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import AlignnError, ConfigError, NotFiniteError
from alignn_ff.io import check_atoms
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.many.deformation import Deformation, deformation, strain_gradient
from alignn_ff.relax.many.evaluation import Evaluator, Numbers
from alignn_ff.relax.many.member import Member, suits
from alignn_ff.relax.optimizers import OPTIMIZERS
from alignn_ff.relax.relaxation import relax
from alignn_ff.relax.result import RelaxResult, RelaxStep
from alignn_ff.relax.stepping.stepper import longest_row, with_rows
from alignn_ff.relax.strain import CELL_MODES
from alignn_ff.runs.landed import Landed
from alignn_ff.runs.model_record import describe_model
from alignn_ff.units import GPA_PER_EV_PER_A3

CELL_ROWS = 3
"""Rows of a slot before the atoms, where the cell relaxes: the strain times the number of atoms, as ASE scales it."""


def shares_passes(calculator: BaseCalculator, config: RelaxConfig) -> bool:
    """Whether relaxations can share passes.

    They need a model of this package without dispersion, an optimiser for many structures, and no symmetry to keep.
    """
    return (
        isinstance(calculator, AlignnCalculator)
        and calculator.dispersion is None
        and OPTIMIZERS[config.optimizer].many is not None
        and not config.keep_symmetry
    )


class RelaxFlight:
    """Relaxes structures together.

    Args:
        calculator: a model of this package, without dispersion.
        config: how to relax; the optimiser has a form for many structures.
        n_slots: largest number of open structures.

    Raises:
        ConfigError: the relaxations cannot share passes.
    """

    def __init__(self, calculator: BaseCalculator, config: RelaxConfig, *, n_slots: int) -> None:
        kind = OPTIMIZERS[config.optimizer].many
        if not isinstance(calculator, AlignnCalculator) or not shares_passes(calculator, config) or kind is None:
            suitable = ", ".join(name for name, row in OPTIMIZERS.items() if row.many is not None)
            raise ConfigError(
                f"relaxations share passes with the optimisers {suitable}, without dispersion and without keeping the "
                "symmetry; use one of these, or relax one structure at a time"
            )
        self._calculator, self._config, self._optimizer = calculator, config, kind(n_slots)
        self._evaluator, self._model = Evaluator(calculator.potential), describe_model(calculator)
        self._open: dict[int, Member] = {}
        self._alone: list[tuple[int, Atoms]] = []
        self._first_row = 0 if CELL_MODES[config.relax_cell].project is None else CELL_ROWS
        self._x = np.zeros((n_slots, self._first_row, 3))
        self._gradient, self._value = self._x.copy(), np.zeros(n_slots)

    @property
    def n_open(self) -> int:
        """Structures that have not ended."""
        return len(self._open) + len(self._alone)

    @property
    def has_room(self) -> bool:
        """Whether another structure can be added."""
        return self.n_open < len(self._x)

    def add(self, key: int, atoms: Atoms) -> None:
        """Begin a relaxation; it is not changed.

        Raises:
            StructureError, ElementNotCoveredError, MemoryLimitError, ConfigError: as :func:`alignn_ff.relax.relax`.
        """
        check_atoms(atoms)
        if not suits(atoms):
            self._alone.append((key, atoms))
            return
        slot = min(set(range(len(self._x))) - set(self._open))
        member = Member(key, atoms, self._calculator.potential, self._config, slot)
        n_rows = self._first_row + member.n_atoms
        self._x, self._gradient = with_rows(self._x, n_rows), with_rows(self._gradient, n_rows)
        self._x[slot], self._gradient[slot] = 0.0, 0.0
        self._x[slot, self._first_row : n_rows] = atoms.positions
        self._optimizer.begin(slot, n_rows=n_rows)
        self._open[slot] = member

    def advance(self) -> list[Landed[RelaxResult]]:
        """Evaluate every open structure once, and move it.

        Returns:
            Those that ended.
        """
        landed = [self._relaxed_alone(key, atoms) for key, atoms in self._alone]
        self._alone.clear()
        members = sorted(self._here(), key=lambda member: member.key)
        if not members:
            return landed
        began = time.perf_counter()
        at = self._placed(members)
        found = self._evaluator.numbers([member.moving for member in members])
        per_atom = (time.perf_counter() - began) / sum(member.n_atoms for member in members)
        for member in members:
            member.seconds += per_atom * member.n_atoms
        ended = {member.slot: self._failed(member, each) for member, each in _errors(members, found)}
        numbers = {member.slot: each for member, each in zip(members, found, strict=True) if isinstance(each, Numbers)}
        self._fill(members, numbers, at)
        ended.update(self._moved(numbers))
        return [*landed, *(self._closed(slot, result) for slot, result in ended.items())]

    def _here(self) -> Iterable[Member]:
        """The open structures that :meth:`advance` evaluates."""
        return self._open.values()

    def _placed(self, members: Sequence[Member]) -> Deformation | None:
        """Move atoms and cells to the coordinates; the deformations of the members, None if no cell relaxes."""
        slots = [member.slot for member in members]
        at = None
        if self._first_row:
            n_atoms = np.array([member.n_atoms for member in members], dtype=np.float64)
            at = deformation(self._x[slots, :CELL_ROWS] / n_atoms[:, None, None])
        for k, member in enumerate(members):
            atoms, rows = member.moving.atoms, self._x[member.slot, self._first_row :][: member.n_atoms]
            atoms.arrays["positions"] = rows.copy() if at is None else rows @ at.matrix[k]
            if at is not None:
                atoms.cell.array[...] = member.start.cell.array @ at.matrix[k]
        return at

    def _fill(self, members: Sequence[Member], numbers: Mapping[int, Numbers], at: Deformation | None) -> None:
        """Set values and gradients, of the enthalpy with respect to the coordinates."""
        virial = np.zeros((len(members), 3, 3))
        pressure = self._config.pressure_GPa / GPA_PER_EV_PER_A3
        for k, member in enumerate(members):
            if member.slot not in numbers:
                continue
            found, volume = numbers[member.slot], abs(float(np.linalg.det(member.moving.atoms.cell.array)))
            forces = member.free * found.forces
            self._value[member.slot] = found.energy + pressure * volume
            rows = self._gradient[member.slot, self._first_row :][: member.n_atoms]
            rows[...] = -forces if at is None else -forces @ at.matrix[k]
            if at is not None:
                virial[k] = -volume * (found.stress + pressure * np.eye(3))
        if at is None:
            return
        along = strain_gradient(at, virial)
        for k, member in enumerate(members):
            assert member.space is not None
            self._gradient[member.slot, :CELL_ROWS] = -member.space.project(along[k]) / member.n_atoms

    def _moved(self, numbers: Mapping[int, Numbers]) -> dict[int, RelaxResult | Exception]:
        """Move those that go on; the results of the others, by slot."""
        asked = np.array(sorted(numbers), dtype=np.intp)
        back, shorter = self._optimizer.retry(self._x, self._value, asked)
        self._x[back] = shorter
        ended, going = dict[int, RelaxResult | Exception](), list[int]()
        for slot in sorted(set(numbers) - set(back.tolist())):
            member = self._open[slot]
            try:
                over, reason = member.see(self._step(member, numbers[slot]), numbers[slot])
            except NotFiniteError as error:
                ended[slot] = self._failed(member, error)
                continue
            if over:
                ended[slot] = member.result(reason, self._model)
            else:
                going.append(slot)
                member.n_steps += 1
        chosen = np.array(going, dtype=np.intp)
        self._x[chosen] = self._optimizer.step(self._x, self._value, self._gradient, chosen)
        return ended

    def _step(self, member: Member, numbers: Numbers) -> RelaxStep:
        gradient = self._gradient[member.slot]
        cell_force = float(longest_row(gradient[None, :CELL_ROWS])[0]) if self._first_row else None
        return RelaxStep(
            step=member.n_steps,
            energy_eV=numbers.energy,
            enthalpy_eV=float(self._value[member.slot]),
            max_force_eV_per_A=float(longest_row((member.free * numbers.forces)[None])[0]),
            max_cell_force_eV_per_A=cell_force,
            size=None,
            converged=bool(longest_row(gradient[None])[0] < self._config.fmax_eV_per_A),
        )

    def _failed(self, member: Member, error: Exception) -> RelaxResult | Exception:
        """A start that cannot be evaluated is an error; later, the last step that was admitted is the result."""
        if not member.started or not isinstance(error, AlignnError):
            return error
        told = str(error)
        if not isinstance(error, NotFiniteError):
            told = f"the relaxation stopped at step {member.n_steps}: {error}"
        return member.result(told, self._model)

    def _closed(self, slot: int, result: RelaxResult | Exception) -> Landed[RelaxResult]:
        member = self._open.pop(slot)
        return Landed(member.key, result, member.seconds)

    def _relaxed_alone(self, key: int, atoms: Atoms) -> Landed[RelaxResult]:
        began = time.perf_counter()
        try:
            result: RelaxResult | Exception = relax(atoms, self._calculator, config=self._config)
        except (AlignnError, RuntimeError) as error:
            result = error
        return Landed(key, result, time.perf_counter() - began)


def relax_many(
    structures: Iterable[Atoms], calculator: BaseCalculator, *, config: RelaxConfig, together: int = 32
) -> Iterator[Landed[RelaxResult]]:
    """Relax structures together.

    Args:
        structures: read when there is room for them.
        calculator: a model of this package, without dispersion.
        config: how to relax.
        together: number of open structures.

    Returns:
        Each in the order in which they end; the key is the place among the structures, from 0.

    Raises:
        ConfigError: the relaxations cannot share passes.
    """
    flight = RelaxFlight(calculator, config, n_slots=together)
    waiting = enumerate(structures)
    while True:
        while flight.has_room and (following := next(waiting, None)) is not None:
            try:
                flight.add(*following)
            except AlignnError as error:
                yield Landed(following[0], error, 0.0)
        if not flight.n_open:
            return
        yield from flight.advance()


def _errors(members: Sequence[Member], found: Sequence[Numbers | Exception]) -> Iterator[tuple[Member, Exception]]:
    for member, each in zip(members, found, strict=True):
        if isinstance(each, Exception):
            yield member, each
