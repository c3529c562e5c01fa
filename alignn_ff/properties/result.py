"""What a property gives: numbers with units in their names, tables, structures, remarks; the same form for all."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.display import Displayed, Sheet, plotted
from alignn_ff.labels import label_of, shown, split_unit
from alignn_ff.properties.config import PropertySettings
from alignn_ff.runs.model_record import ModelRecord, software_versions

FloatArray = NDArray[np.float64]
Columns = Mapping[str, FloatArray | list[str]]
"""Name of a column, with its unit → values; all columns of a table have the same length."""


FEW: Final = 3
"""Numbers in the line that stands for a result."""


class Remark(NamedTuple):
    """Something that a reader of the numbers must know.

    Attributes:
        code: stable name for programs, "unstable".
        sentence: for people.
    """

    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class PropertyResult(Displayed, ABC):
    """Base of all results.

    Attributes:
        atoms: the structure that the numbers belong to, relaxed if the config asked for it.
        config: how it was computed.
        model: the model used.
        remarks: warnings, the most important one first.
    """

    atoms: Atoms
    config: PropertySettings
    model: ModelRecord
    remarks: tuple[Remark, ...] = ()

    @property
    @abstractmethod
    def summary(self) -> dict[str, float | int | str | None]:
        """The numbers that are printed, with units in their names."""

    @property
    def checks(self) -> dict[str, float]:
        """Figures of the checks inside the computation, with units in their names."""
        return {}

    @property
    def tables(self) -> dict[str, Columns]:
        """Name of a table → columns; each becomes a CSV file."""
        return {}

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """Name → structures; each becomes an extended XYZ file."""
        return {}

    @property
    def documents(self) -> dict[str, str]:
        """Name of a file, with its suffix → text; files for other programs."""
        return {}

    def brief(self) -> str:
        """The structure and its first numbers."""
        told = []
        for name, value in self.summary.items():
            words, unit = split_unit(name)
            told += [f"{words} {shown(value)} {unit}".rstrip()] if isinstance(value, int | float) else []
        return f"{self.atoms.get_chemical_formula()}: {', '.join(told[:FEW])}"

    def sheet(self) -> Sheet:
        """Numbers with their units, checks, tables, remarks, and the figures of this kind of result."""
        numbers: dict[str, Columns] = {"checks": _listed(self.checks)} if self.checks else {}
        facts = {**self.summary, "model": self.model.in_words}
        return Sheet(facts, {**numbers, **self.tables}, [remark.sentence for remark in self.remarks], plotted(self))

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        return {
            "summary": self.summary,
            "checks": self.checks,
            "remarks": [remark._asdict() for remark in self.remarks],
            "tables": {name: {key: _plain(column) for key, column in t.items()} for name, t in self.tables.items()},
            "formula": self.atoms.get_chemical_formula(),
            "n_atoms": len(self.atoms),
            "cell_A": self.atoms.cell.array.tolist(),
            "positions_A": self.atoms.positions.tolist(),
            "elements": self.atoms.get_chemical_symbols(),
            "config": self.config.model_dump(mode="json"),
            "model": asdict(self.model),
            "versions": software_versions(),
        }


class FindsOutside(Protocol):
    """Work that has met structures outside of the training data."""

    @property
    def outside(self) -> Mapping[str, str]:
        """Name of a check → the first sentence of its kind."""


def with_findings(result: PropertyResult, work: FindsOutside) -> PropertyResult:
    """A result whose remarks end with what was outside of the training data."""
    found = tuple(Remark(f"outside_{check}", sentence) for check, sentence in work.outside.items())
    return replace(result, remarks=(*result.remarks, *found)) if found else result


def _listed(numbers: Mapping[str, float]) -> Columns:
    return {"check": [label_of(name) for name in numbers], "figure": [shown(value) for value in numbers.values()]}


def _plain(column: Any) -> list[object]:
    """A column for JSON, where NaN is null."""
    return [None if isinstance(value, float) and np.isnan(value) else value for value in np.asarray(column).tolist()]
