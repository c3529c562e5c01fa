"""Result of a path: barrier, images, energies along it."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.typing import NDArray

from alignn_ff.properties.reaction_path.config import NEBConfig
from alignn_ff.properties.reaction_path.profile import Profile, profile_of
from alignn_ff.properties.reaction_path.saddle import Saddle
from alignn_ff.properties.result import Columns, PropertyResult

FloatArray = NDArray[np.float64]

FINE = 20
"""Points of the curve per image."""


@dataclass(frozen=True, kw_only=True)
class NEBResult(PropertyResult):
    """A path between two structures.

    Attributes:
        config: how it was computed.
        images: both ends and the images between them, positions continuous.
        energies: (n,) eV, total.
        forces: (n, n_atoms, 3) eV/Å, constraints not applied.
        work: (n,) eV, minus the integral of the forces along straight lines from image to image.
        largest_force_eV_per_A: on the band, across the path, at the end.
        saddle: vibrations of the highest image; None where they were not computed.
    """

    config: NEBConfig
    images: tuple[Atoms, ...]
    energies: FloatArray
    forces: FloatArray
    work: FloatArray
    largest_force_eV_per_A: float
    saddle: Saddle | None = None

    @property
    def profile(self) -> Profile:
        """Energies along the path."""
        positions = np.array([image.positions for image in self.images])
        return profile_of(positions, self.energies, self.forces, self.work)

    @property
    def turns_degrees(self) -> FloatArray:
        """(n − 2,) angles between the steps to and from each image between the ends."""
        steps = np.diff(np.array([image.positions.ravel() for image in self.images]), axis=0)
        steps /= np.linalg.norm(steps, axis=1)[:, None]
        return np.asarray(np.degrees(np.arccos(np.clip((steps[1:] * steps[:-1]).sum(axis=1), -1.0, 1.0))))

    @property
    def highest(self) -> int:
        """Index of the highest image."""
        return int(np.argmax(self.energies))

    @property
    def barrier(self) -> float:
        """eV, highest energy above the first image: of the climbing image, else of the curve."""
        if self.config.climb:
            return float(self.energies[self.highest] - self.energies[0])
        return self.profile.maximum()[1]

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """Barriers from both ends."""
        change = float(self.energies[-1] - self.energies[0])
        moved = np.linalg.norm(self.images[-1].positions - self.images[0].positions, axis=1)
        return {
            "barrier_eV": self.barrier,
            "reverse_barrier_eV": self.barrier - change,
            "energy_change_eV": change,
            "highest_image": self.highest,
            "path_length_A": float(self.profile.distance[-1]),
            "largest_motion_of_an_atom_A": float(moved.max()),
        }

    @property
    def checks(self) -> dict[str, float]:
        """Forces left, the barrier by other routes, the kind of the saddle."""
        profile = self.profile
        found = {
            "largest_force_on_band_eV_per_A": self.largest_force_eV_per_A,
            "largest_force_on_highest_image_eV_per_A": self._largest_force(self.highest),
            "barrier_of_curve_eV": profile.maximum()[1],
            "barrier_from_forces_eV": float(profile.work[self.highest]),
            "energy_change_from_forces_eV": float(profile.work[-1]),
        }
        if self.saddle is not None:
            found["directions_down_from_saddle"] = float(self.saddle.n_negative)
            found["lowest_frequency_of_saddle_THz"] = float(self.saddle.frequencies[0])
        return found

    @property
    def tables(self) -> dict[str, Columns]:
        """Images, and the curve through them."""
        profile = self.profile
        fine = np.linspace(0.0, profile.distance[-1], FINE * (len(self.images) - 1) + 1)
        return {
            "images": {
                "distance_A": profile.distance,
                "energy_eV": profile.energy,
                "slope_eV_per_A": profile.slope,
                "energy_from_forces_eV": profile.work,
                "largest_force_eV_per_A": np.array([self._largest_force(k) for k in range(len(self.images))]),
            },
            "curve": {"distance_A": fine, "energy_eV": np.asarray(profile.curve(fine))},
        }

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """The images with energies and forces, and the highest one alone."""
        frames = []
        for image, energy, forces in zip(self.images, self.energies, self.forces, strict=True):
            frame = image.copy()
            frame.calc = SinglePointCalculator(frame, energy=float(energy), forces=forces)
            frames.append(frame)
        return {"images": frames, "highest": [frames[self.highest]]}

    def _largest_force(self, index: int) -> float:
        """eV/Å on an image, constraints applied."""
        forces = self.forces[index].copy()
        for constraint in self.images[index].constraints:
            constraint.adjust_forces(self.images[index], forces)
        return float(np.linalg.norm(forces, axis=1).max())
