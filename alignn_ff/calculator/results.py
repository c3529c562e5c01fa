"""The results of a calculator: those of ASE, and what is outside of the training data."""

from typing import Any, Final

OUTSIDE_KEY: Final = "outside"


class Results(dict[str, Any]):
    """Results by their names in ASE; ``results["outside"]`` are sentences about what is outside of the training data.

    ASE accepts no other names where it takes all results at once (``SinglePointCalculator(atoms, **calc.results)``,
    ``atoms.get_properties``), so this entry is found by its name and is not listed.

    Attributes:
        outside: the sentences.
    """

    outside: tuple[str, ...] = ()

    def __missing__(self, name: str) -> object:
        """The entry that is not listed; called by ``results[name]``."""
        if name == OUTSIDE_KEY:
            return self.outside
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name == OUTSIDE_KEY or super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """A result, or a default."""
        return self.outside if name == OUTSIDE_KEY else super().get(name, default)
