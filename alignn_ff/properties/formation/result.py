"""Results of formation energies and hulls."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.properties.formation.config import FormationConfig
from alignn_ff.properties.formation.hull import Decomposition
from alignn_ff.properties.result import Columns, PropertyResult

STABLE_EV: Final = 1e-4
"""eV per atom; phases that are nearer to the hull are stable."""
SHOWN: Final = 12
"""Of more phases, only the table is printed to files."""


@dataclass(frozen=True)
class Phase:
    """One relaxed structure.

    Attributes:
        name: formula, with a number where several have it.
        atoms: relaxed.
        energy: eV per atom.
        formation: eV per atom, above the elements.
    """

    name: str
    atoms: Atoms
    energy: float
    formation: float


@dataclass(frozen=True, kw_only=True)
class FormationResult(PropertyResult):
    """Formation energy of one structure.

    Attributes:
        config: how it was computed.
        phases: the structures.
        references: symbol → the elemental structure of lowest energy, as a phase.
    """

    config: FormationConfig
    phases: tuple[Phase, ...]
    references: dict[str, Phase]

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """Per atom and per formula unit."""
        (phase,) = self.phases
        units = phase.atoms.symbols.formula.reduce()[1]
        return {
            "formation_energy_eV_per_atom": phase.formation,
            "formation_energy_eV_per_formula": phase.formation * len(phase.atoms) / units,
            "formula_unit": str(phase.atoms.symbols.formula.reduce()[0]),
        }

    @property
    def checks(self) -> dict[str, float]:
        """Energies of the elements."""
        return {f"{symbol}_reference_eV_per_atom": phase.energy for symbol, phase in self.references.items()}

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """Relaxed structures, and references."""
        return {
            "relaxed": [phase.atoms for phase in self.phases],
            "references": [phase.atoms for phase in self.references.values()],
        }


@dataclass(frozen=True, kw_only=True)
class HullResult(FormationResult):
    """A convex hull.

    Attributes:
        decompositions: of each phase; their indices point into ``competing``.
        competing: phases and references.
    """

    decompositions: tuple[Decomposition, ...]
    competing: tuple[Phase, ...]

    @property
    def elements(self) -> list[str]:
        """Symbols, in the order of their names."""
        return sorted(self.references)

    @property
    def above_hull(self) -> list[float]:
        """Energy of each phase above the hull, eV per atom."""
        pairs = zip(self.phases, self.decompositions, strict=True)
        return [max(phase.energy - mixture.energy, 0.0) for phase, mixture in pairs]

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """Stable phases, and the energy above the hull of each where there are few."""
        stable = [p.name for p, e in zip(self.phases, self.above_hull, strict=True) if e < STABLE_EV]
        found: dict[str, float | int | str | None] = {
            "structures": len(self.phases),
            "stable": ", ".join(stable[:SHOWN]) + (" …" if len(stable) > SHOWN else ""),
        }
        if len(self.phases) <= SHOWN:
            for phase, above in zip(self.phases, self.above_hull, strict=True):
                found[f"{phase.name}_formation_energy_eV_per_atom"] = phase.formation
                found[f"{phase.name}_above_hull_eV_per_atom"] = above
        return found

    @property
    def tables(self) -> dict[str, Columns]:
        """One row per structure."""
        return {
            "hull": {
                "name": [phase.name for phase in self.phases],
                "energy_eV_per_atom": np.array([phase.energy for phase in self.phases]),
                "formation_energy_eV_per_atom": np.array([phase.formation for phase in self.phases]),
                "above_hull_eV_per_atom": np.array(self.above_hull),
                "decomposes_into": [self.mixture(decomposition) for decomposition in self.decompositions],
            }
        }

    def mixture(self, decomposition: Decomposition) -> str:
        """Such as "0.50 Cu + 0.50 CuAu3", in shares of the atoms."""
        parts = [f"{share:.2f} {self.competing[j].name}" for j, share in decomposition.shares.items()]
        return " + ".join(parts)
