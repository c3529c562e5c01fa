"""What a relaxation gives back: frozen, and as JSON with units in the names."""

from dataclasses import asdict, dataclass
from typing import NamedTuple

from ase import Atoms

from alignn_ff.md.config import RelaxConfig
from alignn_ff.md.provenance import ModelRecord, software_versions


class RelaxStep(NamedTuple):
    """One step of a relaxation.

    Attributes:
        step: number of steps done.
        energy_eV: potential energy.
        max_force_eV_per_A: length of the largest force, constraints applied.
        stress_GPa: Voigt order xx yy zz yz xz xy, tension positive; None without a volume.
        converged: whether the limit on the forces is reached.
    """

    step: int
    energy_eV: float
    max_force_eV_per_A: float
    stress_GPa: tuple[float, ...] | None
    converged: bool


@dataclass(frozen=True)
class RelaxResult:
    """A relaxation.

    Attributes:
        atoms: the relaxed structure, with energy and forces.
        config: how it was relaxed.
        before, after: first and last step.
        volume_before_A3, volume_after_A3: of the cell; None without a volume.
        held_strains: strains that were held because the structure is not periodic there, "zz", …
        wall_time_s: of the relaxation.
        model: the model used.
    """

    atoms: Atoms
    config: RelaxConfig
    before: RelaxStep
    after: RelaxStep
    volume_before_A3: float | None
    volume_after_A3: float | None
    held_strains: tuple[str, ...]
    wall_time_s: float
    model: ModelRecord

    def to_json(self) -> dict[str, object]:
        """JSON-ready content, the structure itself left out."""
        return {
            "converged": self.after.converged,
            "n_steps": self.after.step,
            "formula": self.atoms.get_chemical_formula(),
            "n_atoms": len(self.atoms),
            "energy_before_eV": self.before.energy_eV,
            "energy_after_eV": self.after.energy_eV,
            "max_force_before_eV_per_A": self.before.max_force_eV_per_A,
            "max_force_after_eV_per_A": self.after.max_force_eV_per_A,
            "stress_before_GPa": self.before.stress_GPa,
            "stress_after_GPa": self.after.stress_GPa,
            "volume_before_A3": self.volume_before_A3,
            "volume_after_A3": self.volume_after_A3,
            "held_strains": self.held_strains,
            "wall_time_s": self.wall_time_s,
            "config": self.config.model_dump(mode="json"),
            "model": asdict(self.model),
            "versions": software_versions(),
        }
