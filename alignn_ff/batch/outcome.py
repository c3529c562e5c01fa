"""How a structure of a batch ended: its numbers and its structure, or why there are none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from ase import Atoms

from alignn_ff.domain import OutsideError
from alignn_ff.errors import (
    AlignnError,
    ElementNotCoveredError,
    MemoryLimitError,
    NotFiniteError,
    OutputError,
    SimulationError,
    StructureError,
)
from alignn_ff.io import CloseAtomsError, DisorderError
from alignn_ff.properties.errors import NotConvergedError

State = Literal["done", "not converged", "failed"]

REASONS: Final[dict[type[Exception], str]] = {
    DisorderError: "disorder",
    CloseAtomsError: "atoms too close",
    StructureError: "invalid structure",
    ElementNotCoveredError: "unknown element",
    OutsideError: "outside the domain",
    MemoryLimitError: "too large",
    NotFiniteError: "not finite",
    SimulationError: "exploded",
    AlignnError: "refused",
    MemoryError: "too large",
}
"""Kind of error → reason; the first row that fits counts."""

UNEXPECTED: Final = "error"
TIMEOUT: Final = "timeout"
CRASH: Final = "crash of the process"


@dataclass(frozen=True)
class Outcome:
    """How a structure ended.

    Attributes:
        state: "done", "not converged" or "failed".
        numbers: name with unit → value, the row of the table.
        atoms: the structure at the end, with its results; None if there is none.
        detail: further results, JSON-ready.
        reason: why it failed, a value of :data:`REASONS`, "timeout", "crash of the process" or "error".
        phase: where it failed: "reading", "structure" (its check), or the name of the task.
        message: for people.
        n_evaluations: of the calculator, about; None where the task does not count them.
    """

    state: State
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)
    atoms: Atoms | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    phase: str = ""
    message: str = ""
    n_evaluations: int | None = None


def failure(error: Exception, phase: str) -> Outcome:
    """The outcome of a structure whose computation raised an error.

    Raises:
        OutputError: the error is one of the disk, which no structure caused.
    """
    if isinstance(error, OutputError):
        raise error
    if isinstance(error, NotConvergedError):
        return Outcome("not converged", phase=phase, message=str(error))
    reason = next((reason for kind, reason in REASONS.items() if isinstance(error, kind)), UNEXPECTED)
    told = str(error) if isinstance(error, AlignnError) else f"{type(error).__name__}: {error}"
    return Outcome("failed", reason=reason, phase=phase, message=told)


def plain(value: Any) -> Any:
    """Content as JSON has it: no arrays; numbers that are not finite are null."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def line_of(content: Mapping[str, Any]) -> str:
    """A record as one line of JSON."""
    return json.dumps(plain(content), allow_nan=False, ensure_ascii=False) + "\n"
