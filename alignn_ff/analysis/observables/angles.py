"""Angles between the bonds of an atom."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alignn_ff.analysis.drawing import Drawing, Panel, columns, curves
from alignn_ff.analysis.frames import Frame
from alignn_ff.analysis.observables.blocking import block_error
from alignn_ff.analysis.observables.bonds import Bonds
from alignn_ff.analysis.result import FloatArray, ObservableResult, Table
from alignn_ff.analysis.text import Row, Summary, by_element

IntArray = NDArray[np.int64]

CHUNK: Final = 4096
"""Atoms whose angles are computed at a time."""


class Angles:
    """Angles between the bonds of an atom, by its element, as densities per degree.

    Args:
        bonds: which pairs count.
        bin_deg: of the histogram.
        n_blocks: in time.
    """

    def __init__(self, bonds: Bonds, *, bin_deg: float, n_blocks: int) -> None:
        self._bonds = bonds
        self.edges = np.linspace(0.0, 180.0, max(1, round(180.0 / bin_deg)) + 1)
        self._histogram = np.zeros((n_blocks, len(bonds.symbols), len(self.edges) - 1))
        self._moments = np.zeros((len(bonds.symbols), 3))

    def add(self, frame: Frame) -> None:
        """Add a frame."""
        pairs = self._bonds.of(frame.atoms)
        n_bonds = np.bincount(pairs.first, minlength=len(frame.atoms))
        starts = np.concatenate([[0], np.cumsum(n_bonds)[:-1]])
        unit = pairs.vector / pairs.distance[:, None]
        for begin in range(0, len(frame.atoms), CHUNK):
            centres = np.arange(begin, min(begin + CHUNK, len(frame.atoms)))
            centre, degrees = _angles(unit, starts[centres], n_bonds[centres])
            kind = self._bonds.kind[centres[centre]]
            bins = np.minimum((degrees / (self.edges[1] - self.edges[0])).astype(np.int64), len(self.edges) - 2)
            np.add.at(self._histogram[frame.block], (kind, bins), 1.0)
            for power in range(3):
                np.add.at(self._moments[:, power], kind, degrees**power)

    def result(self) -> ObservableResult:
        """Means and densities; an element whose atoms have fewer than two bonds has none."""
        middles, width = 0.5 * (self.edges[1:] + self.edges[:-1]), self.edges[1] - self.edges[0]
        table: dict[str, FloatArray] = {"angle_deg": middles}
        summary: dict[str, object] = self._bonds.summary
        for a, symbol in enumerate(self._bonds.symbols):
            blocks = self._histogram[:, a]
            blocks = blocks[blocks.sum(axis=1) > 0]
            if len(blocks) == 0:
                summary[symbol] = {"n_angles": 0}
                continue
            total = blocks.sum(axis=0)
            table[f"density_{symbol}_per_deg"] = total / total.sum() / width
            table[f"density_{symbol}_per_deg_stderr"] = block_error(blocks / blocks.sum(axis=1)[:, None] / width)
            n, first, second = self._moments[a]
            summary[symbol] = {
                "n_angles": int(n),
                "mean_deg": first / n,
                "std_deg": float(np.sqrt(max(0.0, second / n - (first / n) ** 2))),
                "peak_deg": float(middles[total.argmax()]),
            }
        return ObservableResult(summary, {"angles": table})


def _angles(unit: FloatArray, starts: IntArray, n_bonds: IntArray) -> tuple[IntArray, FloatArray]:
    """Centre of each angle, and the angle in degrees; every pair of bonds once."""
    most = int(n_bonds.max(initial=0))
    if most < 2:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    slots = np.arange(most)
    there = slots < n_bonds[:, None]
    bonds = unit[np.where(there, starts[:, None] + slots, 0)]
    cosines = np.einsum("ijx,ikx->ijk", bonds, bonds)
    wanted = there[:, :, None] & there[:, None, :] & (slots[:, None] < slots)
    centre = np.nonzero(wanted)[0]
    return centre, np.degrees(np.arccos(np.clip(cosines[wanted], -1.0, 1.0)))


def angle_rows(summary: Summary) -> list[Row]:
    """Mean, width and peak of the distribution around each element."""
    return [
        (
            f"angles {symbol}",
            f"{value['mean_deg']:.1f}° ± {value['std_deg']:.1f}° (width), peak {value['peak_deg']:.1f}°",
        )
        for symbol, value in by_element(summary)
        if value["n_angles"]
    ]


def draw_angles(table: Table) -> Drawing:
    """Density of angles around each element."""
    names = {name: f"around {symbol}" for name, symbol in columns(table, "density_", "_per_deg").items()}
    shown = curves(table["angle_deg"], table, names)
    ticks = tuple(range(0, 181, 30))
    panel = Panel(shown, "angle (°)", "density (1/°)", x_range=(0.0, 180.0), y_range=(0.0, None), x_ticks=ticks)
    return Drawing((panel,))
