"""Pair functions: g_ab(r), and the number of b atoms within r of an a atom.

g_ab = V·n_ab(r, r+dr) / (N_a·N_b·shell), averaged over frames: 1 for an ideal gas (1 − 1/N for pairs of one kind).
Without three periodic directions there is no density, and the table has neighbours per Å instead.
"""

from itertools import combinations_with_replacement
from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from alignn_ff.analysis.drawing import Drawing, Panel, columns, curves
from alignn_ff.analysis.frames import Frame
from alignn_ff.analysis.observables.blocking import block_error
from alignn_ff.analysis.observables.pairs import pairs_within
from alignn_ff.analysis.result import FloatArray, ObservableResult, Table, number_or_none, species_of
from alignn_ff.analysis.text import Row, Summary
from alignn_ff.cells import heights_A, is_bulk

SHORTEST_RANGE_A: Final = 6.0
LONGEST_RANGE_A: Final = 12.0
SMOOTHING_A: Final = 0.05


class PairFunctions:
    """g(r) and running coordination of every pair of elements.

    Args:
        atoms: of the first frame.
        r_max_A: longest distance; None takes half the shortest height of the cell, within 6 to 12 Å.
        bin_A: of the histogram.
        n_blocks: in time.
    """

    def __init__(self, atoms: Atoms, *, r_max_A: float | None, bin_A: float, n_blocks: int) -> None:
        self.species = species_of(atoms)
        self.bulk = is_bulk(atoms)
        self.names = [f"{a}-{b}" for a, b in combinations_with_replacement(self.species, 2)]
        self._kind, self._pair_number = _pair_numbers(atoms, list(self.species))
        r_max = default_range_A(atoms) if r_max_A is None else r_max_A
        self.edges = bin_A * np.arange(int(np.ceil(r_max / bin_A - 1e-9)) + 1)
        shape = (n_blocks, len(self.names), len(self.edges) - 1)
        self._counts, self._densities = np.zeros(shape), np.zeros(shape)
        self._frames = np.zeros(n_blocks)

    def add(self, frame: Frame) -> None:
        """Add a frame."""
        self.add_atoms(frame.atoms, block=frame.block)

    def add_atoms(self, atoms: Atoms, *, block: int) -> None:
        """Add a structure."""
        pairs = pairs_within(atoms, float(self.edges[-1]))
        n_bins = len(self.edges) - 1
        bins = np.minimum((pairs.distance / (self.edges[1] - self.edges[0])).astype(np.int64), n_bins - 1)
        number = self._pair_number[self._kind[pairs.first], self._kind[pairs.second]]
        counts = np.bincount(number * n_bins + bins, minlength=len(self.names) * n_bins)
        counts = counts.reshape(len(self.names), n_bins).astype(np.float64)
        self._counts[block] += counts
        self._densities[block] += counts * (atoms.get_volume() if self.bulk else 1.0)
        self._frames[block] += 1

    def curves(self) -> dict[str, tuple[FloatArray, FloatArray, FloatArray]]:
        """Pair → (g or neighbours per Å, its standard error, running coordination of the first kind)."""
        used = self._frames > 0
        frames = self._frames[used][:, None]
        shells = 4.0 / 3.0 * np.pi * np.diff(self.edges**3)
        found = {}
        for index, name in enumerate(self.names):
            n_a, n_b = (len(self.species[symbol]) for symbol in name.split("-"))
            ordered = 1.0 if name.split("-")[0] == name.split("-")[1] else 2.0  # both directions were counted
            per_atom = self._counts[used, index] / frames / n_a / ordered
            if self.bulk:
                blocks = self._densities[used, index] / frames / (n_a * n_b * ordered) / shells
            else:
                blocks = per_atom / np.diff(self.edges)
            weights = self._frames[used] / self._frames.sum()
            running = np.cumsum(weights @ per_atom)
            found[name] = (weights @ blocks, block_error(blocks), running)
        return found

    def result(self) -> ObservableResult:
        """Summary of peaks, and the curves."""
        middles = 0.5 * (self.edges[1:] + self.edges[:-1])
        table: dict[str, FloatArray] = {"r_A": middles}
        summary: dict[str, object] = {}
        quantity = "g" if self.bulk else "neighbours_per_A"
        for name, (curve, error, running) in self.curves().items():
            table[f"{quantity}_{name}"], table[f"{quantity}_{name}_stderr"] = curve, error
            table[f"n_{name}"] = running
            summary[name] = _peaks(middles, curve, error, running)
        return ObservableResult(summary, {"rdf": table})


