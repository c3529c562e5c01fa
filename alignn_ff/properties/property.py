"""What a property is: one row of the table, with everything that the command line, batches, docs and tests read.

A row imports nothing heavy: its config and its function are imported when they are used.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ase import Atoms

    from alignn_ff.properties.config import PropertySettings
    from alignn_ff.properties.plan import Plan
    from alignn_ff.properties.result import PropertyResult
    from alignn_ff.properties.work import Work

Compute = Callable[..., "PropertyResult"]
"""(structures, config, work) → result; ``structures`` are as many Atoms as the row declares, or one list of them."""


class Property(NamedTuple):
    """One property.

    Attributes:
        help: what it is, in one sentence; shown in the list of commands.
        config: gives the class of its config.
        compute: gives its function (structures…, config, work) → :class:`PropertyResult`.
        plan: gives the function that lists the pieces of work for a forecast; None where there is no forecast.
        inputs: names of the structures that it takes, as the command line shows them; empty if it takes none.
        many: whether its only input is a file of several structures, which the function takes as a list.
        option_names: field of the config → names of its option, where it is not named after the field.
    """

    help: str
    config: Callable[[], "type[PropertySettings]"]
    compute: Callable[[], Compute]
    plan: "Callable[[], Plan] | None" = None
    inputs: tuple[str, ...] = ("STRUCTURE",)
    many: bool = False
    option_names: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - never changed

    def run(self, structures: "Sequence[Atoms]", config: "PropertySettings", work: "Work") -> "PropertyResult":
        """Call the function with the structures in the form that it takes."""
        result: PropertyResult = self.call(self.compute(), structures, config, work)
        return result

    def call(
        self, function: Callable[..., Any], structures: "Sequence[Atoms]", config: "PropertySettings", work: "Work"
    ) -> Any:
        """Call the function or the plan with the structures in the form that both take."""
        return function(list(structures), config, work) if self.many else function(*structures, config, work)


def deferred(module: str, name: str) -> Callable[[], Any]:
    """A function that imports a name of a module of this package when it is called."""
    return lambda: getattr(import_module(module), name)
