"""The front door for Python: a property by name, with the calculator of the structure."""

from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from alignn_ff.choices import did_you_mean
from alignn_ff.errors import ConfigError
from alignn_ff.properties.config import PropertySettings
from alignn_ff.properties.result import PropertyResult, with_findings
from alignn_ff.properties.table import PROPERTIES
from alignn_ff.properties.work import Notify, Work


def compute(
    name: str,
    *structures: Atoms,
    config: PropertySettings | dict[str, Any] | None = None,
    calculator: BaseCalculator | None = None,
    notify: Notify | None = None,
    **fields: Any,
) -> PropertyResult:
    """Compute a property with the calculator of the (first) structure.

    Args:
        name: a key of ``PROPERTIES``: "phonon", "elastic", …
        structures: as many as the property takes; the first one has a calculator, any of ASE.
        calculator: instead of that of the first structure, for properties that take none.
        config: of the property, or its fields as a dictionary; None takes the defaults.
        fields: of the config, by name: ``compute("vacancy", atoms, sizes=(2, 3))``.
        notify: called with the name of the work, the number of parts done, and their total number.

    Returns:
        The result of the property, whose class has its numbers as attributes.

    Raises:
        ConfigError: no such property, a field that it does not have or that is given twice, or no calculator.
        StructureError, NotConvergedError, SimulationError: as the property.
        OutsideError: a structure is outside of the training data of the model, and ``config.outside`` is "stop".
    """
    if name not in PROPERTIES:
        near = did_you_mean(name, PROPERTIES)
        raise ConfigError(f"there is no property {name!r}{near}; there are {', '.join(PROPERTIES)}")
    row = PROPERTIES[name]
    if (len(structures) < 1) if row.many else (len(structures) != len(row.inputs)):
        wanted = "at least one structure" if row.many else f"{len(row.inputs)} structure(s)"
        raise ConfigError(f"{name} takes {wanted} ({', '.join(row.inputs) or 'none'}), not {len(structures)}")
    chosen = calculator or (structures[0].calc if structures else None)
    if chosen is None:
        raise ConfigError(
            "there is no calculator; set atoms.calc = AlignnCalculator(...), or any other of ASE, or give calculator=…"
        )
    settings = _settings(row.config(), config, fields)
    work = Work(chosen, notify=notify, outside=settings.outside)
    return with_findings(row.run(structures, settings, work), work)


def _settings(
    schema: type[PropertySettings], config: PropertySettings | dict[str, Any] | None, fields: dict[str, Any]
) -> PropertySettings:
    """The config of a property, from its parts."""
    if isinstance(config, PropertySettings):
        if not fields:
            return config
        config = config.model_dump(exclude_unset=True)
    given = config or {}
    twice = ", ".join(sorted(given.keys() & fields.keys()))
    if twice:
        raise ConfigError(f"{twice}: given in config and by name; give each field once")
    return schema.model_validate({**given, **fields})
