"""The results of a calculator: those of ASE, and others that are found by their name only."""

from typing import Any, Final

OUTSIDE_KEY: Final = "outside"

DEVIATIONS: Final = ("energy_std", "energies_std", "forces_std", "stress_std")
"""Standard deviations of the energy (eV), of each atom's energy (n_atoms,) (eV), of each force (n_atoms,) (eV/Å), and
of the stress (eV/Å³)."""


class Results(dict[str, Any]):
    """Results by their names in ASE; ``results["outside"]`` are sentences about what is outside of the training data.

    ASE accepts no other names where it takes all results at once (``SinglePointCalculator(atoms, **calc.results)``,
    ``atoms.get_properties``), so entries of other names are found by their name and are not listed.

    Attributes:
        unlisted: these entries.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.unlisted: dict[str, Any] = {OUTSIDE_KEY: ()}

    def __missing__(self, name: str) -> object:
        """An entry that is not listed; called by ``results[name]``."""
        if name in self.unlisted:
            return self.unlisted[name]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return name in self.unlisted or super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """A result, or a default."""
        return self.unlisted[name] if name in self.unlisted else super().get(name, default)
