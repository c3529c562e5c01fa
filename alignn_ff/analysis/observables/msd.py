"""Mean squared displacement over many time origins, and the diffusion coefficient with an error from blocks.

Displacements in disjoint intervals of time are independent for a diffusing atom, so each block of the run gives its own
MSD and its own slope; the scatter of the slopes gives the error of their mean. D = slope/6 (slope/2 along an axis).
"""

from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.analysis.drawing import FS_PER_PS, Drawing, Panel, columns, curves
from alignn_ff.analysis.frames import Frame, drift
from alignn_ff.analysis.observables.blocking import block_error
from alignn_ff.analysis.result import FloatArray, ObservableResult, Table, number_or_none, species_of
from alignn_ff.analysis.text import Row, Summary, by_element, with_error

ORIGINS_PER_BLOCK: Final = 32
"""Positions that are kept at a time; this limits the memory."""

CM2_PER_S: Final = 0.1
"""1 Å²/fs in cm²/s."""

FEWEST_LAGS: Final = 4

MOST_BENT: Final = (0.7, 1.4)
"""Slope of the later half of the fit over that of the earlier; 2 where particles fly freely."""

LEAST_EXPONENT: Final = 0.8

FAR_A2: Final = 1.0
"""An atom with a smaller MSD may only vibrate."""


class MeanSquaredDisplacement:
    """MSD of each element.

    Args:
        atoms: of the first frame.
        n_frames: of the run.
        frame_time_fs: between frames.
        n_blocks: in time.
        fit: begin and end of the straight line, as fractions of a block.
        keep_drift: keep the motion of the centre of mass.
    """

    def __init__(
        self,
        atoms: Atoms,
        *,
        n_frames: int,
        frame_time_fs: float,
        n_blocks: int,
        fit: tuple[float, float],
        keep_drift: bool,
    ) -> None:
        self.species = species_of(atoms)
        self._block_length = max(1, n_frames // n_blocks)
        self._origin_every = max(1, self._block_length // ORIGINS_PER_BLOCK)
        self._frame_time_fs, self._fit, self._keep_drift = frame_time_fs, fit, keep_drift
        self._sums = np.zeros((n_blocks, len(self.species), self._block_length, 3))
        self._counts = np.zeros((n_blocks, self._block_length))
        self._origins: list[tuple[int, FloatArray]] = []
        self._block, self._begin = -1, 0
        self._first: Frame | None = None

    def add(self, frame: Frame) -> None:
        """Add a frame."""
        self._first = self._first or frame
        if frame.block != self._block:
            self._block, self._begin, self._origins = frame.block, frame.number, []
        positions = frame.positions if self._keep_drift else frame.positions - drift(frame, self._first)
        if (frame.number - self._begin) % self._origin_every == 0:
            self._origins.append((frame.number, positions))
        for index, origin in self._origins:
            lag = frame.number - index
            if lag < self._block_length:
                squares = np.square(positions - origin)
                for kind, members in enumerate(self.species.values()):
                    self._sums[frame.block, kind, lag] += squares[members].mean(axis=0)
                self._counts[frame.block, lag] += 1

    def result(self) -> ObservableResult:
        """Diffusion coefficients, and the curves."""
        complete = self._counts.all(axis=1)  # frames of a block beyond its length are not used
        lags = self._frame_time_fs * np.arange(self._block_length, dtype=np.float64)
        table: dict[str, FloatArray] = {"lag_fs": lags}
        summary: dict[str, object] = {"fit_from_fs": None, "fit_to_fs": None}
        begin, end = (round(part * (self._block_length - 1)) for part in self._fit)
        begin = max(1, begin)
        enough = end - begin + 1 >= FEWEST_LAGS
        if enough:
            summary |= {"fit_from_fs": float(lags[begin]), "fit_to_fs": float(lags[end])}
        for kind, symbol in enumerate(self.species):
            blocks = self._sums[complete, kind] / self._counts[complete][:, :, None]
            curves = blocks.sum(axis=2)
            table[f"msd_{symbol}_A2"] = curves.mean(axis=0) if len(curves) else np.full(len(lags), np.nan)
            table[f"msd_{symbol}_A2_stderr"] = block_error(curves) if len(curves) else np.full(len(lags), np.nan)
            window = slice(begin, end + 1)
            summary[symbol] = _diffusion(lags[window], blocks[:, window]) if enough and len(blocks) else None
        return ObservableResult(summary, {"msd": table})


def _diffusion(lags_fs: FloatArray, blocks: FloatArray) -> dict[str, object]:
    """D of each axis and in all, cm²/s, from (n_blocks, n_lags, 3) Å²."""
    centred = lags_fs - lags_fs.mean()
    slopes = np.einsum("l,blx->bx", centred, blocks) / (centred @ centred)  # Å²/fs
    total, axes = slopes.sum(axis=1) / 6.0 * CM2_PER_S, slopes / 2.0 * CM2_PER_S
    mean = blocks.sum(axis=2).mean(axis=0)
    exponent = np.polyfit(np.log(lags_fs), np.log(mean), 1)[0] if (mean > 0).all() else np.nan
    half = len(lags_fs) // 2
    early, late = (np.polyfit(lags_fs[part], mean[part], 1)[0] for part in (slice(half + 1), slice(half, None)))
    straight = early > 0 and MOST_BENT[0] < late / early < MOST_BENT[1]
    return {
        "D_cm2_per_s": float(total.mean()),
        "D_stderr_cm2_per_s": number_or_none(float(block_error(total))),
        "D_axes_cm2_per_s": axes.mean(axis=0).tolist(),
        "D_axes_stderr_cm2_per_s": [number_or_none(error) for error in block_error(axes)],
        "exponent": number_or_none(float(exponent)),
        "msd_at_end_A2": float(mean[-1]),
        "is_diffusive": bool(straight and exponent > LEAST_EXPONENT and mean[-1] > FAR_A2),
    }


def diffusion_rows(summary: Summary) -> list[Row]:
    """D of each element, or why there is none."""
    rows = []
    for symbol, value in by_element(summary):
        error = value["D_stderr_cm2_per_s"]
        mean = with_error(1e5 * value["D_cm2_per_s"], None if error is None else 1e5 * error, "10⁻⁵ cm²/s")
        reason = None if value["is_diffusive"] else _why_no_diffusion(value, summary["fit_to_fs"])
        rows.append((f"diffusion {symbol}", mean if reason is None else reason))
    return rows


def _why_no_diffusion(value: Summary, fit_to_fs: float) -> str:
    if value["msd_at_end_A2"] < FAR_A2:
        return f"none: MSD of {value['msd_at_end_A2']:.2f} Å² after {fit_to_fs:g} fs"
    grows = "" if value["exponent"] is None else f" as t^{value['exponent']:.2f}"
    return f"not seen: MSD grows{grows} up to {fit_to_fs:g} fs; a longer run or fewer --blocks may show it"


def draw_msd(table: Table) -> Drawing:
    """Mean squared displacement of each element."""
    time_ps = table["lag_fs"] / FS_PER_PS
    shown = curves(time_ps, table, columns(table, "msd_", "_A2"))
    label, x_range = "mean squared displacement (Å²)", (0.0, float(time_ps[-1]))
    return Drawing((Panel(shown, "time (ps)", label, x_range=x_range, y_range=(0.0, None)),))
