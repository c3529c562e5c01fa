"""What a property is: one row of the table, with everything that the command line, batches, docs and tests read.

A row imports nothing heavy: its config and its function are imported when they are used.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from alignn_ff.properties.config import PropertySettings
    from alignn_ff.properties.result import PropertyResult

Compute = Callable[..., "PropertyResult"]
"""(structures, config, work) → result; ``structures`` are one or several Atoms, as the row declares."""


class Property(NamedTuple):
    """One property.

    Attributes:
        help: what it is, in one sentence; shown in the list of commands.
        config: gives the class of its config.
        compute: gives its function (structures…, config, work) → :class:`PropertyResult`.
        inputs: names of the structures that it takes, as the command line shows them.
        option_names: field of the config → names of its option, where it is not named after the field.
    """

    help: str
    config: Callable[[], "type[PropertySettings]"]
    compute: Callable[[], Compute]
    inputs: tuple[str, ...] = ("STRUCTURE",)
    option_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - never changed


def deferred(module: str, name: str) -> Callable[[], Any]:
    """A function that imports a name of a module of this package when it is called."""
    return lambda: getattr(import_module(module), name)
