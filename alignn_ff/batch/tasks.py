"""What a batch can compute: one table of tasks, and every property of one structure.

A task takes a structure and gives an :class:`Outcome`; errors of the structure are raised. A task whose structures can
share passes through the network also gives a :class:`Flight`.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff.batch.dynamics import ManyMDConfig, md, md_together, variants
from alignn_ff.batch.flight import Around, Flight
from alignn_ff.batch.outcome import Outcome
from alignn_ff.domain import OutsideWord
from alignn_ff.properties import PROPERTIES
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.domain import OUTSIDE_WORDS
from alignn_ff.runs.config import RunConfig
from alignn_ff.runs.domain import OutsideChoice, calculator_word
from alignn_ff.runs.landed import Landed
from alignn_ff.runs.uncertainty import Deviations

if TYPE_CHECKING:
    from alignn_ff.relax.many import RelaxFlight  # noqa: F401 - named in a base class
    from alignn_ff.relax.result import RelaxResult


class Compute(Protocol):
    """Computes one structure."""

    def __call__(self, atoms: Atoms, calculator: BaseCalculator, config: Any, prefix: Path) -> Outcome:
        """The outcome; names of the files that it writes, if any, begin with ``prefix``."""


class MakeFlight(Protocol):
    """Gives a flight, or None where this calculator and config have none."""

    def __call__(self, calculator: BaseCalculator, config: Any, *, n_slots: int) -> Flight | None:
        """At most ``n_slots`` structures are open."""


def no_flight(calculator: BaseCalculator, config: Any, *, n_slots: int) -> Flight | None:  # noqa: ARG001
    """None: the structures of the task do not share passes by themselves."""
    return None


def only_itself(config: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:  # noqa: ARG001
    """The structure, with the config as it is."""
    return (("", {}),)


class Task(NamedTuple):
    """One task.

    Attributes:
        help: what it is, in one sentence.
        config: gives the class of its config, which has a field ``outside``.
        compute: structure, calculator, config, prefix of files → outcome.
        calculator_word: what the calculator does outside of the training data, from what the user chose.
        flight: calculator, config, number of slots → a flight.
        variants: config → what is computed of each structure: an ending of its id, and the settings that differ.
    """

    help: str
    config: Callable[[], type[RunConfig]]
    compute: Compute
    calculator_word: Callable[[OutsideWord], OutsideWord] = calculator_word
    flight: MakeFlight = no_flight
    variants: Callable[[Any], Iterable[tuple[str, Mapping[str, Any]]]] = only_itself


def energy(atoms: Atoms, calculator: BaseCalculator, config: OutsideChoice, prefix: Path) -> Outcome:  # noqa: ARG001
    """One evaluation."""
    from alignn_ff.runs.evaluation import single_point

    point = single_point(atoms, calculator)
    kept = {"energy": point.energy_eV, "forces": point.forces_eV_per_A}
    if point.stress_eV_per_A3 is not None:
        kept["stress"] = point.stress_eV_per_A3
    result = atoms.copy()
    result.calc = SinglePointCalculator(result, **kept)
    numbers = {
        "energy_eV": point.energy_eV,
        "energy_eV_per_atom": point.energy_eV / len(atoms),
        "max_force_eV_per_A": float((point.forces_eV_per_A**2).sum(axis=1).max() ** 0.5),
        **_uncertain(point.deviations),
    }
    detail = {"outside": [finding.message for finding in point.outside]}
    return Outcome("done", numbers, result, detail, n_evaluations=1)


def _uncertain(deviations: Deviations) -> dict[str, float]:
    """Standard deviations of a structure; empty for a model that has none."""
    energy, forces = deviations.energy_eV, deviations.forces_eV_per_A
    found = {} if energy is None else {"energy_std_eV": energy}
    return found if forces is None else {**found, "max_force_std_eV_per_A": float(forces.max())}


def relax(atoms: Atoms, calculator: BaseCalculator, config: RelaxConfig, prefix: Path) -> Outcome:  # noqa: ARG001
    """A relaxation."""
    from alignn_ff.relax import relax as relax_one

    return _relaxed(relax_one(atoms, calculator, config=config))


def relax_together(calculator: BaseCalculator, config: RelaxConfig, *, n_slots: int) -> Flight | None:
    """Relaxations that share passes; None where they cannot.

    Raises:
        ConfigError: they were to stay on the device of the network, and cannot.
    """
    from alignn_ff.calculator import AlignnCalculator
    from alignn_ff.relax.many import RelaxFlight, shares_passes

    if isinstance(calculator, AlignnCalculator) and calculator.resident:
        from alignn_ff.relax.resident import ResidentFlight

        return _Relaxations(ResidentFlight(calculator, config, n_slots=n_slots))
    if not shares_passes(calculator, config):
        return None
    return _Relaxations(RelaxFlight(calculator, config, n_slots=n_slots))


class _Relaxations(Around["RelaxFlight"]):
    """Relaxations that share passes, as a :class:`Flight`."""

    def add(self, key: int, atoms: Atoms, config: RelaxConfig, prefix: Path) -> None:  # noqa: ARG002 - no files
        self._flight.add(key, atoms)

    def close(self) -> None:
        """There are no files."""

    def advance(self) -> list[Landed[Outcome]]:
        return [
            Landed(key, result if isinstance(result, Exception) else _relaxed(result), seconds)
            for key, result, seconds in self._flight.advance()
        ]


def _relaxed(result: "RelaxResult") -> Outcome:
    """Of a relaxation; one that left the training data, or whose energy could not be computed, has failed."""
    after, n_atoms = result.after, len(result.atoms)
    numbers = {
        "energy_eV": after.energy_eV,
        "energy_eV_per_atom": after.energy_eV / n_atoms,
        "energy_before_eV": result.before.energy_eV,
        "max_force_eV_per_A": after.max_force_eV_per_A,
        "volume_A3": result.volume_after_A3,
        "n_steps": after.step,
        "space_group": result.space_group_after,
        **_uncertain(result.deviations),
    }
    detail = {"outside": [finding.message for finding in result.outside]}
    n_evaluations = after.step + 1
    if result.stopped:
        told = result.ended_by or ""
        reason = "outside the domain" if told.startswith(OUTSIDE_WORDS) else "exploded"
        return Outcome("failed", numbers, result.atoms, detail, reason, "relax", told, n_evaluations)
    if after.converged:
        return Outcome("done", numbers, result.atoms, detail, n_evaluations=n_evaluations)
    told = result.ended_by or f"{after.step} steps, largest force {after.max_force_eV_per_A:.3g} eV/Å"
    return Outcome("not converged", numbers, result.atoms, detail, "", "relax", told, n_evaluations)


TASKS: Final[dict[str, Task]] = {
    "energy": Task("Energy, forces and stress of each structure.", lambda: OutsideChoice, energy, lambda word: word),
    "relax": Task("Relax each structure, and optionally its cell.", lambda: RelaxConfig, relax, flight=relax_together),
    "md": Task(
        "Molecular dynamics of each structure.", lambda: ManyMDConfig, md, flight=md_together, variants=variants
    ),
}
"""Name → task beside the properties."""


def all_tasks() -> dict[str, Task]:
    """All tasks: those of :data:`TASKS`, and the properties of one structure as their table is now."""
    singles = {name: row for name, row in PROPERTIES.items() if len(row.inputs) == 1 and not row.many}
    return {**TASKS, **{name: Task(row.help, row.config, _Property(name)) for name, row in singles.items()}}


class _Property:
    """Computes a property of one structure."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, atoms: Atoms, calculator: BaseCalculator, config: Any, prefix: Path) -> Outcome:  # noqa: ARG002
        from alignn_ff.properties.result import with_findings
        from alignn_ff.properties.work import Work

        work = Work(calculator, outside=config.outside)
        result = with_findings(PROPERTIES[self._name].run((atoms,), config, work), work)
        content = result.to_json()
        detail = {name: content[name] for name in ("checks", "remarks", "tables")}
        numbers = {**result.summary, "remarks": " ".join(remark.code for remark in result.remarks)}
        return Outcome("done", numbers, result.atoms, detail, n_evaluations=work.n_evaluations)
