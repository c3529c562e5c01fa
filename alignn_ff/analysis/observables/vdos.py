"""Velocity autocorrelation and the vibrational density of states.

Both are computed from windows of the run that overlap by half: the autocorrelation from the zero-padded transform of
the velocities (Wiener and Khinchin), the density of states from the mass-weighted power spectrum with a Hann taper
(Welch). The area of the spectrum is set to 1. Without velocities in the file, displacements between frames are used.
"""

from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.analysis.drawing import FS_PER_PS, Curve, Drawing, Panel, columns, curves
from alignn_ff.analysis.frames import Frame
from alignn_ff.analysis.observables.blocking import block_error
from alignn_ff.analysis.result import FloatArray, ObservableResult, Table, species_of
from alignn_ff.analysis.text import Row, Summary

DEFAULT_WINDOW_FS: Final = 4000.0
MOST_BYTES: Final = 512 * 1024 * 1024
"""Largest size of the velocities that are kept at a time."""

COLUMNS: Final = 512
"""Velocity components that are transformed at a time."""

THZ_PER_INVERSE_FS: Final = 1000.0
HIGHEST_SHARE: Final = 0.02
"""A larger share of the spectrum in its highest tenth means that frames are too far apart."""

SHOWN_PS: Final = 2.0
"""Longest lag of the autocorrelation in its figure."""


