"""The forecast of a property: its plan, and the time that follows from a measured evaluation."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ase import Atoms

from alignn_ff.errors import ConfigError
from alignn_ff.properties.config import PropertySettings
from alignn_ff.properties.forecast.timing import TimeLaw, measured_law
from alignn_ff.properties.plan import Part, Parts
from alignn_ff.properties.property import Property
from alignn_ff.properties.work import Work


@runtime_checkable
class LimitsAtoms(Protocol):
    """A config that refuses large structures."""

    max_atoms: int


@dataclass(frozen=True)
class Forecast:
    """What a property will cost; times are those of evaluations alone.

    Attributes:
        parts: the pieces of work.
        law: time of an evaluation.
        max_atoms: that the config allows; None where it sets no limit.
    """

    parts: tuple[Part, ...]
    law: TimeLaw
    max_atoms: int | None

    @property
    def evaluations(self) -> int:
        """In all."""
        return sum(part.evaluations for part in self.parts)

    @property
    def largest(self) -> int:
        """Atoms of the largest structure."""
        return max((part.n_atoms for part in self.parts), default=0)

    @property
    def minutes(self) -> float:
        """Of all evaluations."""
        return sum(part.evaluations * self.law.seconds(part.n_atoms) for part in self.parts) / 60.0

    @property
    def sentence(self) -> str:
        """Atoms, evaluations and time in words."""
        return f"up to {self.largest} atoms, about {self.evaluations} evaluations, {_duration(self.minutes)}"

    def check(self) -> None:
        """Refuse structures that are too large.

        Raises:
            ConfigError: with atoms, evaluations and time.
        """
        if self.max_atoms is not None and self.largest > self.max_atoms:
            part = max(self.parts, key=lambda one: one.n_atoms)
            raise ConfigError(
                f"{part.what} of {part.n_atoms} atoms, more than --max-atoms {self.max_atoms}; the run would "
                f"take {self.sentence}. Make the structures smaller (see the options of the size in --help), or allow "
                "more atoms"
            )

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        parts = [{**part._asdict(), "evaluations": part.evaluations} for part in self.parts]
        return {
            "parts": parts,
            "largest_n_atoms": self.largest,
            "evaluations": self.evaluations,
            "minutes": self.minutes,
            "max_atoms": self.max_atoms,
        }


def forecast(row: Property, structures: Sequence[Atoms], config: PropertySettings, work: Work) -> Forecast | None:
    """Atoms, evaluations and time of a property; nothing of it is kept.

    Args:
        row: of the property.
        structures: as many as it takes.
        config: of the property.
        work: evaluates.

    Returns:
        The forecast; None where the row has no plan, or the plan lists nothing.

    Raises:
        AlignnError: the structure or the config is refused, as the property would.
    """
    if row.plan is None:
        return None
    limit = config.max_atoms if isinstance(config, LimitsAtoms) else None
    # a plan lists large structures too, so that the refusal can say what they would cost
    unlimited = config if limit is None else config.model_copy(update={"max_atoms": sys.maxsize})
    parts: Parts = row.call(row.plan(), structures, unlimited, work)
    if not parts:
        return None
    return Forecast(tuple(parts), measured_law(work, _sample(structures, config, work)), limit)


def _sample(structures: Sequence[Atoms], config: PropertySettings, work: Work) -> Atoms:
    """The smallest structure; a pair of atoms for a property that takes none."""
    if structures:
        return min(structures, key=len)
    symbol = (*config.further_elements(), *work.model.elements)[0]
    return Atoms([symbol, symbol], [[0.0, 0.0, 0.0], [0.0, 0.0, 2.5]])


def _duration(minutes: float) -> str:
    if minutes < 1.0:
        return f"{max(1.0, 60.0 * minutes):.0f} s"
    return f"{minutes:.0f} min" if minutes < 90.0 else f"{minutes / 60.0:.1f} h"
