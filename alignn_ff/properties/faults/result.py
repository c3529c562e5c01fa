"""The result of a stacking fault."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.faults.config import GAPS, FaultConfig
from alignn_ff.properties.result import Columns, PropertyResult, Remark

FloatArray = NDArray[np.float64]
TOLD_J_PER_M2: Final = 1e-3
"""A period that misses its start by more than this is told."""


@dataclass(frozen=True, kw_only=True)
class FaultResult(PropertyResult):
    """Energies of shifts from none to a lattice vector; ``atoms`` is the conventional cell of the relaxed crystal.

    Attributes:
        config: how they were computed.
        fractions: (n,) of the period.
        unrelaxed, relaxed: (n,) J/m², above the crystal; NaN where atoms collide, or did not relax.
        period: Å, length of the lattice vector.
        gap: Å, between the planes that slip.
        reversed_sense: whether the shift goes along −``along``, because atoms collide first the other way.
        bulk_difference: J/m², energy of the cell without a shift less that of the crystal.
        frames: the cells, relaxed where they could be.
    """

    config: FaultConfig
    fractions: FloatArray
    unrelaxed: FloatArray
    relaxed: FloatArray
    period: float
    gap: float
    reversed_sense: bool
    bulk_difference: float
    frames: tuple[Atoms, ...]

    @property
    def stable(self) -> int | None:
        """Index of the intrinsic fault: the first minimum of the relaxed energies between the ends."""
        curve = np.where(np.isnan(self.relaxed), np.inf, self.relaxed)
        inside = range(1, len(curve) - 1)
        return next((i for i in inside if curve[i] < curve[i - 1] and curve[i] <= curve[i + 1]), None)

    @property
    def unstable(self) -> int | None:
        """Index of the highest relaxed energy up to the intrinsic fault, or of all; None where one is missing there."""
        end = len(self.relaxed) if self.stable is None else self.stable + 1
        way = self.relaxed[:end]
        return None if np.isnan(way).any() else int(np.argmax(way))

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """Intrinsic and unstable fault, and which gap slips where."""
        return {
            **self._point("intrinsic_fault", self.stable),
            **self._point("unstable_fault", self.unstable),
            "plane": f"{self.config.plane}: {GAPS[self.config.plane].help}",
            "gap_A": self.gap,
            "direction": ("−" if self.reversed_sense else "") + f"[{self.config.along.replace(',', ' ')}]",
            "period_A": self.period,
        }

    def _point(self, name: str, index: int | None) -> dict[str, float | None]:
        return {
            f"{name}_J_per_m2": None if index is None else float(self.relaxed[index]),
            f"{name}_unrelaxed_J_per_m2": None if index is None else float(self.unrelaxed[index]),
            f"shift_of_the_{name}_A": None if index is None else float(self.fractions[index]) * self.period,
        }

    @property
    def checks(self) -> dict[str, float]:
        """Whether cells shifted by a lattice vector, and by nothing, are the crystal."""
        return {
            "whole_period_J_per_m2": float(self.unrelaxed[-1]),
            "no_shift_less_crystal_J_per_m2": self.bulk_difference,
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """Energies over the shift."""
        return {
            "fault": {
                "fraction": self.fractions,
                "shift_A": self.fractions * self.period,
                "unrelaxed_J_per_m2": self.unrelaxed,
                "relaxed_J_per_m2": self.relaxed,
            }
        }

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """The cells along the path."""
        return {"fault": list(self.frames)}


def doubts(result: FaultResult) -> list[Remark]:
    """What a reader must know."""
    remarks, missing = [], np.isnan(result.relaxed)
    collides = result.unrelaxed > result.config.max_energy_J_per_m2
    lost, failed = result.fractions[missing & collides], result.fractions[missing & ~collides]
    if len(failed):
        remarks.append(
            Remark(
                "not_converged",
                f"{len(failed)} shifts did not relax ({', '.join(f'{f:.3f}' for f in failed)} of the period), and "
                "their relaxed energies are left out; allow more --max-steps, or a larger --fault-fmax",
            )
        )
    if len(lost):
        remarks.append(
            Remark(
                "collision",
                f"from {lost.min():.2f} to {lost.max():.2f} of the period the unrelaxed energy is above "
                f"{result.config.max_energy_J_per_m2:g} J/m²: atoms collide, and these shifts are not relaxed",
            )
        )
    if result.reversed_sense:
        remarks.append(
            Remark(
                "reversed",
                f"the shift goes along −[{result.config.along.replace(',', ' ')}]: the other sense passes the higher "
                "energies first",
            )
        )
    miss = max(map(abs, result.checks.values()))
    if miss > TOLD_J_PER_M2:
        remarks.append(
            Remark(
                "not_periodic",
                f"cells without a fault differ by {miss:.4f} J/m² from the crystal: the model is not precise enough "
                "for these energies; use --dtype float64",
            )
        )
    return remarks
