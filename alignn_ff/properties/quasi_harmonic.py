"""Thermal expansion in the quasi-harmonic approximation: harmonic phonons at several volumes.

In: a crystal. Out: :class:`QHAResult` with volume, expansion, bulk modulus, heat capacity and Gibbs energy over the
temperature, at several pressures. At each volume atoms and shape of the cell are relaxed; the cell shape follows the
static energy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pydantic import Field, field_validator

from alignn_ff.choices import KeyOf
from alignn_ff.errors import ConfigError, SimulationError
from alignn_ff.properties.equation_of_state import cells_over_volume
from alignn_ff.properties.phonons.config import HarmonicConfig
from alignn_ff.properties.phonons.expansion import expansion_from_modes, expansion_of
from alignn_ff.properties.phonons.gruneisen import gruneisen_over_volumes
from alignn_ff.properties.phonons.harmonic import Crystal, force_constants
from alignn_ff.properties.phonons.numbers import Expansion
from alignn_ff.properties.phonons.oscillators import STATISTICS
from alignn_ff.properties.phonons.phonon import temperatures
from alignn_ff.properties.phonons.stability import IMAGINARY_THZ, lowest_exact_frequency
from alignn_ff.properties.reference import relaxed_crystal
from alignn_ff.properties.result import Columns, PropertyResult, Remark
from alignn_ff.properties.work import Relaxed, Work
from alignn_ff.units import J_PER_MOL_PER_EV

Array = NDArray[np.float64]
FEWEST: Final = 5
"""Volumes that a fit needs."""
SHOWN_K: Final = 300.0
DISAGREEMENT: Final = 0.02
"""Largest relative difference between the expansion of the fits and of the mode parameters without a remark."""


class QHAConfig(HarmonicConfig):
    """How a quasi-harmonic expansion is computed."""

    volume_range: tuple[float, float] = Field(
        (0.96, 1.06), description="smallest and largest volume as fractions of the static one, such as 0.96:1.06"
    )
    points: int = Field(7, ge=FEWEST, description="number of volumes")
    pressures_GPa: tuple[float, ...] = Field((0.0,), min_length=1, description="pressures, such as 0:5:10")
    statistics: Annotated[str, KeyOf(STATISTICS)] = Field("quantum", description="statistics of the nuclei")

    @field_validator("volume_range", "pressures_GPa", mode="before")
    @classmethod
    def _one_number(cls, value: object) -> object:
        return (value,) if isinstance(value, int | float) else value

    @field_validator("volume_range")
    @classmethod
    def _ascending(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0.5 < value[0] < 1.0 < value[1] < 2.0:
            raise ConfigError(f"volume_range is {value}; it needs a fraction below 1 and one above, such as 0.96:1.06")
        return value


@dataclass(frozen=True, kw_only=True)
class QHAResult(PropertyResult):
    """A quasi-harmonic expansion; energies and volumes are per primitive cell.

    Attributes:
        config: how it was computed.
        volumes: (n,) Å³, those used.
        energies: (n,) eV, static.
        expansions: one per pressure of the config.
        gruneisen_expansion: (n_T,) 1/K, Σ γ C_V/(B V) of the modes, at the volumes of ``expansions[0]``.
        static_volume_A3: of the relaxed primitive cell.
    """

    config: QHAConfig
    volumes: Array
    energies: Array
    expansions: tuple[Expansion, ...]
    gruneisen_expansion: Array
    static_volume_A3: float

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """At 0 and 300 K, and at the end of the table, without pressure or at the first pressure."""
        found, n = self.expansions[0], len(self.atoms)
        row = int(np.argmin(np.abs(found.temperatures - SHOWN_K)))
        at = f"{found.temperatures[row]:g}_K"
        return {
            "pressure_GPa": self.config.pressures_GPa[0],
            "volumes": len(self.volumes),
            "static_volume_A3_per_atom": self.static_volume_A3 / n,
            "volume_at_0_K_A3_per_atom": float(found.volumes[0]) / n,
            f"volume_at_{at}_A3_per_atom": float(found.volumes[row]) / n,
            f"thermal_expansion_at_{at}_1_per_K": float(found.expansion[row]),
            f"linear_expansion_at_{at}_1_per_K": float(found.expansion[row]) / 3.0,
            f"bulk_modulus_at_{at}_GPa": float(found.bulk_modulus_GPa[row]),
            f"heat_capacity_at_constant_pressure_at_{at}_J_per_K_per_mol": float(
                found.heat_capacity[row] * J_PER_MOL_PER_EV / n
            ),
            f"gruneisen_parameter_{at.replace('_', '')}": float(found.gruneisen[row]),
            "highest_temperature_K": float(found.temperatures[-1]),
        }

    @property
    def checks(self) -> dict[str, float]:
        """The same expansion from mode Grüneisen parameters at the volume of each temperature."""
        found = self.expansions[0]
        row = int(np.argmin(np.abs(found.temperatures - SHOWN_K)))
        return {
            f"thermal_expansion_from_modes_at_{found.temperatures[row]:g}_K_1_per_K": float(
                self.gruneisen_expansion[row]
            )
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """One table over the temperature per pressure, and the static energies."""
        n = len(self.atoms)
        tables: dict[str, Columns] = {
            "static": {"volume_A3": self.volumes, "energy_eV": self.energies},
        }
        for pressure, found in zip(self.config.pressures_GPa, self.expansions, strict=True):
            tables[f"qha-{pressure:g}-GPa"] = {
                "temperature_K": found.temperatures,
                "volume_A3_per_atom": found.volumes / n,
                "thermal_expansion_1_per_K": found.expansion,
                "bulk_modulus_GPa": found.bulk_modulus_GPa,
                "heat_capacity_at_constant_pressure_J_per_K_per_mol": found.heat_capacity * J_PER_MOL_PER_EV / n,
                "gibbs_energy_eV_per_atom": found.gibbs / n,
                "entropy_J_per_K_per_mol": found.entropy * J_PER_MOL_PER_EV / n,
                "gruneisen_parameter": found.gruneisen,
            }
        return tables


def quasi_harmonic_expansion(atoms: Atoms, config: QHAConfig, work: Work) -> QHAResult:
    """Thermal expansion of a crystal.

    Raises:
        StructureError: it is not a crystal.
        NotConvergedError: a cell did not relax.
        SimulationError: fewer than five volumes are dynamically stable.
    """
    reference, remarks = relaxed_crystal(work, atoms, config, what="a thermal expansion")
    scales = np.linspace(*config.volume_range, config.points)
    crystals = _crystals(work, reference, config, scales)
    stable = [k for k, (crystal, _) in enumerate(crystals) if lowest_exact_frequency(crystal.harmonic) >= IMAGINARY_THZ]
    if len(stable) < FEWEST:
        raise SimulationError(
            f"only {len(stable)} of {len(crystals)} volumes are dynamically stable (no imaginary mode); the harmonic "
            f"approximation needs {FEWEST}. Look at `alignn-ff phonon` of the crystal, or choose another --range"
        )
    used = [crystals[k] for k in stable]
    harmonics = [crystal.harmonic for crystal, _ in used]
    energies = np.array([energy for _, energy in used])
    volumes = np.array([h.primitive.get_volume() for h in harmonics])
    modes = gruneisen_over_volumes(harmonics, config.mesh_length_A)
    kelvin = temperatures(config)
    nuclei = STATISTICS[config.statistics]
    everywhere = [expansion_of(modes, volumes, energies, kelvin, pressure, nuclei) for pressure in config.pressures_GPa]
    expansions = tuple(_within(one) for one in everywhere)
    if not len(expansions[0].temperatures):
        raise SimulationError(
            f"at {config.pressures_GPa[0]:g} GPa the volume at 0 K is outside --range {config.volume_range[0]:g}:"
            f"{config.volume_range[1]:g} of the static one; choose a range around it"
        )
    primitive = used[0][0].primitive.atoms
    result = QHAResult(
        atoms=primitive,
        config=config,
        model=work.model,
        volumes=volumes,
        energies=energies,
        expansions=expansions,
        gruneisen_expansion=expansion_from_modes(modes, volumes, expansions[0], nuclei),
        static_volume_A3=float(reference.atoms.get_volume() * len(primitive) / len(atoms)),
    )
    left_out = [float(scales[k]) for k in range(len(crystals)) if k not in stable]
    return replace(result, remarks=(*_doubts(result, left_out, everywhere), *remarks, *used[0][0].remarks))


def _crystals(work: Work, reference: Relaxed, config: QHAConfig, scales: Array) -> list[tuple[Crystal, float]]:
    """Force constants and static energy per primitive cell at each volume, all with one supercell matrix."""
    found: list[tuple[Crystal, float]] = []
    matrix = None
    for scale, cell in zip(scales, cells_over_volume(work, reference, config, scales), strict=True):
        crystal = force_constants(work, cell.atoms, config, name=f"displaced supercells at {scale:.6f}", matrix=matrix)
        matrix = crystal.matrix
        found.append((crystal, cell.energy * len(crystal.primitive.atoms) / len(cell.atoms)))
    return found


def _within(found: Expansion) -> Expansion:
    """The rows before the first whose volume is not between those computed."""
    outside = np.flatnonzero(~np.isfinite(found.volumes))
    return found if not outside.size else Expansion(*(column[: outside[0]] for column in found))


def _doubts(result: QHAResult, left_out: Sequence[float], everywhere: Sequence[Expansion]) -> list[Remark]:
    remarks = []
    if left_out:
        shown = ", ".join(f"{scale:.3f}" for scale in left_out)
        remarks.append(Remark("unstable_volumes", f"volumes with imaginary modes were left out: {shown}"))
    first = result.expansions[0]
    row = int(np.argmin(np.abs(first.temperatures - SHOWN_K)))
    fitted, modes = float(first.expansion[row]), float(result.gruneisen_expansion[row])
    if abs(fitted - modes) > DISAGREEMENT * max(abs(fitted), abs(modes)):
        remarks.append(
            Remark(
                "expansion_disagrees",
                f"the expansion at {first.temperatures[row]:g} K is {fitted:.2e} 1/K from the entropy over the volume, "
                f"and {modes:.2e} 1/K from the mode Grüneisen parameters: energies or frequencies are not smooth over "
                "the volume. Trust neither; look at the tables, or choose another --range",
            )
        )
    for pressure, whole, kept in zip(result.config.pressures_GPa, everywhere, result.expansions, strict=True):
        if len(kept.temperatures) < len(whole.temperatures):
            end = float(kept.temperatures[-1]) if len(kept.temperatures) else 0.0
            remarks.append(
                Remark(
                    "table_cut",
                    f"at {pressure:g} GPa the volume leaves the range that was computed above {end:g} K, where the "
                    "table ends; choose another --range",
                )
            )
    return remarks
