"""The result of elastic constants."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alignn_ff.properties.elasticity.config import ElasticConfig
from alignn_ff.properties.elasticity.moduli import (
    Moduli,
    debye_temperature_K,
    density_kg_per_m3,
    lowest_eigenvalue,
    moduli,
    sound_velocities,
)
from alignn_ff.properties.elasticity.voigt import NAMES
from alignn_ff.properties.result import Columns, PropertyResult

Matrix = NDArray[np.float64]
DIRECTIONS: Final = {"100": (1.0, 0.0, 0.0), "110": (1.0, 1.0, 0.0), "111": (1.0, 1.0, 1.0)}
"""Cartesian directions whose sound velocities are in the table."""


@dataclass(frozen=True, kw_only=True)
class ElasticResult(PropertyResult):
    """Elastic constants in the Cartesian axes of ``atoms``; GPa, Voigt order xx yy zz yz xz xy.

    Attributes:
        config: how they were computed.
        relaxed_GPa, clamped_GPa: (6, 6) with atoms relaxed in each strained cell, and as strained.
        error_GPa: (6, 6) difference between amplitudes, of the relaxed ones.
        antisymmetric_GPa: largest |C_ij − C_ji| before it is averaged.
        symmetry_change_GPa: largest change by the average over the point group.
        residual_stress_GPa: largest stress of the unstrained cell, which is subtracted.
        strains: (24, 6).
        stresses_relaxed_GPa, stresses_clamped_GPa: (24, 6).
    """

    config: ElasticConfig
    relaxed_GPa: Matrix
    clamped_GPa: Matrix
    error_GPa: Matrix
    antisymmetric_GPa: float
    symmetry_change_GPa: float
    residual_stress_GPa: float
    strains: Matrix
    stresses_relaxed_GPa: Matrix
    stresses_clamped_GPa: Matrix

    @property
    def moduli(self) -> Moduli:
        """Of a polycrystal, with relaxed atoms."""
        return moduli(self.relaxed_GPa)

    def velocities(self, direction: tuple[float, float, float]) -> Matrix:
        """(3,) sound velocities along a Cartesian direction, m/s, ascending."""
        return sound_velocities(self.relaxed_GPa, density_kg_per_m3(self.atoms), np.array(direction))

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """The independent-looking elements, moduli, stability."""
        c, found = self.relaxed_GPa, self.moduli
        elements = {f"C{i + 1}{i + 1}_GPa": float(c[i, i]) for i in range(6)}
        return {
            **elements,
            "C12_GPa": float(c[0, 1]),
            "C13_GPa": float(c[0, 2]),
            "C23_GPa": float(c[1, 2]),
            "C44_clamped_GPa": float(self.clamped_GPa[3, 3]),
            "bulk_modulus_GPa": found.bulk[2],
            "shear_modulus_GPa": found.shear[2],
            "young_modulus_GPa": found.young,
            "poisson_ratio": found.poisson,
            "universal_anisotropy": found.anisotropy,
            "lowest_eigenvalue_GPa": lowest_eigenvalue(c),
            "debye_temperature_K": debye_temperature_K(c, self.atoms),
            "axes": f"a along {_words(self.atoms.cell.array[0])}",
        }

    @property
    def checks(self) -> dict[str, float]:
        """Precision, and the bounds of the averages."""
        found = self.moduli
        return {
            "error_GPa": float(self.error_GPa.max()),
            "antisymmetric_GPa": self.antisymmetric_GPa,
            "symmetry_change_GPa": self.symmetry_change_GPa,
            "residual_stress_GPa": self.residual_stress_GPa,
            "bulk_modulus_voigt_GPa": found.bulk[0],
            "bulk_modulus_reuss_GPa": found.bulk[1],
            "shear_modulus_voigt_GPa": found.shear[0],
            "shear_modulus_reuss_GPa": found.shear[1],
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """Stiffness with relaxed and clamped atoms, stresses over strains, sound velocities."""
        names = [name for name in NAMES for _ in range(4)]
        amplitude = self.strains.sum(axis=1)
        stresses = {
            f"{kind}_{name}_GPa": values[:, k]
            for kind, values in (("relaxed", self.stresses_relaxed_GPa), ("clamped", self.stresses_clamped_GPa))
            for k, name in enumerate(NAMES)
        }
        speeds = [self.velocities(direction) for direction in DIRECTIONS.values()]
        return {
            "stiffness": {
                "row": list(NAMES),
                **{f"relaxed_{name}_GPa": self.relaxed_GPa[:, k] for k, name in enumerate(NAMES)},
                **{f"clamped_{name}_GPa": self.clamped_GPa[:, k] for k, name in enumerate(NAMES)},
            },
            "stresses": {"strained": names, "strain": amplitude, **stresses},
            "sound": {
                "direction": list(DIRECTIONS),
                **{f"velocity_{k + 1}_m_per_s": np.array([s[k] for s in speeds]) for k in range(3)},
            },
        }


def _words(vector: Matrix) -> str:
    """A direction as numbers."""
    unit = vector / np.linalg.norm(vector)
    return "(" + ", ".join(f"{round(float(x), 3) + 0.0:.3f}" for x in unit) + ")"
