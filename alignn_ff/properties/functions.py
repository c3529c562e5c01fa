"""A function of Python for each property, made from its row of the table: ``phonon(atoms, …)``, ``elastic(…)``.

In: the name of a property. Out: a function whose signature has the structures, every field of the config with its
default, and what ``compute`` takes beside them. So ``help(phonon)`` shows what may be chosen.
"""

import inspect
from collections.abc import Callable
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from alignn_ff.properties.config import PropertySettings
from alignn_ff.properties.front import compute
from alignn_ff.properties.property import Property
from alignn_ff.properties.result import PropertyResult
from alignn_ff.properties.table import FUNCTIONS, PROPERTIES
from alignn_ff.properties.work import Notify

KEYWORD = inspect.Parameter.KEYWORD_ONLY


def __getattr__(name: str) -> Callable[..., PropertyResult]:
    """The function of a property, made when it is first asked for."""
    if name not in FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return property_function(FUNCTIONS[name], name)


def property_function(key: str, name: str) -> Callable[..., PropertyResult]:
    """The function of a property.

    Args:
        key: of ``PROPERTIES``.
        name: of the function.
    """
    row = PROPERTIES[key]
    taken = _structure_names(row)

    def function(*structures: Atoms, **fields: Any) -> PropertyResult:
        named = () if row.many else tuple(fields.pop(one) for one in taken[len(structures) :] if one in fields)
        return compute(key, *structures, *named, **fields)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "alignn_ff.properties"
    function.__doc__ = _text(row)
    function.__signature__ = _signature(row)  # type: ignore[attr-defined]
    return function


def _structure_names(row: Property) -> tuple[str, ...]:
    return tuple("atoms" if name == "STRUCTURE" else name.lower() for name in row.inputs)


def _signature(row: Property) -> inspect.Signature:
    """Structures, then the fields of the config in its order, then the arguments of ``compute``."""
    kind = inspect.Parameter.VAR_POSITIONAL if row.many else inspect.Parameter.POSITIONAL_OR_KEYWORD
    structures = [inspect.Parameter(name, kind, annotation=Atoms) for name in _structure_names(row)]
    fields = [
        inspect.Parameter(
            name,
            KEYWORD,
            default=inspect.Parameter.empty if field.is_required() else field.get_default(),
            annotation=field.annotation,
        )
        for name, field in row.config().model_fields.items()
    ]
    beside = [
        inspect.Parameter("config", KEYWORD, default=None, annotation=PropertySettings | dict[str, Any] | None),
        inspect.Parameter("calculator", KEYWORD, default=None, annotation=BaseCalculator | None),
        inspect.Parameter("notify", KEYWORD, default=None, annotation=Notify | None),
    ]
    returned = inspect.signature(row.compute()).return_annotation
    return inspect.Signature([*structures, *fields, *beside], return_annotation=returned)


def _text(row: Property) -> str:
    """The docstring."""
    words = {
        "atoms": "the structure; its calculator, any of ASE, computes the property",
        "start": "the first structure; its calculator, any of ASE, computes the property",
        "end": "the last structure",
        "structures": "the structures; the calculator of the first, any of ASE, computes the property",
    }
    lines = [row.help, "", "Args:"]
    lines += [f"    {name}: {words[name]}." for name in _structure_names(row)]
    lines += [f"    {name}: {field.description}." for name, field in row.config().model_fields.items()]
    lines += [
        "    config: the fields in one object or dictionary; a field is given here or by name.",
        "    calculator: instead of that of the structure.",
        "    notify: called with the name of the work, the number of parts done, and their total number.",
        "",
        "Raises:",
        "    ConfigError: a field that it does not have or that is given twice, or no calculator.",
        "    StructureError, NotConvergedError, SimulationError: the structure does not suit, or the numbers do not.",
        '    OutsideError: a structure is outside of the training data of the model, and ``outside`` is "stop".',
    ]
    return "\n".join(lines)
