"""Coordination: the number of bonds per atom, as a mean and as a distribution."""

from typing import Final

import numpy as np

from alignn_ff.analysis.drawing import Drawing, Panel, columns, curves
from alignn_ff.analysis.frames import Frame
from alignn_ff.analysis.observables.blocking import block_error
from alignn_ff.analysis.observables.bonds import Bonds
from alignn_ff.analysis.result import FloatArray, ObservableResult, Table, number_or_none
from alignn_ff.analysis.text import Row, Summary, by_element, with_error

MOST_NEIGHBOURS: Final = 64


class Coordination:
    """Number of bonds per atom of each element: its distribution, and the mean to each element.

    Args:
        bonds: which pairs count.
        n_blocks: in time.
    """

    def __init__(self, bonds: Bonds, *, n_blocks: int) -> None:
        self._bonds = bonds
        n_kinds = len(bonds.symbols)
        self._histogram = np.zeros((n_blocks, n_kinds, MOST_NEIGHBOURS))
        self._partial = np.zeros((n_blocks, n_kinds, n_kinds))
        self._frames = np.zeros(n_blocks)

    def add(self, frame: Frame) -> None:
        """Add a frame."""
        pairs, kind = self._bonds.of(frame.atoms), self._bonds.kind
        number = np.minimum(np.bincount(pairs.first, minlength=len(kind)), MOST_NEIGHBOURS - 1)
        np.add.at(self._histogram[frame.block], (kind, number), 1.0)
        np.add.at(self._partial[frame.block], (kind[pairs.first], kind[pairs.second]), 1.0)
        self._frames[frame.block] += 1

    def result(self) -> ObservableResult:
        """Means and distributions."""
        used = self._frames > 0
        weights = self._frames[used] / self._frames.sum()
        frames = self._frames[used]
        highest = int(np.flatnonzero(self._histogram.sum(axis=(0, 1)))[-1]) + 1
        counts = np.arange(MOST_NEIGHBOURS, dtype=np.float64)
        table: dict[str, FloatArray] = {"neighbours": counts[: highest + 1]}
        summary: dict[str, object] = self._bonds.summary
        for a, symbol in enumerate(self._bonds.symbols):
            atoms = len(self._bonds.species[symbol])
            shares = self._histogram[used, a] / (frames * atoms)[:, None]
            means = shares @ counts
            table[f"share_{symbol}"] = (weights @ shares)[: highest + 1]
            table[f"share_{symbol}_stderr"] = block_error(shares)[: highest + 1]
            partial = weights @ (self._partial[used, a] / (frames * atoms)[:, None])
            summary[symbol] = {
                "mean": float(weights @ means),
                "stderr": number_or_none(float(block_error(means))),
                "mean_to": {other: float(value) for other, value in zip(self._bonds.symbols, partial, strict=True)},
                "shares": {str(n): float(s) for n, s in enumerate(weights @ shares) if s > 0},
            }
        return ObservableResult(summary, {"coordination": table})


def coordination_rows(summary: Summary) -> list[Row]:
    """Mean coordination of each element: to each other one, or the most frequent numbers where there is only one."""
    rows = []
    for symbol, value in by_element(summary):
        shares = sorted(value["shares"].items(), key=lambda item: -item[1])[:3]
        inside = ", ".join(f"{n}: {100 * share:.1f} %" for n, share in shares)
        if len(value["mean_to"]) > 1:
            inside = ", ".join(f"{mean:.2f} {other}" for other, mean in value["mean_to"].items())
        rows.append((f"coordination {symbol}", f"{with_error(value['mean'], value['stderr'])} ({inside})"))
    behind = ", ".join(f"{pair} (behind {between})" for pair, between in summary["not_bonded_but_behind"].items())
    return [*rows, ("not bonded", behind)] if behind else rows


def draw_coordination(table: Table) -> Drawing:
    """Share of atoms with each number of neighbours."""
    shown = curves(table["neighbours"], table, columns(table, "share_"))
    present = np.flatnonzero(np.max([curve.y for curve in shown], axis=0) > 1e-4)
    x_range = (float(present[0]) - 1.0, float(present[-1]) + 1.0)
    return Drawing((Panel(shown, "neighbours", "share of atoms", kind="bars", x_range=x_range),))
