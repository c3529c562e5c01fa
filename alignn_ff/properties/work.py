"""The work of a property: relaxations and evaluations with any ASE calculator, each done once and kept on disk.

Every piece of work has a name. With a :class:`Journal`, its result is written when it is done, and a restart reads it
back instead of repeating it; numbers are written so that they read back to the same bits.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, PropertyNotImplementedError
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from alignn_ff.domain import OUTSIDE, Finding, OutsideError, OutsideWord
from alignn_ff.errors import NotFiniteError, SimulationError
from alignn_ff.properties.errors import NotConvergedError
from alignn_ff.properties.journal import Journal
from alignn_ff.relax import RelaxConfig, relax
from alignn_ff.runs.domain import findings_of_many
from alignn_ff.runs.model_record import ModelRecord, describe_model

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]
CHUNK_ATOMS = 4000
"""Structures are evaluated, and written to the journal, in groups of about this number of atoms."""

Notify = Callable[[str, int, int], None]
"""Called with the name of the work, the number of parts done, and their total number."""


class Evaluation(NamedTuple):
    """One evaluation.

    Attributes:
        energy: eV, total.
        forces: (n_atoms, 3) eV/Å, constraints not applied.
        stress: (3, 3) eV/Å³, tension positive; NaN without a volume.
    """

    energy: float
    forces: FloatArray
    stress: FloatArray


class Relaxed(NamedTuple):
    """A relaxed structure.

    Attributes:
        atoms: without calculator and constraints.
        energy: eV, total.
        stress: (3, 3) eV/Å³, tension positive; NaN without a volume.
        n_steps: of the optimiser.
        converged: whether the limit on the forces was reached.
    """

    atoms: Atoms
    energy: float
    stress: FloatArray
    n_steps: int
    converged: bool = True


@runtime_checkable
class EvaluatesMany(Protocol):
    """A calculator that evaluates several structures at once."""

    def evaluate_many(self, structures: Sequence[Atoms]) -> list[tuple[float, FloatArray, FloatArray]]:
        """Energy, forces and (3, 3) stress of each structure."""


class Work:
    """Relaxations and evaluations of one property.

    Args:
        calculator: any ASE calculator.
        journal: where finished work is kept; None keeps nothing.
        notify: called while work is done.
        prefix: of the files of the run, for pieces of work that write their own; None has no files.
        outside: what happens outside of the training data of the model.

    Attributes:
        prefix: of the files of the run; None has no files.
        outside: what was outside of the training data: name of a check → the first sentence of its kind.
    """

    def __init__(
        self,
        calculator: BaseCalculator,
        *,
        journal: Journal | None = None,
        notify: Notify | None = None,
        prefix: Path | None = None,
        outside: OutsideWord = "stop",
    ) -> None:
        self._word, self.outside, self._evaluations = outside, dict[str, str](), Counter[str]()
        self.prefix = prefix
        self.calculator = calculator
        self._journal = journal or Journal()
        self._notify: Notify = notify or (lambda _name, _done, _total: None)
        self._prefix = ""

    def within(self, part: str) -> "Work":
        """The same work for a part of a run, whose names begin with that of the part."""
        inner = copy(self)
        inner._prefix = f"{self._prefix}{part}: "
        return inner

    @property
    def model(self) -> ModelRecord:
        """The model used."""
        return describe_model(self.calculator)

    @property
    def n_evaluations(self) -> int:
        """Evaluations made so far, also by the parts of the run; what a journal held is not counted."""
        return self._evaluations.total()

    def advanced(self, name: str, done: int, total: int) -> None:
        """Count one evaluation of a longer piece of work, and announce how far it is."""
        self._evaluations[name] += 1
        self._notify(self._prefix + name, done, total)

    def tell(self, what: str) -> None:
        """Announce work that is not an evaluation."""
        self._notify(what, 0, 1)

    def relax(
        self, name: str, atoms: Atoms, config: RelaxConfig, *, or_else: str = "", must_converge: bool = True
    ) -> Relaxed:
        """Relax a structure.

        Args:
            name: of this piece of work, unique in the run.
            atoms: start, with its constraints.
            config: how.
            or_else: what to do about a relaxation that does not converge, for the message.
            must_converge: whether one that does not converge is an error.

        Raises:
            NotConvergedError: the limit on the forces was not reached.
            StructureError, SimulationError: as :func:`alignn_ff.relax.relax`.
        """
        name = self._prefix + name
        kept = self._journal.read(name)
        if kept is None:
            self._notify(name, 0, 1)
            result = relax(atoms, self.calculator, config=config.model_copy(update={"outside": self._word}))
            self._evaluations[name] += result.after.step + 1
            if result.stopped:
                raise SimulationError(f"{name}: the relaxation stopped, {result.ended_by}")
            self._judge(name, result.outside)
            if must_converge and not result.after.converged:
                raise NotConvergedError(
                    f"{name}: the relaxation did not converge in {result.after.step} steps; the largest force is "
                    f"{result.after.max_force_eV_per_A:.2g} eV/Å, the limit {config.fmax_eV_per_A:g}. "
                    f"{or_else or 'Allow more --max-steps, a larger --fmax, or use --dtype float64'}"
                )
            energy, stress = self._energy_and_stress(result.atoms)
            kept = {
                "cell": result.atoms.cell.array.tolist(),
                "positions": result.atoms.positions.tolist(),
                "energy": energy,
                "stress": stress.tolist(),
                "n_steps": result.after.step,
                "converged": result.after.converged,
            }
            self._journal.write(name, kept)
        else:
            self._add(name, self._journal.read(f"{name}, outside") or {})
        relaxed = atoms.copy()
        relaxed.calc = None
        relaxed.set_constraint()
        relaxed.set_cell(kept["cell"])
        relaxed.positions = np.array(kept["positions"])
        return Relaxed(relaxed, kept["energy"], np.array(kept["stress"]), kept["n_steps"], kept["converged"])

    def evaluate(self, name: str, structures: Sequence[Atoms]) -> list[Evaluation]:
        """Evaluate structures, several at once where the calculator can.

        Args:
            name: of this piece of work, unique in the run.
            structures: of any kind.

        Raises:
            SimulationError: an energy or force is not a finite number.
        """
        name = self._prefix + name
        evaluations: list[Evaluation] = []
        for start, group in _groups(structures):
            part = f"{name} [{start}]"
            kept = self._journal.read(part)
            if kept is None:
                self._notify(name, start, len(structures))
                found = self._evaluate(group, name)
                self._judge(part, findings_of_many(self.calculator))
                kept = [(e.energy, e.forces.tolist(), e.stress.tolist()) for e in found]
                self._journal.write(part, kept)
            else:
                self._add(part, self._journal.read(f"{part}, outside") or {})
            evaluations.extend(Evaluation(e, np.array(f).reshape(-1, 3), np.array(s)) for e, f, s in kept)
        self._notify(name, len(structures), len(structures))
        return evaluations

    def _judge(self, name: str, findings: Sequence[Finding]) -> None:
        """Stop outside of the training data if the user chose so, and keep what was found.

        Raises:
            OutsideError: the numbers of this piece of work would be wrong.
        """
        stopping = [finding.message for finding in findings if finding.stops]
        if stopping and OUTSIDE[self._word].stops:
            raise OutsideError(f"{name}: outside of the training data: {stopping[0]}; --outside warn goes on")
        if findings:
            first = {finding.check: finding.message for finding in findings[::-1]}
            self._journal.write(f"{name}, outside", first)
            self._add(name, first)

    def _add(self, name: str, found: Mapping[str, str]) -> None:
        for check, message in found.items():
            self.outside.setdefault(check, f"{name}: {message}")

    def step(self, name: str, structures: Sequence[Atoms]) -> list[Evaluation]:
        """Evaluate the structures of one step of a longer piece of work; only its :meth:`save` keeps something.

        Args:
            name: of the piece of work, for messages.
            structures: of any kind.

        Raises:
            SimulationError: as :meth:`evaluate`.
        """
        return [one for _, group in _groups(structures) for one in self._evaluate(group, name)]

    def saved(self, name: str) -> Any:
        """The latest state of a longer piece of work; None where it has not begun."""
        return self._journal.read(self._prefix + name)

    def save(self, name: str, state: Any) -> None:
        """Keep the state of a longer piece of work, JSON-ready, in place of the one before."""
        self._journal.write(self._prefix + name, state)

    def _evaluate(self, structures: Sequence[Atoms], name: str) -> list[Evaluation]:
        self._evaluations[name] += len(structures)
        if isinstance(self.calculator, EvaluatesMany):
            found = [Evaluation(*one) for one in self.calculator.evaluate_many(structures)]
        else:
            found = [self._evaluate_one(atoms) for atoms in structures]
        for index, one in enumerate(found):
            if not (np.isfinite(one.energy) and np.isfinite(one.forces).all()):
                raise NotFiniteError(
                    f"{name}: energy or forces of structure {index} are not finite numbers; the model cannot be used "
                    "there. Are some atoms very close to each other?"
                )
        return found

    def _energy_and_stress(self, relaxed: Atoms) -> tuple[float, FloatArray]:
        """Of the last step of a relaxation; evaluated again only where the calculator gave no stress."""
        results = {} if relaxed.calc is None else relaxed.calc.results
        if {"energy", "stress"} <= results.keys():
            return float(results["energy"]), voigt_6_to_full_3x3_stress(results["stress"])
        evaluation = self._evaluate_one(relaxed)
        return evaluation.energy, evaluation.stress

    def _evaluate_one(self, atoms: Atoms) -> Evaluation:
        work = atoms.copy()
        work.calc = self.calculator
        try:
            stress: Any = voigt_6_to_full_3x3_stress(work.get_stress(apply_constraint=False))
        except PropertyNotImplementedError:
            stress = np.full((3, 3), np.nan)
        return Evaluation(float(work.get_potential_energy()), work.get_forces(apply_constraint=False), stress)


def _groups(structures: Sequence[Atoms]) -> list[tuple[int, list[Atoms]]]:
    """(index of the first, structures) of groups of about CHUNK_ATOMS atoms."""
    groups: list[tuple[int, list[Atoms]]] = []
    n_atoms = CHUNK_ATOMS
    for index, atoms in enumerate(structures):
        if n_atoms + len(atoms) > CHUNK_ATOMS:
            groups.append((index, []))
            n_atoms = 0
        groups[-1][1].append(atoms)
        n_atoms += len(atoms)
    return groups
