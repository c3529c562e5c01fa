"""A property as a run on disk: its journal while it lasts, its files at the end.

The command line and batches use it. From Python, the function of a property and a :class:`Work` are enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.constraints import dict2constraint

from alignn_ff.errors import AlignnError, ConfigError
from alignn_ff.md.run.restart import constraints_to_json
from alignn_ff.properties.config import PropertySettings
from alignn_ff.properties.files import restart_file
from alignn_ff.properties.forecast import Forecast, forecast
from alignn_ff.properties.journal import Journal, read_identity
from alignn_ff.properties.result import PropertyResult, with_findings
from alignn_ff.properties.table import PROPERTIES
from alignn_ff.properties.work import Notify, Work


@dataclass(frozen=True)
class PropertyRun:
    """What decides the numbers of a run.

    Attributes:
        name: of the property, a key of ``PROPERTIES``.
        structures: as many as the property takes.
        config: of the property.
        prefix: of its files.
        options: what the caller needs to make the same calculator again.
    """

    name: str
    structures: tuple[Atoms, ...]
    config: PropertySettings
    prefix: Path
    options: Mapping[str, Any]


def compute(
    run: PropertyRun, calculator: BaseCalculator, *, resume: bool = False, notify: Notify | None = None
) -> PropertyResult:
    """Compute a property, with every finished part in the journal; the caller removes it when the files are written.

    Raises:
        AlignnError: as the property.
        CheckpointError, ConfigError: the journal is of another run.
    """
    file = restart_file(run.prefix)
    with Journal(file, _identity(run), resume=resume) as journal:
        work = Work(calculator, journal=journal, notify=notify, prefix=run.prefix, outside=run.config.outside)
        try:
            return with_findings(PROPERTIES[run.name].run(run.structures, run.config, work), work)
        except AlignnError:
            if journal.n_done == 0:  # refused, so there is nothing to finish
                file.unlink(missing_ok=True)
            raise


def forecast_of(run: PropertyRun, calculator: BaseCalculator) -> Forecast | None:
    """What a run will cost; None where its property has no plan.

    Raises:
        AlignnError: the structure or the config is refused.
    """
    work = Work(calculator, outside=run.config.outside)
    return forecast(PROPERTIES[run.name], run.structures, run.config, work)


def stopped_run(file: Path) -> PropertyRun:
    """The run that a restart file is of.

    Raises:
        CheckpointError: it is not such a file.
        ConfigError: its property does not exist.
    """
    kept = read_identity(file)
    name = kept["property"]
    if name not in PROPERTIES:
        raise ConfigError(f"{file} is of the property {name!r}; there are {', '.join(PROPERTIES)}")
    config = PROPERTIES[name].config().model_validate(kept["config"])
    structures = tuple(_atoms(content) for content in kept["structures"])
    return PropertyRun(name, structures, config, Path(kept["prefix"]), kept["options"])


def _identity(run: PropertyRun) -> dict[str, Any]:
    return {
        "property": run.name,
        "structures": [_content(atoms) for atoms in run.structures],
        "config": run.config.model_dump(mode="json"),
        "prefix": str(run.prefix.absolute()),
        "options": dict(run.options),
    }


def _content(atoms: Atoms) -> dict[str, Any]:
    return {
        "numbers": atoms.numbers.tolist(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
        "masses": atoms.get_masses().tolist(),
        "constraints": constraints_to_json(atoms),
    }


def _atoms(content: Mapping[str, Sequence[Any]]) -> Atoms:
    arrays = {name: values for name, values in content.items() if name != "constraints"}
    return Atoms(**arrays, constraint=[dict2constraint(described) for described in content["constraints"]])
