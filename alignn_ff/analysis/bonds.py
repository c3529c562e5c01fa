"""Coordination and angles: what the bonds below a length make of each atom."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.analysis.blocking import block_error
from alignn_ff.analysis.finding import Finding, FloatArray, number_or_none, species_of
from alignn_ff.analysis.frames import Frame
from alignn_ff.analysis.pairs import Pairs, pairs_within

IntArray = NDArray[np.int64]

MOST_NEIGHBOURS: Final = 64
CHUNK: Final = 4096
"""Atoms whose angles are computed at a time."""


class Bonds:
    """Which pairs count as bonded.

    Args:
        atoms: of the first frame.
        lengths_A: longest bond of each pair of elements, "O-Si" → Å, elements in alphabetical order.
    """

    def __init__(self, atoms: Atoms, lengths_A: Mapping[str, float]) -> None:
        self.lengths_A = dict(lengths_A)
        self.species = species_of(atoms)
        self.symbols = list(self.species)
        self.kind = np.array([self.symbols.index(s) for s in atoms.get_chemical_symbols()], dtype=np.int64)
        self._longest = np.zeros((len(self.symbols), len(self.symbols)))
        for name, length in lengths_A.items():
            a, b = (self.symbols.index(symbol) for symbol in name.split("-"))
            self._longest[a, b] = self._longest[b, a] = length

    def of(self, atoms: Atoms) -> Pairs:
        """Bonded pairs of a frame."""
        pairs = pairs_within(atoms, float(self._longest.max()))
        bonded = pairs.distance < self._longest[self.kind[pairs.first], self.kind[pairs.second]]
        return Pairs(pairs.first[bonded], pairs.second[bonded], pairs.distance[bonded], pairs.vector[bonded])


class Coordination:
    """How many bonds atoms of each element have: to each element on average, and in all as a distribution.

    Args:
        bonds: what counts as one.
        n_blocks: in time.
    """

    def __init__(self, bonds: Bonds, *, n_blocks: int) -> None:
        self._bonds = bonds
        n_kinds = len(bonds.symbols)
        self._histogram = np.zeros((n_blocks, n_kinds, MOST_NEIGHBOURS))
        self._partial = np.zeros((n_blocks, n_kinds, n_kinds))
        self._frames = np.zeros(n_blocks)

    def add(self, frame: Frame) -> None:
        """Take a frame in."""
        pairs, kind = self._bonds.of(frame.atoms), self._bonds.kind
        number = np.minimum(np.bincount(pairs.first, minlength=len(kind)), MOST_NEIGHBOURS - 1)
        np.add.at(self._histogram[frame.block], (kind, number), 1.0)
        np.add.at(self._partial[frame.block], (kind[pairs.first], kind[pairs.second]), 1.0)
        self._frames[frame.block] += 1

    def finding(self) -> Finding:
        """Means and distributions."""
        used = self._frames > 0
        weights = self._frames[used] / self._frames.sum()
        frames = self._frames[used]
        highest = int(np.flatnonzero(self._histogram.sum(axis=(0, 1)))[-1]) + 1
        counts = np.arange(MOST_NEIGHBOURS, dtype=np.float64)
        table: dict[str, FloatArray] = {"neighbours": counts[: highest + 1]}
        summary: dict[str, object] = {"longest_bond_A": self._bonds.lengths_A}
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
        return Finding(summary, {"coordination": table})


class Angles:
    """Angles between the bonds of an atom, by its element, as densities per degree.

    Args:
        bonds: what counts as one.
        bin_deg: of the histogram.
        n_blocks: in time.
    """

    def __init__(self, bonds: Bonds, *, bin_deg: float, n_blocks: int) -> None:
        self._bonds = bonds
        self.edges = np.linspace(0.0, 180.0, max(1, round(180.0 / bin_deg)) + 1)
        self._histogram = np.zeros((n_blocks, len(bonds.symbols), len(self.edges) - 1))
        self._moments = np.zeros((len(bonds.symbols), 3))

    def add(self, frame: Frame) -> None:
        """Take a frame in."""
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

    def finding(self) -> Finding:
        """Means and densities; an element without two bonds has none."""
        middles, width = 0.5 * (self.edges[1:] + self.edges[:-1]), self.edges[1] - self.edges[0]
        table: dict[str, FloatArray] = {"angle_deg": middles}
        summary: dict[str, object] = {"longest_bond_A": self._bonds.lengths_A}
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
        return Finding(summary, {"angles": table})


def _angles(unit: FloatArray, starts: IntArray, n_bonds: IntArray) -> tuple[IntArray, FloatArray]:
    """Which centre each angle belongs to, and the angle in degrees; every pair of bonds once."""
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
