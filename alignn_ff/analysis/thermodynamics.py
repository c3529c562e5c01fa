"""Thermodynamic series of the frames, with means whose errors know of correlation in time."""

from typing import Final

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import PropertyNotImplementedError

from alignn_ff.analysis.blocking import average
from alignn_ff.analysis.finding import Finding, FloatArray
from alignn_ff.analysis.frames import Frame
from alignn_ff.analysis.pairs import is_bulk
from alignn_ff.units import GPA_PER_EV_PER_A3

RESTING: Final = 1e-6
"""A total momentum below this part of the sum of the atoms' is one that is conserved at zero."""

G_PER_CM3: Final = 1.66053906660
"""1 amu/Å³ in g/cm³ (CODATA 2018)."""


class Thermodynamics:
    """Energies, temperature, pressure, volume and density, as far as the frames tell.

    Args:
        frame_time_fs: between frames; None if nobody knows.
        first_fs: time of the first.
    """

    def __init__(self, *, frame_time_fs: float | None, first_fs: float) -> None:
        self._frame_time_fs, self._first_fs = frame_time_fs, first_fs
        self._series: dict[str, list[float]] = {}
        self._n = 0

    def add(self, frame: Frame) -> None:
        """Take a frame in."""
        for name, value in quantities(frame.atoms).items():
            self._series.setdefault(name, []).append(value)
        self._n += 1

    def finding(self) -> Finding:
        """Averages of what every frame has, and the series."""
        whole = {name: np.array(series) for name, series in self._series.items() if len(series) == self._n}
        table: dict[str, FloatArray] = {"frame": np.arange(self._n, dtype=np.float64)}
        if self._frame_time_fs is not None:
            table["time_fs"] = self._first_fs + self._frame_time_fs * np.arange(self._n, dtype=np.float64)
        summary = {name: average(series).to_json() for name, series in whole.items()}
        return Finding(summary, {"thermo": table | whole} if whole else {})


def quantities(atoms: Atoms) -> dict[str, float]:
    """What one frame tells; keys carry units."""
    found: dict[str, float] = {}
    results = getattr(atoms.calc, "results", {})
    if "energy" in results:
        found["potential_eV"] = float(results["energy"])
    if atoms.has("momenta"):
        kinetic = float(atoms.get_kinetic_energy())
        found["kinetic_eV"] = kinetic
        found["temperature_K"] = temperature_K(atoms)
        if "potential_eV" in found:
            found["total_eV"] = found["potential_eV"] + kinetic
    if is_bulk(atoms):
        volume = float(atoms.get_volume())
        found["volume_A3"] = volume
        found["density_g_per_cm3"] = float(atoms.get_masses().sum()) / volume * G_PER_CM3
        if "stress" in results and atoms.has("momenta"):
            found["pressure_GPa"] = _pressure_GPa(atoms)
    return found


def temperature_K(atoms: Atoms) -> float:  # noqa: N802 - the unit's letter
    """2K/(n_dof·k_B); where the total momentum is zero, its three degrees of freedom do not count."""
    momenta = atoms.get_momenta()
    n_dof = atoms.get_number_of_degrees_of_freedom()
    resting = np.linalg.norm(momenta.sum(axis=0)) <= RESTING * np.linalg.norm(momenta, axis=1).sum()
    if resting and not atoms.constraints and len(atoms) > 1:
        n_dof -= 3
    return float(2.0 * atoms.get_kinetic_energy() / (n_dof * units.kB)) if n_dof > 0 else 0.0


def _pressure_GPa(atoms: Atoms) -> float:  # noqa: N802 - the unit's letters
    try:
        stress = atoms.get_stress(include_ideal_gas=True, apply_constraint=False)
    except PropertyNotImplementedError:
        return float("nan")
    return -float(stress[:3].mean()) * GPA_PER_EV_PER_A3
