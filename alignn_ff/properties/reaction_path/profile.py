"""Energy along a path: a curve through energies and forces of its images, and the work of the forces."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline, CubicSpline

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Profile:
    """Energies along a path; nothing is extrapolated beyond its ends.

    Attributes:
        distance: (n,) Å along the path, in the space of all atoms.
        energy: (n,) eV above the first image.
        slope: (n,) eV/Å, minus the force along the path.
        work: (n,) eV, minus the integral of the forces from the first image; equals ``energy`` where forces and
            energies belong together and the images are dense enough.
    """

    distance: FloatArray
    energy: FloatArray
    slope: FloatArray
    work: FloatArray

    @property
    def curve(self) -> CubicHermiteSpline:
        """The cubic curve with these energies and slopes."""
        return CubicHermiteSpline(self.distance, self.energy, self.slope, extrapolate=False)

    def maximum(self) -> tuple[float, float]:
        """(Å, eV) where the curve between the ends, ends included, is highest."""
        places, heights = self._extremes()
        top = int(np.argmax(heights))
        return float(places[top]), float(heights[top])

    def deepest_minimum(self) -> tuple[float, float]:
        """(Å, eV) of the deepest minimum inside the path: its place, and the lower of the two barriers around it.

        (0, 0) if there is none.
        """
        places, heights = self._extremes()
        best = (0.0, 0.0)
        for k in range(1, len(places) - 1):
            depth = min(heights[:k].max(), heights[k + 1 :].max()) - heights[k]
            if depth > best[1]:
                best = (float(places[k]), float(depth))
        return best

    def _extremes(self) -> tuple[FloatArray, FloatArray]:
        """Ends and stationary points of the curve."""
        roots = self.curve.derivative().roots(discontinuity=False, extrapolate=False)
        inside = roots[np.isfinite(roots)]
        places = np.unique(np.concatenate([[self.distance[0]], inside, [self.distance[-1]]]))
        return places, np.asarray(self.curve(places))


def profile_of(positions: FloatArray, energies: FloatArray, forces: FloatArray) -> Profile:
    """The profile of images.

    Args:
        positions: (n, n_atoms, 3) Å, continuous from image to image.
        energies: (n,) eV.
        forces: (n, n_atoms, 3) eV/Å.
    """
    x, f = positions.reshape(len(positions), -1), forces.reshape(len(forces), -1)
    distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(x, axis=0), axis=1))])
    path, force = CubicSpline(distance, x), CubicSpline(distance, f)
    nodes, weights = np.polynomial.legendre.leggauss(5)
    half = np.diff(distance)[:, None] / 2.0
    places = distance[:-1, None] + half * (nodes + 1.0)  # (n - 1, 5) Å
    power = -np.einsum("ski,ski->sk", force(places), path(places, 1))  # eV/Å
    work = np.concatenate([[0.0], np.cumsum((half * weights * power).sum(axis=1))])
    slope = -np.einsum("ni,ni->n", f, path(distance, 1))
    return Profile(distance, energies - energies[0], slope, work)
