"""The front door for Python: a property by name, with the calculator of the structure."""

from typing import Any

from ase import Atoms

from alignn_ff.errors import ConfigError
from alignn_ff.properties.config import PropertySettings
from alignn_ff.properties.result import PropertyResult
from alignn_ff.properties.table import PROPERTIES
from alignn_ff.properties.work import Notify, Work


def compute(
    name: str, *structures: Atoms, config: PropertySettings | dict[str, Any] | None = None, notify: Notify | None = None
) -> PropertyResult:
    """Compute a property with the calculator of the (first) structure.

    Args:
        name: a key of ``PROPERTIES``: "phonon", "elastic", …
        structures: as many as the property takes; the first one has a calculator, any of ASE.
        config: of the property, or its fields as a dictionary; None takes the defaults.
        notify: called with the name of the work, the number of parts done, and their total number.

    Returns:
        The result of the property, whose class has its numbers as attributes.

    Raises:
        ConfigError: no such property, a field that it does not have, or no calculator.
        StructureError, NotConvergedError, SimulationError: as the property.
    """
    if name not in PROPERTIES:
        raise ConfigError(f"there is no property {name!r}; there are {', '.join(PROPERTIES)}")
    row = PROPERTIES[name]
    if len(structures) != len(row.inputs):
        raise ConfigError(
            f"{name} takes {len(row.inputs)} structure(s) ({', '.join(row.inputs)}), not {len(structures)}"
        )
    if structures[0].calc is None:
        raise ConfigError(
            "the structure has no calculator; set atoms.calc = AlignnCalculator(...), or any other of ASE"
        )
    settings = config if isinstance(config, PropertySettings) else row.config().model_validate(config or {})
    return row.compute()(*structures, settings, Work(structures[0].calc, notify=notify))
