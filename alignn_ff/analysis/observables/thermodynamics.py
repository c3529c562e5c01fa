"""Thermodynamic series of the frames, and means with errors that include correlation in time."""

from typing import Any, Final

import numpy as np
from ase import Atoms

from alignn_ff.analysis.drawing import FS_PER_PS, Curve, Drawing, Panel
from alignn_ff.analysis.frames import Frame
from alignn_ff.analysis.observables.blocking import average
from alignn_ff.analysis.result import FloatArray, ObservableResult, Table
from alignn_ff.analysis.text import Row, Summary, with_error
from alignn_ff.cells import is_bulk
from alignn_ff.kinetics import observed_freedom, pressure_GPa, temperature
from alignn_ff.trajectory.quantities import results_of

RESTING: Final = 1e-6
"""A total momentum below this fraction of the sum of the atoms' momenta is zero, and conserved."""

G_PER_CM3: Final = 1.66053906660
"""1 amu/Å³ in g/cm³ (CODATA 2018)."""


class Thermodynamics:
    """Energies, temperature, pressure, volume and density, as far as the frames have them.

    Args:
        frame_time_fs: between frames; None if it is unknown.
        first_fs: time of the first frame.
    """

    def __init__(self, *, frame_time_fs: float | None, first_fs: float) -> None:
        self._frame_time_fs, self._first_fs = frame_time_fs, first_fs
        self._series: dict[str, list[float]] = {}
        self._n = 0

    def add(self, frame: Frame) -> None:
        """Add a frame."""
        for name, value in quantities(frame.atoms).items():
            self._series.setdefault(name, []).append(value)
        self._n += 1

    def result(self) -> ObservableResult:
        """Means of the quantities that every frame has, and the series."""
        whole = {name: np.array(series) for name, series in self._series.items() if len(series) == self._n}
        table: dict[str, FloatArray] = {"frame": np.arange(self._n, dtype=np.float64)}
        if self._frame_time_fs is not None:
            table["time_fs"] = self._first_fs + self._frame_time_fs * np.arange(self._n, dtype=np.float64)
        summary = {name: average(series).to_json() for name, series in whole.items()}
        return ObservableResult(summary, {"thermo": table | whole} if whole else {})


def quantities(atoms: Atoms) -> dict[str, float]:
    """Thermodynamic quantities of one frame; names end with the unit."""
    found: dict[str, float] = {}
    results = results_of(atoms)
    if "energy" in results:
        found["potential_eV"] = float(results["energy"])
    if atoms.has("momenta"):
        kinetic = float(atoms.get_kinetic_energy())
        found["kinetic_eV"] = kinetic
        kelvin = temperature_K(atoms)
        if kelvin is not None:
            found["temperature_K"] = kelvin
        if "potential_eV" in found:
            found["total_eV"] = found["potential_eV"] + kinetic
    if is_bulk(atoms):
        volume = float(atoms.get_volume())
        found["volume_A3"] = volume
        found["density_g_per_cm3"] = float(atoms.get_masses().sum()) / volume * G_PER_CM3
        if "stress" in results and atoms.has("momenta"):
            pressure = pressure_GPa(atoms, results["stress"])
            if pressure is not None:
                found["pressure_GPa"] = pressure
    return found


def temperature_K(atoms: Atoms) -> float | None:  # noqa: N802 - the unit's letter
    """Temperature as dynamics defines it (:mod:`alignn_ff.kinetics`); None without a degree of freedom."""
    counted = observed_freedom(atoms)
    return temperature(atoms, counted) if counted.n_dof else None


UNITS: Final = {"eV": "eV", "K": "K", "GPa": "GPa", "A3": "Å³", "g_per_cm3": "g/cm³"}
"""Ending of a name → unit as it is printed."""

DRAWN: Final = {
    "potential_eV": "potential (eV)",
    "total_eV": "total (eV)",
    "temperature_K": "temperature (K)",
    "pressure_GPa": "pressure (GPa)",
    "volume_A3": "volume (Å³)",
}
"""Series in the figure → label of the axis."""


def mean_rows(summary: Summary) -> list[Row]:
    """Mean of each series with its error."""
    rows = []
    for name, value in summary.items():
        quantity, unit = name.split("_", 1)
        shown = with_error(value["mean"], value["stderr"], UNITS.get(unit, unit))
        rows.append((quantity, shown + _remark(value, UNITS.get(unit, unit))))
    return rows


def _remark(value: dict[str, Any], unit: str) -> str:
    """What keeps a mean or its error from being one of equilibrium."""
    change = value["change_over_the_run"]
    if change is not None:
        return f" (no equilibrium: changes by {change:+.3g} {unit} over the run)"
    return "" if value["error_is_reliable"] else " (error uncertain: the run is short)"


def draw_series(table: Table) -> Drawing:
    """Every series that changes over time, with its mean; all series if none changes."""
    present = [name for name in DRAWN if name in table]
    changing = [name for name in present if np.ptp(table[name]) > 1e-9 * abs(table[name]).max()]
    timed = "time_fs" in table
    x = table["time_fs"] / FS_PER_PS if timed else table["frame"]
    panels = []
    for number, name in enumerate(changing or present):
        series = Curve(x, table[name], colour=number)
        mean = Curve(x[[0, -1]], np.full(2, table[name].mean()), colour=-1, dashed=True)
        panels.append(Panel((series, mean), "time (ps)" if timed else "frame", DRAWN[name]))
    return Drawing(tuple(panels), panel_height_inches=1.1)
