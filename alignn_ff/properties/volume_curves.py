"""Curves of the energy over the volume: their forms, least squares, and the bulk modulus without any form.

Sources: F. Birch, Phys. Rev. 71, 809 (1947); P. Vinet et al., J. Phys. Condens. Matter 1, 1941 (1989); F. D. Murnaghan,
Proc. Natl. Acad. Sci. 30, 244 (1944).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from alignn_ff.errors import SimulationError
from alignn_ff.units import GPA_PER_EV_PER_A3

FloatArray = NDArray[np.float64]
Curve = Callable[[FloatArray, float, float, float, float], FloatArray]
"""(V, V₀, E₀, B₀, B₀′) → E; Å³, eV, eV/Å³."""

HIGHEST_ORDER: Final = 6
"""Of the polynomial for the bulk modulus without a form."""


def birch_murnaghan(v: FloatArray, v0: float, e0: float, b0: float, b1: float) -> FloatArray:
    """Third order in the Eulerian strain."""
    eta = (v0 / v) ** (2.0 / 3.0)
    return e0 + 9.0 * v0 * b0 / 16.0 * ((eta - 1.0) ** 3 * b1 + (eta - 1.0) ** 2 * (6.0 - 4.0 * eta))


def vinet(v: FloatArray, v0: float, e0: float, b0: float, b1: float) -> FloatArray:
    """Universal equation of state."""
    x, c = (v / v0) ** (1.0 / 3.0), 1.5 * (b1 - 1.0)
    return e0 + 9.0 * b0 * v0 / c**2 * (1.0 - (1.0 - c * (1.0 - x)) * np.exp(c * (1.0 - x)))


def murnaghan(v: FloatArray, v0: float, e0: float, b0: float, b1: float) -> FloatArray:
    """Bulk modulus linear in the pressure."""
    return e0 + b0 * v / b1 * ((v0 / v) ** b1 / (b1 - 1.0) + 1.0) - v0 * b0 / (b1 - 1.0)


class Form(NamedTuple):
    """One form of the curve.

    Attributes:
        energy: the function.
        help: what it is.
    """

    energy: Curve
    help: str


FORMS: Final[dict[str, Form]] = {
    "birch-murnaghan": Form(birch_murnaghan, "third order in the Eulerian strain"),
    "vinet": Form(vinet, "universal equation of state"),
    "murnaghan": Form(murnaghan, "bulk modulus linear in the pressure"),
}
"""Name → form."""


class Fit(NamedTuple):
    """A curve through energies.

    Attributes:
        volume_A3, energy_eV: of the minimum, per cell.
        bulk_modulus_GPa, derivative: B₀ and B₀′ = dB/dP.
        residual_eV: largest distance of a point from the curve, per cell.
    """

    volume_A3: float
    energy_eV: float
    bulk_modulus_GPa: float
    derivative: float
    residual_eV: float

    def parameters(self) -> tuple[float, float, float, float]:
        """V₀, E₀, B₀ in eV/Å³, B₀′."""
        return self.volume_A3, self.energy_eV, self.bulk_modulus_GPa / GPA_PER_EV_PER_A3, self.derivative


def fit_curve(volumes: FloatArray, energies: FloatArray, form: str) -> Fit:
    """Least squares of one form, started from a parabola.

    Raises:
        SimulationError: no curve with a minimum fits.
    """
    curve = FORMS[form].energy
    a, b, c = np.polyfit(volumes, energies, 2)
    centre = volumes.mean() if a <= 0 else float(np.clip(-b / (2 * a), 0.5 * volumes[0], 2.0 * volumes[-1]))
    shift = float(energies.min())  # energies differ by far less than their size
    start = np.array([centre, a * centre**2 + b * centre + c - shift, max(2 * a * centre, 1e-3), 4.0])
    size = np.array([centre, max(float(np.ptp(energies)), 1e-12), start[2], 1.0])

    def misfit(scaled: FloatArray) -> FloatArray:
        return np.asarray((curve(volumes, *(scaled * size)) - (energies - shift)) / size[1])

    with np.errstate(all="ignore"):
        result = least_squares(misfit, start / size, xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=2000)
    found = result.x * size
    if not np.isfinite(found).all() or found[0] <= 0 or found[2] <= 0:
        raise SimulationError(
            f"no {form} curve fits the energies over the volume: is there a minimum? Energies in eV: "
            f"{', '.join(f'{e:.4f}' for e in energies)}"
        )
    v0, e0, b0, b1 = (float(value) for value in found)
    residual = float(np.abs(curve(volumes, v0, e0, b0, b1) - (energies - shift)).max())
    return Fit(v0, e0 + shift, b0 * GPA_PER_EV_PER_A3, b1, residual)


def modulus_from_pressures(volumes: FloatArray, pressures: FloatArray, at: float) -> float:
    """B = −V dP/dV of a cubic polynomial through the pressures, in their unit."""
    centred = volumes / at - 1.0
    slope = np.polynomial.Polynomial.fit(centred, pressures, 3).deriv()(0.0)
    return float(-slope)


@dataclass(frozen=True)
class FreeCurve:
    """A polynomial in V^(−2/3) through values at several volumes, without any form.

    The order grows with the number of volumes, so that the curve follows energies that no form with four parameters
    does. For Birch's third-order form the order would be three.

    Attributes:
        scale: volume of the place 1.
        polynomial: over the place x = (scale/V)^(2/3).
    """

    scale: float
    polynomial: np.polynomial.Polynomial

    def place(self, volume: float) -> float:
        """The place of a volume."""
        return float((self.scale / volume) ** (2.0 / 3.0))

    def value(self, volume: float) -> float:
        """The curve."""
        return float(self.polynomial(self.place(volume)))

    def slope(self, volume: float) -> float:
        """Its derivative by the volume."""
        x = self.place(volume)
        return float(-2.0 / 3.0 * x / volume * self.polynomial.deriv()(x))

    def curvature(self, volume: float) -> float:
        """Its second derivative by the volume."""
        x, first, second = self.place(volume), self.polynomial.deriv(), self.polynomial.deriv(2)
        return float((4.0 / 9.0 * x**2 * second(x) + 10.0 / 9.0 * x * first(x)) / volume**2)

    def minimum(self) -> float:
        """Volume of the lowest minimum between the outermost volumes; NaN without one."""
        slope, bend = self.polynomial.deriv(), self.polynomial.deriv(2)
        least, largest = self.polynomial.domain
        roots = np.asarray(slope.roots(), dtype=complex)
        places = [float(r.real) for r in roots if abs(r.imag) < 1e-9 and least < r.real < largest]
        lowest = min((x for x in places if bend(x) > 0.0), key=lambda x: float(self.polynomial(x)), default=None)
        return float("nan") if lowest is None else float(self.scale * lowest**-1.5)


def free_curve(volumes: FloatArray, values: FloatArray) -> FreeCurve:
    """Least squares of a polynomial, of order six at most, with one value more than it needs."""
    scale = float(volumes.mean())
    order = min(HIGHEST_ORDER, len(volumes) - 2)
    return FreeCurve(scale, np.polynomial.Polynomial.fit((scale / volumes) ** (2.0 / 3.0), values, order))


def modulus_at_minimum(volumes: FloatArray, energies: FloatArray) -> float:
    """B = V d²E/dV² at the minimum, GPa, of a free curve; NaN without a minimum inside the volumes."""
    curve = free_curve(volumes, energies - energies.min())
    volume = curve.minimum()
    return volume * curve.curvature(volume) * GPA_PER_EV_PER_A3