class VibrationalDensity:
    """Autocorrelation and density of states, in total and of each element.

    Args:
        atoms: of the first frame.
        n_frames: of the run.
        frame_time_fs: between frames.
        window_fs: length of the autocorrelation; None means 4 ps, or a quarter of a shorter run.
        keep_drift: keep the motion of the centre of mass.
    """

    def __init__(
        self, atoms: Atoms, *, n_frames: int, frame_time_fs: float, window_fs: float | None, keep_drift: bool
    ) -> None:
        self.species = species_of(atoms)
        self._masses = atoms.get_masses()
        self._frame_time_fs = frame_time_fs
        wanted = min(DEFAULT_WINDOW_FS, frame_time_fs * n_frames / 4) if window_fs is None else window_fs
        most = MOST_BYTES // (24 * len(atoms))
        self._length = int(max(2, min(round(wanted / frame_time_fs), n_frames - 1, most)))
        self._keep_drift = keep_drift or len(atoms) == 1 or bool(atoms.constraints)
        self._window: list[FloatArray] = []
        self._last_positions: FloatArray | None = None
        self._from_positions = False
        self._correlations: list[FloatArray] = []
        self._spectra: list[FloatArray] = []

    def add(self, frame: Frame) -> None:
        """Add a frame."""
        velocities = frame.velocities
        if velocities is None:
            self._from_positions = True
            last, self._last_positions = self._last_positions, frame.positions
            if last is None:
                return
            velocities = (frame.positions - last) / self._frame_time_fs
        if not self._keep_drift:
            velocities = velocities - self._masses @ velocities / self._masses.sum()
        self._window.append(velocities)
        if len(self._window) == self._length:
            self._transform(np.array(self._window))
            self._window = self._window[self._length // 2 :] if self._length > 2 else []

    def _transform(self, velocities: FloatArray) -> None:
        correlations, spectra = [], []
        taper = np.hanning(len(velocities) + 2)[1:-1, None]
        for members in self.species.values():
            columns = velocities[:, members].reshape(len(velocities), -1)
            weights = np.repeat(self._masses[members], 3)
            correlation = np.zeros(len(velocities))
            spectrum = np.zeros(len(velocities) + 1)
            for begin in range(0, columns.shape[1], COLUMNS):
                part = columns[:, begin : begin + COLUMNS]
                power = np.square(np.abs(np.fft.rfft(part, n=2 * len(part), axis=0)))
                correlation += np.fft.irfft(power.sum(axis=1))[: len(part)]
                tapered = np.square(np.abs(np.fft.rfft(part * taper, n=2 * len(part), axis=0)))
                spectrum += tapered @ weights[begin : begin + COLUMNS]
            lengths = len(velocities) - np.arange(len(velocities))
            correlations.append(correlation / lengths / len(members))
            spectra.append(spectrum)
        self._correlations.append(np.array(correlations))
        self._spectra.append(np.array(spectra))

    def result(self) -> ObservableResult:
        """Summary of the spectrum, and both curves."""
        if not self._spectra:
            return ObservableResult({"n_windows": 0}, {})
        correlation, spectra = np.array(self._correlations), np.array(self._spectra)
        frequency = np.arange(spectra.shape[2]) / (2 * self._length * self._frame_time_fs) * THZ_PER_INVERSE_FS
        width = frequency[1]
        area = spectra.sum(axis=(1, 2)) * width
        spectra = spectra / np.where(area > 0, area, 1.0)[:, None, None]
        total = spectra.sum(axis=1)
        table: dict[str, FloatArray] = {"frequency_THz": frequency}
        for kind, symbol in enumerate(self.species):
            table[f"vdos_{symbol}_per_THz"] = spectra[:, kind].mean(axis=0)
        table["vdos_per_THz"] = total.mean(axis=0)
        table["vdos_per_THz_stderr"] = block_error(total[::2])
        mean = total.mean(axis=0)
        summary: dict[str, object] = {
            "velocities": "between frames" if self._from_positions else "of the file",
            "n_windows": len(spectra),
            "window_fs": self._length * self._frame_time_fs,
            "resolution_THz": float(2 * width),
            "highest_THz": float(frequency[-1]),
            "peak_THz": float(frequency[mean.argmax()]),
            "mean_THz": float(frequency @ mean * width),
            "frames_are_dense_enough": bool(mean[-len(mean) // 10 :].sum() < HIGHEST_SHARE * mean.sum()),
            "area_at_zero_per_THz": float(mean[0]),
        }
        speeds = {
            f"v2_{symbol}_A2_per_fs2": float(v)
            for symbol, v in zip(self.species, correlation.mean(axis=0)[:, 0], strict=True)
        }
        return ObservableResult(summary | speeds, {"vdos": table, "vacf": self._vacf(correlation.mean(axis=0))})

    def _vacf(self, correlation: FloatArray) -> dict[str, FloatArray]:
        """Lag and ⟨v(0)·v(t)⟩/⟨v²⟩ of each element."""
        table: dict[str, FloatArray] = {
            "lag_fs": self._frame_time_fs * np.arange(correlation.shape[1], dtype=np.float64)
        }
        for kind, symbol in enumerate(self.species):
            table[f"vacf_{symbol}"] = correlation[kind] / max(correlation[kind, 0], 1e-300)
        return table


def vibration_rows(summary: Summary) -> list[Row]:
    """Peak, mean and resolution of the spectrum."""
    if not summary["n_windows"]:
        return []
    mark = "" if summary["frames_are_dense_enough"] else " (frames too far apart: the spectrum is aliased)"
    if summary["resolution_THz"] > summary["mean_THz"]:
        mark = " (the run is too short for a spectrum)"
    text = f"peak {summary['peak_THz']:.2f} THz, mean {summary['mean_THz']:.2f} THz, resolution "
    return [("vibrations", f"{text}{summary['resolution_THz']:.2f} THz{mark}")]


def draw_autocorrelation(table: Table) -> Drawing:
    """Velocity autocorrelation of each element."""
    time_ps = table["lag_fs"] / FS_PER_PS
    shown = curves(time_ps, table, columns(table, "vacf_"))
    x_range = (0.0, min(SHOWN_PS, float(time_ps[-1])))
    return Drawing((Panel(shown, "time (ps)", "⟨v(0)·v(t)⟩ / ⟨v²⟩", x_range=x_range, level=0.0),))


def draw_spectrum(table: Table) -> Drawing:
    """Vibrational density of states, in total and of each element, up to 1.3 times where 99 % of its area lie."""
    frequency, total = table["frequency_THz"], table["vdos_per_THz"]
    elements = curves(frequency, table, columns(table, "vdos_", "_per_THz"))
    elements = elements if len(elements) > 1 else ()
    label = "total" if elements else ""
    shown = (*elements, Curve(frequency, total, label, table["vdos_per_THz_stderr"], colour=-1))
    area = np.cumsum(total)
    last = frequency[min(len(area) - 1, int(np.searchsorted(area, 0.99 * area[-1])))]
    x_range = (0.0, min(float(frequency[-1]), 1.3 * float(last)))
    panel = Panel(shown, "frequency (THz)", "density of states (1/THz)", x_range=x_range, y_range=(0.0, None))
    return Drawing((panel,))
