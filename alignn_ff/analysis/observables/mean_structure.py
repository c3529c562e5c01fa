"""The mean structure: mean cell, mean positions of the unwrapped atoms, and the displacement of each from its mean."""

import numpy as np
from ase import Atoms

from alignn_ff.analysis.frames import Frame, drift
from alignn_ff.analysis.result import FloatArray, ObservableResult
from alignn_ff.analysis.text import Row, Summary


class MeanStructure:
    """Mean structure of a run.

    Args:
        atoms: of the first frame.
        keep_drift: keep the motion of the centre of mass.
    """

    def __init__(self, atoms: Atoms, *, keep_drift: bool) -> None:
        self._keep_drift = keep_drift
        self._first: Frame | None = None
        self._cell, self._completed, self._n = np.zeros((3, 3)), np.zeros((3, 3)), 0
        self._sum = np.zeros((len(atoms), 3))
        self._outer = np.zeros((len(atoms), 3, 3))

    def add(self, frame: Frame) -> None:
        """Add a frame."""
        self._first = self._first or frame
        cell = frame.atoms.cell.complete().array
        moved = np.zeros(3) if self._keep_drift else drift(frame, self._first) @ np.linalg.inv(cell)
        fractional = frame.fractional - self._first.fractional - moved
        self._sum += fractional
        self._outer += fractional[:, :, None] * fractional[:, None, :]
        self._cell += frame.atoms.cell.array
        self._completed += cell
        self._n += 1

    def result(self) -> ObservableResult:
        """The structure, with the array ``rms_displacement`` (Å)."""
        assert self._first is not None, "a mean needs frames"
        cell, mean = self._completed / self._n, self._sum / self._n
        spread = self._outer / self._n - mean[:, :, None] * mean[:, None, :]
        squares = np.clip(np.einsum("ix,aij,jx->ax", cell, spread, cell), 0.0, None)
        rms = np.sqrt(squares.sum(axis=1))
        structure: Atoms = self._first.atoms.copy()
        structure.calc = None
        structure.info = {}
        for name in ("momenta", "forces"):
            structure.arrays.pop(name, None)
        structure.set_constraint()
        structure.set_cell(self._cell / self._n, scale_atoms=False)
        structure.positions = (self._first.fractional + mean) @ cell
        structure.set_array("rms_displacement", rms)
        return ObservableResult(self._summary(structure, rms), {}, structure)

    def _summary(self, structure: Atoms, rms: FloatArray) -> dict[str, object]:
        symbols = np.array(structure.get_chemical_symbols())
        return {
            "n_frames": self._n,
            "cell_A": structure.cell.array.tolist(),
            "rms_displacement_A": {
                str(symbol): float(np.sqrt(np.square(rms[symbols == symbol]).mean())) for symbol in np.unique(symbols)
            },
            "largest_rms_displacement_A": float(rms.max()),
        }


def displacement_rows(summary: Summary) -> list[Row]:
    """RMS displacement of each element."""
    displacements = summary["rms_displacement_A"].items()
    return [(f"RMS displacement {symbol}", f"{value:.3f} Å about the mean") for symbol, value in displacements]
