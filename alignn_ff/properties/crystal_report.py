"""A report on a crystal: several properties in one run that can be resumed, for one page.

In: a crystal. Out: :class:`ReportResult` with the result of each part; a part that fails is told, and the others go on.
``plots.report`` makes the page.
"""

import logging
from dataclasses import dataclass
from typing import Final

from ase import Atoms
from pydantic import Field, field_validator

from alignn_ff.errors import AlignnError, ConfigError
from alignn_ff.properties.config import PropertyConfig, PropertySettings
from alignn_ff.properties.reference import relaxed_crystal
from alignn_ff.properties.result import Columns, PropertyResult, Remark
from alignn_ff.properties.work import Work

log = logging.getLogger(__name__)

USUAL_PARTS: Final = ("eos", "elastic", "phonon", "qha", "vacancy", "surface")


class ReportConfig(PropertyConfig):
    """What a report contains."""

    fmax_eV_per_A: float = Field(
        1e-5, gt=0, description="limit on the forces (and on those on the cell, per atom) of the first relaxation"
    )
    parts: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="properties, each with its own defaults; null: eos, elastic, phonon, qha, vacancy and surface",
    )

    @field_validator("parts")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        from alignn_ff.properties.table import PROPERTIES

        if value is None:
            return None

        allowed = [
            name
            for name, row in PROPERTIES.items()
            if row.inputs == ("STRUCTURE",) and not row.many and name != "report"
        ]
        unknown = [name for name in value if name not in allowed]
        if unknown:
            raise ConfigError(f"parts has {', '.join(unknown)}; allowed are {', '.join(allowed)}")
        return value

    @property
    def chosen(self) -> tuple[str, ...]:
        """The parts."""
        return self.parts or USUAL_PARTS


@dataclass(frozen=True, kw_only=True)
class ReportResult(PropertyResult):
    """A report.

    Attributes:
        config: what it contains.
        parts: name of a property → its result.
        failures: name of a property → why it could not be computed.
        energy_eV_per_atom: of the relaxed crystal.
    """

    config: ReportConfig
    parts: dict[str, PropertyResult]
    failures: dict[str, str]
    energy_eV_per_atom: float

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """The relaxed crystal, and each part's state."""
        volume = float(self.atoms.get_volume())
        a, b, c = self.atoms.cell.lengths()
        done = {name: "done" if name in self.parts else "FAILED" for name in self.config.chosen}
        return {
            "energy_eV_per_atom": self.energy_eV_per_atom,
            "volume_A3_per_atom": volume / len(self.atoms),
            "a_A": float(a),
            "b_A": float(b),
            "c_A": float(c),
            **{name.replace("-", " "): state for name, state in done.items()},
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """All tables of the parts."""
        return {f"{part}-{name}": table for part, r in self.parts.items() for name, table in r.tables.items()}

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """The relaxed crystal, and all structures of the parts."""
        found = {f"{part}-{name}": frames for part, r in self.parts.items() for name, frames in r.structures.items()}
        return {"relaxed": [self.atoms], **found}

    @property
    def documents(self) -> dict[str, str]:
        """All documents of the parts."""
        return {f"{part}-{name}": text for part, r in self.parts.items() for name, text in r.documents.items()}

    def to_json(self) -> dict[str, object]:
        """JSON-ready content with the whole content of each part."""
        whole = super().to_json()
        parts = {name: result.to_json() for name, result in self.parts.items()}
        return {**whole, "tables": {}, "parts": parts, "failures": self.failures}


def report(atoms: Atoms, config: ReportConfig, work: Work) -> ReportResult:
    """Relax a crystal, and compute all parts for it.

    Raises:
        StructureError: it is not a crystal.
        NotConvergedError: it did not relax.
    """
    from alignn_ff.properties.table import PROPERTIES

    reference, remarks = relaxed_crystal(work, atoms, config, what="a report")
    parts: dict[str, PropertyResult] = {}
    failures: dict[str, str] = {}
    for name in config.chosen:
        try:
            parts[name] = PROPERTIES[name].run([reference.atoms], settings_of(name, config), work.within(name))
        except AlignnError as error:
            failures[name] = str(error)
            log.warning("%s could not be computed: %s", name, error)
    told = [Remark("part_failed", f"{name}: {reason}") for name, reason in failures.items()]
    inner = [Remark(r.code, f"{name}: {r.sentence}") for name, found in parts.items() for r in found.remarks]
    return ReportResult(
        atoms=reference.atoms,
        config=config,
        model=work.model,
        remarks=(*told, *remarks, *inner),
        parts=parts,
        failures=failures,
        energy_eV_per_atom=reference.energy / len(reference.atoms),
    )


def settings_of(name: str, config: ReportConfig) -> PropertySettings:
    """The config of a part: its defaults, with the choice about symmetry of the report."""
    from alignn_ff.properties.table import PROPERTIES

    return PROPERTIES[name].config().model_validate({"keep_symmetry": config.keep_symmetry})
