"""What dynamics gives back: frozen, and as JSON with units in the names."""

from dataclasses import asdict, dataclass

from ase import Atoms

from alignn_ff.md.config import MDConfig
from alignn_ff.md.provenance import ModelRecord, software_versions


@dataclass(frozen=True)
class MDResult:
    """A dynamics run.

    Attributes:
        atoms: the last structure, with momenta, energy and forces.
        config: how it was run.
        conserved_quantity: what exact dynamics would keep constant, in words.
        drift_meV_per_atom_per_ps: slope of the conserved quantity, least squares over the whole run.
        drift_stderr_meV_per_atom_per_ps: its standard error from block means.
        mean_temperature_K: over all steps, the start included.
        final_temperature_K: of the last step.
        total_energy_first_eV, total_energy_last_eV: potential + kinetic energy.
        wall_time_s: of the steps.
        model: the model used.
    """

    atoms: Atoms
    config: MDConfig
    conserved_quantity: str
    drift_meV_per_atom_per_ps: float | None
    drift_stderr_meV_per_atom_per_ps: float | None
    mean_temperature_K: float
    final_temperature_K: float
    total_energy_first_eV: float
    total_energy_last_eV: float
    wall_time_s: float
    model: ModelRecord

    @property
    def simulated_time_fs(self) -> float:
        """Number of steps times their length."""
        return self.config.steps * self.config.timestep_fs

    @property
    def ns_per_day(self) -> float | None:
        """Speed; None without steps."""
        return nanoseconds_per_day(self.simulated_time_fs, self.wall_time_s) if self.config.steps else None

    def to_json(self) -> dict[str, object]:
        """JSON-ready content, the structure itself left out."""
        return {
            "n_steps": self.config.steps,
            "simulated_time_fs": self.simulated_time_fs,
            "formula": self.atoms.get_chemical_formula(),
            "n_atoms": len(self.atoms),
            "conserved_quantity": self.conserved_quantity,
            "drift_meV_per_atom_per_ps": self.drift_meV_per_atom_per_ps,
            "drift_stderr_meV_per_atom_per_ps": self.drift_stderr_meV_per_atom_per_ps,
            "mean_temperature_K": self.mean_temperature_K,
            "final_temperature_K": self.final_temperature_K,
            "total_energy_first_eV": self.total_energy_first_eV,
            "total_energy_last_eV": self.total_energy_last_eV,
            "wall_time_s": self.wall_time_s,
            "ns_per_day": self.ns_per_day,
            "config": self.config.model_dump(mode="json"),
            "model": asdict(self.model),
            "versions": software_versions(),
        }


def nanoseconds_per_day(simulated_fs: float, wall_time_s: float) -> float:
    """Speed of a simulation in ns/day."""
    return simulated_fs * 1e-6 * 86400.0 / max(wall_time_s, 1e-9)
