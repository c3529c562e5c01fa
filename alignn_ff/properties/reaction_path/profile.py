"""Energy along a path: a curve through energies and forces of its images, and the work of the forces."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline, CubicSpline

FloatArray = NDArray[np.float64]

PLACES: Final = (0.5 - 0.5 / 5.0**0.5, 0.5 + 0.5 / 5.0**0.5)
WEIGHTS: Final = (1.0 / 12.0, 5.0 / 12.0, 5.0 / 12.0, 1.0 / 12.0)
"""Inner points and weights of Lobatto's rule on a line from 0 to 1."""


@dataclass(frozen=True)
class Profile:
    """Energies along a path; nothing is extrapolated beyond its ends.

    Attributes:
        distance: (n,) Å along the path, in the space of all atoms.
        energy: (n,) eV above the first image.
        slope: (n,) eV/Å, minus the force along the path.
        work: (n,) eV, minus the integral of the forces from the first image; equals ``energy`` where forces and
            energies belong together.
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


def profile_of(positions: FloatArray, energies: FloatArray, forces: FloatArray, work: FloatArray) -> Profile:
    """The profile of images.

    Args:
        positions: (n, n_atoms, 3) Å, continuous from image to image.
        energies: (n,) eV.
        forces: (n, n_atoms, 3) eV/Å.
        work: (n,) eV, of :func:`work_along`.
    """
    x, f = positions.reshape(len(positions), -1), forces.reshape(len(forces), -1)
    distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(x, axis=0), axis=1))])
    slope = -np.einsum("ni,ni->n", f, CubicSpline(distance, x)(distance, 1))
    return Profile(distance, energies - energies[0], slope, work)


def between(images: Sequence[Atoms]) -> list[Atoms]:
    """Two structures on the straight line from each image to the next, where :func:`work_along` takes forces."""
    found = []
    for first, last in pairwise(images):
        for part in PLACES:
            atoms = first.copy()
            atoms.positions = (1.0 - part) * first.positions + part * last.positions
            found.append(atoms)
    return found


def work_along(positions: FloatArray, forces: FloatArray, inner: FloatArray) -> FloatArray:
    """(n,) eV, minus the integral of the forces along the straight lines between images (Lobatto's rule, four points).

    A curve through the images would leave the path where it turns sharply; the straight lines need no more than the
    energy itself between two images.

    Args:
        positions: (n, n_atoms, 3) Å, of the images.
        forces: (n, n_atoms, 3) eV/Å, of the images.
        inner: (2n − 2, n_atoms, 3) eV/Å, of :func:`between`.
    """
    steps = np.diff(positions, axis=0)
    places = np.stack([forces[:-1], inner[0::2], inner[1::2], forces[1:]])
    powers = np.einsum("psai,sai->ps", places, steps)  # eV
    return np.concatenate([[0.0], -np.cumsum(np.array(WEIGHTS) @ powers)])
