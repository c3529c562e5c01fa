"""The result of a phonon calculation."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.phonons.bridge import Harmonic
from alignn_ff.properties.phonons.config import PhononConfig
from alignn_ff.properties.phonons.gruneisen import Gruneisen
from alignn_ff.properties.phonons.harmonic import Crystal, outer_ratio
from alignn_ff.properties.phonons.numbers import Bands, States, Thermal
from alignn_ff.properties.phonons.stability import Followed, LowestMode
from alignn_ff.properties.phonons.supercell import widths_A
from alignn_ff.properties.result import Columns, PropertyResult
from alignn_ff.units import KJ_PER_MOL_PER_EV

Array = NDArray[np.float64]
ROOM_K = 300.0
SMALL_Q = 0.002
"""1/Å without 2π, where sound velocities are read from the acoustic branches."""
ANIMATION_FRAMES = 20
ANIMATION_A = 0.3


@dataclass(frozen=True, kw_only=True)
class PhononResult(PropertyResult):
    """Phonons of ``atoms``, which is the primitive cell.

    Attributes:
        config: how they were computed.
        crystal: primitive cell, supercell and force constants.
        bands, states, thermal: frequencies along the path, their density, and thermal properties.
        lowest: the lowest mode.
        followed: where the most unstable mode leads; None if not asked for, or if there is none.
        gruneisen: mode Grüneisen parameters; None if not asked for.
        energy_eV_per_atom: of the static crystal.
    """

    config: PhononConfig
    crystal: Crystal
    bands: Bands
    states: States
    thermal: Thermal
    lowest: LowestMode
    followed: Followed | None
    gruneisen: Gruneisen | None
    energy_eV_per_atom: float

    @property
    def stable(self) -> bool:
        """Whether no mode is imaginary."""
        return self.lowest.stable

    @property
    def harmonic(self) -> Harmonic:
        """Force constants, for further frequencies."""
        return self.crystal.harmonic

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """Highest and lowest frequencies, zero-point energy, thermal properties at 300 K."""
        t, n = self.thermal, len(self.atoms)
        row = int(np.argmin(np.abs(t.temperatures - ROOM_K)))
        widths = widths_A(self.atoms, self.crystal.matrix)
        return {
            "space_group": self.crystal.primitive.space_group,
            "supercell": " ".join(str(line).replace(" ", "") for line in self.crystal.matrix.tolist()),
            "supercell_atoms": len(self.harmonic.supercell),
            "supercell_width_A": float(widths.min()),
            "displaced_supercells": self.crystal.n_evaluations,
            "highest_frequency_THz": float(max(f.max() for f in self.bands.frequencies)),
            "lowest_frequency_THz": self.lowest.frequency_THz,
            "stable": "yes" if self.stable else "NO",
            "zero_point_energy_meV_per_atom": float(1000.0 * t.free_energy[0] / KJ_PER_MOL_PER_EV / n),
            f"free_energy_at_{t.temperatures[row]:g}_K_meV_per_atom": float(
                1000.0 * t.free_energy[row] / KJ_PER_MOL_PER_EV / n
            ),
            f"heat_capacity_per_mole_of_atoms_at_{t.temperatures[row]:g}_K_J_per_K_per_mol": float(
                t.heat_capacity[row] / n
            ),
            **({} if self.gruneisen is None else {f"gruneisen_parameter_{ROOM_K:g}K": self.gruneisen.mean(ROOM_K)}),
        }

    @property
    def checks(self) -> dict[str, float]:
        """Symmetries before and after they were imposed, decay of the force constants, sound."""
        violation = self.crystal.violation
        along_x = self.sound_velocities((1.0, 0.0, 0.0))
        return {
            "sum_rule_before_eV_per_A2": violation.translation,
            "sum_rule_after_eV_per_A2": violation.left,
            "transposition_before_eV_per_A2": violation.transposition,
            "outer_force_constant_ratio": outer_ratio(self.harmonic),
            "imaginary_fraction": self.lowest.fraction,
            **{f"sound_velocity_{k + 1}_along_x_m_per_s": float(v) for k, v in enumerate(along_x)},
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """Bands, density of states, thermal properties."""
        found: dict[str, Columns] = {
            "bands": _band_table(self.bands),
            "dos": self._dos_table(),
            "thermal": self._thermal_table(),
        }
        if self.gruneisen is not None:
            g = self.gruneisen
            found["gruneisen"] = {
                "frequency_THz": g.frequencies.ravel(),
                "gruneisen_parameter": g.parameters.ravel(),
                "weight": np.repeat(g.weights, g.frequencies.shape[1]).astype(float),
            }
        return found

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """The primitive cell, patterns of modes, the structure that an unstable mode leads to."""
        found = {"primitive": [self.atoms]}
        if self.config.animate:
            found["modes"] = self.animation(self.config.animate)
        if self.followed is not None:
            found["lower"] = [self.followed.atoms]
        return found

    @property
    def documents(self) -> dict[str, str]:
        """phonopy.yaml, which phonopy, phono3py, euphonic and sumo read."""
        return {"phonopy.yaml": self.harmonic.yaml()}

    def sound_velocities(self, direction: tuple[float, float, float]) -> Array:
        """(3,) m/s ascending along a Cartesian direction, from the acoustic branches near Γ."""
        unit = np.array(direction) / np.linalg.norm(direction)
        fractional = self.atoms.cell.array @ (SMALL_Q * unit)
        frequencies = np.sort(np.abs(self.harmonic.frequencies([fractional])[0]))[:3]
        return np.asarray(frequencies / SMALL_Q * 100.0)  # THz·Å = 100 m/s

    def animation(self, n_modes: int) -> list[Atoms]:
        """Frames of the lowest modes that fit into the supercell, each ANIMATION_FRAMES long."""
        points = self.harmonic.commensurate_points()
        frequencies = self.harmonic.frequencies(points)
        order = np.argsort(frequencies, axis=None)
        frames, perfect = [], self.harmonic.supercell
        for flat in [k for k in order if abs(frequencies.flat[k]) > 1e-3 or np.any(points[k // frequencies.shape[1]])][
            :n_modes
        ]:
            q, mode = divmod(int(flat), frequencies.shape[1])
            shift = self.harmonic.modulated(points[q], mode, ANIMATION_A).positions - perfect.positions
            for phase in np.linspace(0.0, 2.0 * np.pi, ANIMATION_FRAMES, endpoint=False):
                frame = perfect.copy()
                frame.positions += np.sin(phase) * shift
                frame.info |= {"frequency_THz": float(frequencies[q, mode]), "qpoint": points[q].tolist()}
                frames.append(frame)
        return frames

    def _dos_table(self) -> Columns:
        names = [f"{s}{k}" for k, s in enumerate(self.atoms.get_chemical_symbols())]
        projected = dict(zip((f"{name}_per_THz" for name in names), self.states.projected, strict=True))
        return {"frequency_THz": self.states.frequencies, "total_per_THz": self.states.total, **projected}

    def _thermal_table(self) -> Columns:
        t, n = self.thermal, len(self.atoms)
        return {
            "temperature_K": t.temperatures,
            "free_energy_per_cell_kJ_per_mol": t.free_energy,
            "entropy_per_cell_J_per_K_per_mol": t.entropy,
            "heat_capacity_per_cell_J_per_K_per_mol": t.heat_capacity,
            "free_energy_per_atom_kJ_per_mol": t.free_energy / n,
            "entropy_per_atom_J_per_K_per_mol": t.entropy / n,
            "heat_capacity_per_atom_J_per_K_per_mol": t.heat_capacity / n,
        }


def _band_table(bands: Bands) -> Columns:
    n_modes = bands.frequencies[0].shape[1]
    lengths = [len(d) for d in bands.distances]
    names = [f"{a}–{b}" for a, b in bands.labels]
    return {
        "segment": [name for name, n in zip(names, lengths, strict=True) for _ in range(n)],
        "distance_1_per_A": np.concatenate(bands.distances),
        **{f"q{k + 1}": np.concatenate(bands.qpoints)[:, k] for k in range(3)},
        **{f"mode_{k + 1}_THz": np.concatenate(bands.frequencies)[:, k] for k in range(n_modes)},
    }
