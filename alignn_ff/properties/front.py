"""The front door for Python: a property by name, with the calculator of the structure."""

from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

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
) -> PropertyResult:
    """Compute a property with the calculator of the (first) structure.

    Args:
        name: a key of ``PROPERTIES``: "phonon", "elastic", …
        structures: as many as the property takes; the first one has a calculator, any of ASE.
        calculator: instead of that of the first structure, for properties that take none.
        config: of the property, or its fields as a dictionary; None takes the defaults.
        notify: called with the name of the work, the number of parts done, and their total number.

    Returns:
        The result of the property, whose class has its numbers as attributes.

    Raises:
        ConfigError: no such property, a field that it does not have, or no calculator.
        StructureError, NotConvergedError, SimulationError: as the property.
        OutsideError: a structure is outside of the training data of the model, and ``config.outside`` is "stop".
    """
    if name not in PROPERTIES:
        raise ConfigError(f"there is no property {name!r}; there are {', '.join(PROPERTIES)}")
    row = PROPERTIES[name]
    if (len(structures) < 1) if row.many else (len(structures) != len(row.inputs)):
        wanted = "at least one structure" if row.many else f"{len(row.inputs)} structure(s)"
        raise ConfigError(f"{name} takes {wanted} ({', '.join(row.inputs) or 'none'}), not {len(structures)}")
    chosen = calculator or (structures[0].calc if structures else None)
    if chosen is None:
        raise ConfigError(
            "there is no calculator; set atoms.calc = AlignnCalculator(...), or any other of ASE, or give calculator=…"
        )
    settings = config if isinstance(config, PropertySettings) else row.config().model_validate(config or {})
    work = Work(chosen, notify=notify, outside=settings.outside)
    return with_findings(row.run(structures, settings, work), work)
