"""Measure all laws on a force field.

In: a potential or a calculator. Out: a :class:`~alignn_ff.check.report.Report`.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.data import chemical_symbols

from alignn_ff.check.config import CheckConfig
from alignn_ff.check.efforts import EFFORTS, EffortRow
from alignn_ff.check.report import Broken, Report, Row, Verdict
from alignn_ff.errors import ConfigError
from alignn_ff.io import check_atoms
from alignn_ff.models import FAMILIES
from alignn_ff.potential import Potential
from alignn_ff.runs.model_record import ModelRecord, describe_model, software_versions
from alignn_ff.testing import (
    LAWS,
    TOLERANCES,
    CalculatorSubject,
    DoesNotApplyError,
    Effort,
    Law,
    Measured,
    PotentialSubject,
    Setting,
    natural_scale,
)

log = logging.getLogger(__name__)

OnRow = Callable[[Row], None]
Structures = Mapping[str, Atoms]

BATCH: Final = 16
"""Structures that are evaluated at once; more would need much memory for large networks."""

NO_STRUCTURES: Final[Structures] = {}


def _silent(_row: Row) -> None:
    return


def check_potential(
    potential: Potential,
    *,
    config: CheckConfig = CheckConfig(),  # noqa: B008 - immutable
    structures: Structures = NO_STRUCTURES,
    on_row: OnRow = _silent,
) -> Report:
    """Check a model of this package.

    Args:
        potential: the model; in float64 the limits are those of rounding.
        config: effort and strictness.
        structures: name → structure on which the laws are measured beside the examples.
        on_row: called after each law.

    Raises:
        StructureError, ElementNotCoveredError: a structure is not valid, or the model does not cover it.
    """
    for atoms in structures.values():
        potential.prepare(atoms)
    recipe, family = potential.header.graph, potential.header.model.name
    dtype = str(potential.dtype).removeprefix("torch.")
    setting = _setting(PotentialSubject(potential, BATCH), dtype, config, structures)
    setting = setting._replace(cutoffs_A=(recipe.line_cutoff, recipe.cutoff))
    expected = "" if FAMILIES[family].smooth else f"the energy of {family} is not smooth where an edge appears"
    model = describe_model(setting.subject.calculator())
    return _Checker(setting, config, expected, on_row).report(model)


def check_calculator(
    calculator: Calculator,
    *,
    elements: Sequence[int],
    dtype: str = "float64",
    config: CheckConfig = CheckConfig(),  # noqa: B008 - immutable
    structures: Structures = NO_STRUCTURES,
    on_row: OnRow = _silent,
) -> Report:
    """Check any ASE calculator.

    Args:
        calculator: gives energy and forces, and stress if it can.
        elements: atomic numbers of the structures that it is checked on.
        dtype: precision of its numbers, which decides the limits.
        config: effort, strictness, cutoff.
        structures: name → structure on which the laws are measured beside the examples.
        on_row: called after each law.

    Raises:
        StructureError: a structure is not valid.
        ConfigError: there is no element, or the precision is not known.
    """
    if not elements:
        raise ConfigError("give the elements that the calculator covers, such as --elements Si,O, or a structure")
    if dtype not in TOLERANCES:
        raise ConfigError(f"dtype is {dtype!r}; allowed are {', '.join(TOLERANCES)}")
    for atoms in structures.values():
        check_atoms(atoms)
    setting = _setting(CalculatorSubject(calculator, tuple(elements)), dtype, config, structures)
    if config.cutoff_A is not None:
        setting = setting._replace(cutoffs_A=(config.cutoff_A,))
    symbols = tuple(chemical_symbols[z] for z in elements)
    model = ModelRecord(type(calculator).__name__, elements=symbols, dtype=dtype)
    return _Checker(setting, config, "", on_row).report(model)


def _setting(
    subject: PotentialSubject | CalculatorSubject, dtype: str, config: CheckConfig, structures: Structures
) -> Setting:
    row = EFFORTS[config.effort]
    effort = Effort(row.scan_points, row.md_steps, row.n_pairs, row.moved_atoms)
    scale = natural_scale(subject.elements)
    return Setting(subject, TOLERANCES[dtype], scale=scale, structures=structures, effort=effort)


def _chosen(config: CheckConfig) -> dict[str, Law]:
    unknown = sorted(set(config.only) - LAWS.keys())
    if unknown:
        raise ConfigError(f"there is no law {', '.join(unknown)}; allowed are {', '.join(LAWS)}")
    return {name: law for name, law in LAWS.items() if not config.only or name in config.only}


@dataclass(frozen=True)
class _Case:
    """One case of a law that was tried: what was measured, or why not."""

    name: str
    measured: Measured | None = None
    error: str = ""
    skipped: str = ""

    @property
    def holds(self) -> bool:
        return not self.error and (self.measured is None or all(figure.holds for figure in self.measured.figures))

    @property
    def strain(self) -> float:
        if self.error:
            return float("inf")
        return -1.0 if self.measured is None else self.measured.worst.strain

    @property
    def broken(self) -> Broken:
        figures = () if self.measured is None else self.measured.figures
        told = dict.fromkeys(str(figure) for figure in figures if not figure.holds)
        return Broken(self.name, self.error or "; ".join(told))


class _Checker:
    """Measures the laws one after another.

    Args:
        setting: the force field.
        config: of the check.
        expected: why the energy is known not to be smooth; empty if it should be.
        on_row: called after each law.
    """

    def __init__(self, setting: Setting, config: CheckConfig, expected: str, on_row: OnRow) -> None:
        self.setting, self.config, self.expected, self.on_row = setting, config, expected, on_row
        self.effort: EffortRow = EFFORTS[config.effort]
        self.started = time.perf_counter()

    def report(self, model: ModelRecord) -> Report:
        """All rows."""
        rows = []
        for name, law in _chosen(self.config).items():
            rows.append(self._row(name, law))
            self.on_row(rows[-1])
        spent = time.perf_counter() - self.started
        return Report(model, self.config.effort, self.config.strict, tuple(rows), spent, software_versions())

    def _row(self, name: str, law: Law) -> Row:
        start = time.perf_counter()
        cases = list(self._cases(law))
        tried = [self._try(law, *case) for case in cases if not self._late()]
        worst = max(tried, key=lambda case: case.strain, default=_Case(""))
        measured = [case for case in tried if case.measured is not None or case.error]
        verdict = self._verdict(law, measured, n_cases=len(cases), n_tried=len(tried))
        broken = tuple(case.broken for case in measured if not case.holds)
        skipped = next((case.skipped for case in tried if case.skipped), "" if cases else "no structure was given")
        note = {"expected": self.expected, "not applicable": skipped}.get(verdict, worst.error)
        return Row(
            law=name,
            title=law.help,
            measured=law.measured,
            nature=law.nature,
            verdict=verdict,
            worst=None if worst.measured is None else worst.measured.worst,
            case=worst.name,
            n_cases=len(measured),
            n_left=len(cases) - len(tried),
            figures=() if worst.measured is None else worst.measured.figures,
            broken=broken,
            note=note,
            seconds=round(time.perf_counter() - start, 3),
            curves=tuple(curve for case in tried if case.measured is not None for curve in case.measured.curves),
        )

    def _verdict(self, law: Law, measured: Sequence[_Case], *, n_cases: int, n_tried: int) -> Verdict:
        if not measured:
            return "not run" if n_tried < n_cases else "not applicable"
        if any(case.error for case in measured) and law.nature != "smoothness":
            return "failed"
        if all(case.holds for case in measured):
            return "measured" if law.nature == "figure" else "passed"
        if law.nature == "judgement":
            return "warning"
        return "expected" if law.nature == "smoothness" and self.expected else "failed"

    def _late(self) -> bool:
        limit = self.config.seconds or self.effort.seconds
        return limit is not None and time.perf_counter() - self.started > limit

    def _cases(self, law: Law) -> Iterator[tuple[str, dict[str, object]]]:
        values = {parameter: self._values(law, parameter) for parameter in law.cases}
        for chosen in itertools.product(*(each.items() for each in values.values())):
            yield ", ".join(name for name, _ in chosen), dict(zip(values, (v for _, v in chosen), strict=True))

    def _values(self, law: Law, parameter: str) -> dict[str, object]:
        values = dict(law.cases[parameter])
        if not self.effort.all_cases and parameter in law.quick:
            values = {name: values[name] for name in law.quick[parameter]}
        if parameter == "name":
            values |= {name: name for name, atoms in self.setting.structures.items() if law.suits(atoms)}
        return values

    def _try(self, law: Law, name: str, case: dict[str, object]) -> _Case:
        try:
            return _Case(name, law.measure(self.setting, **case))
        except DoesNotApplyError as reason:
            return _Case(name, skipped=str(reason))
        except Exception as error:
            log.debug("%s, %s", law.help, name, exc_info=error)
            return _Case(name, error=f"{type(error).__name__}: {error}".strip())