def default_range_A(atoms: Atoms) -> float:  # noqa: N802 - the unit's letter
    """Half the shortest height of the cell, within 6 to 12 Å."""
    if not is_bulk(atoms):
        return LONGEST_RANGE_A
    return float(np.clip(min(heights_A(atoms)) / 2, SHORTEST_RANGE_A, LONGEST_RANGE_A))


def first_peak_and_minimum(r_A: FloatArray, curve: FloatArray) -> tuple[int, int] | None:
    """Bins of the first peak, and of the lowest point between it and the next; None without a peak."""
    smooth = gaussian_filter1d(curve, SMOOTHING_A / (r_A[1] - r_A[0]))
    peaks, _ = find_peaks(smooth, prominence=0.1 * smooth.max())
    if len(peaks) == 0:
        return None
    end = peaks[1] if len(peaks) > 1 else len(curve) - 1
    valley = smooth[peaks[0] : end]
    if len(valley) == 0:
        return None
    lowest = np.flatnonzero(valley <= valley.min() + 1e-9)  # a gap between shells: its middle
    return int(peaks[0]), int(peaks[0] + lowest[len(lowest) // 2])


def _peaks(r_A: FloatArray, curve: FloatArray, error: FloatArray, running: FloatArray) -> dict[str, object]:
    found = first_peak_and_minimum(r_A, curve)
    if found is None:
        return {"first_peak_A": None, "first_peak": None, "first_minimum_A": None, "coordination_to_minimum": None}
    peak, minimum = found
    peak = max(0, peak - 3) + int(curve[max(0, peak - 3) : peak + 4].argmax())  # of the curve itself, not smoothed
    return {
        "first_peak_A": float(r_A[peak]),
        "first_peak": float(curve[peak]),
        "first_peak_stderr": number_or_none(error[peak]),
        "first_minimum_A": float(r_A[minimum]),
        "first_minimum": float(curve[minimum]),
        "coordination_to_minimum": float(running[minimum]),
    }


def _pair_numbers(atoms: Atoms, symbols: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n_atoms,) element of each atom; (n_elements, n_elements) number of each unordered pair."""
    kind = np.array([symbols.index(symbol) for symbol in atoms.get_chemical_symbols()], dtype=np.int64)
    number = np.zeros((len(symbols), len(symbols)), dtype=np.int64)
    for index, (a, b) in enumerate(combinations_with_replacement(range(len(symbols)), 2)):
        number[a, b] = number[b, a] = index
    return kind, number


def peak_rows(summary: Summary) -> list[Row]:
    """First peak of each pair, and the neighbours up to the first minimum."""
    rows = []
    for pair, peaks in summary.items():
        if peaks["first_peak_A"] is None:
            rows.append((f"g(r) {pair}", "no peak"))
            continue
        rows.append((f"g(r) {pair}, first peak", f"{peaks['first_peak']:.2f} at {peaks['first_peak_A']:.2f} Å"))
        within = f"{peaks['coordination_to_minimum']:.2f} within {peaks['first_minimum_A']:.2f} Å"
        rows.append((f"g(r) {pair}, neighbours", within))
    return rows


def draw_pair_functions(table: Table) -> Drawing:
    """g(r) of every pair, and the running coordination."""
    r = table["r_A"]
    density = columns(table, "g_")
    shown = curves(r, table, density or columns(table, "neighbours_per_A_"))
    running = tuple(curve._replace(label="") for curve in curves(r, table, columns(table, "n_")))
    x_range = (0.0, float(r[-1]))
    label, level = ("g(r)", 1.0) if density else ("neighbours (1/Å)", None)
    top = Panel(shown, "", label, x_range=x_range, y_range=(0.0, None), level=level)
    bottom = Panel(running, "r (Å)", "neighbours within r", x_range=x_range, y_range=(0.0, 30.0))
    return Drawing((top, bottom), panel_height_inches=1.5)
