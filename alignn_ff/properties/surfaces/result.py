"""The result of surfaces."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.result import Columns, PropertyResult
from alignn_ff.properties.surfaces.config import SurfaceConfig
from alignn_ff.properties.surfaces.miller import Miller, shown_miller
from alignn_ff.properties.surfaces.wulff import Wulff
from alignn_ff.properties.work import Relaxed
from alignn_ff.units import J_PER_M2_PER_EV_PER_A2, MEV_PER_EV

FloatArray = NDArray[np.float64]


class Slab(NamedTuple):
    """A slab.

    Attributes:
        n_layers: its number of layers.
        unrelaxed: eV, total energy as cut.
        relaxed: with relaxed atoms.
    """

    n_layers: int
    unrelaxed: float
    relaxed: Relaxed


class Line(NamedTuple):
    """E(N) = slope·N + intercept, in eV, with the residuals of the points."""

    slope: float
    intercept: float
    residuals: FloatArray


@dataclass(frozen=True)
class Surface:
    """One termination of a plane.

    Attributes:
        label: "(1 1 1) a"; the letter tells terminations apart, the widest gap first.
        miller: indices of the conventional cell.
        symmetric: whether symmetry maps both faces of the slab onto each other.
        gap: Å, between the planes that the cut separates.
        area: Å², of one face of the slab.
        slabs: by thickness.
    """

    label: str
    miller: Miller
    symmetric: bool
    gap: float
    area: float
    slabs: tuple[Slab, ...]

    @property
    def n_atoms(self) -> FloatArray:
        """Of each slab."""
        return np.array([len(one.relaxed.atoms) for one in self.slabs], dtype=float)

    def energies(self, *, relaxed: bool = True) -> FloatArray:
        """Total energy of each slab, eV."""
        return np.array([one.relaxed.energy if relaxed else one.unrelaxed for one in self.slabs])

    def line(self, *, relaxed: bool = True) -> Line:
        """The line through E(N)."""
        n, energies = self.n_atoms, self.energies(relaxed=relaxed)
        slope, intercept = np.polyfit(n - n.mean(), energies, 1)
        return Line(float(slope), float(intercept - slope * n.mean()), energies - intercept - slope * (n - n.mean()))

    def energy(self, *, relaxed: bool = True) -> float:
        """Half the energy of cleavage, J/m²: the surface energy if both faces are alike, else the mean of the two."""
        return self.line(relaxed=relaxed).intercept / (2.0 * self.area) * J_PER_M2_PER_EV_PER_A2


@dataclass(frozen=True, kw_only=True)
class SurfaceResult(PropertyResult):
    """Surface energies; ``atoms`` is the conventional cell of the relaxed crystal, to which the indices belong.

    Attributes:
        config: how they were computed.
        surfaces: all terminations of all planes.
        bulk_energy: eV per atom of the relaxed crystal.
        wulff: shape of least energy, from the lowest termination of each plane; None if they enclose no body.
    """

    config: SurfaceConfig
    surfaces: tuple[Surface, ...]
    bulk_energy: float
    wulff: Wulff | None

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """Relaxed and unrelaxed energies of all terminations; fractions of the shape."""
        found: dict[str, float | int | str | None] = {}
        for one in self.surfaces:
            words = "" if one.symmetric else ", mean of two unlike faces"
            found[f"{one.label}{words}_J_per_m2"] = one.energy()
            found[f"{one.label}{words}, unrelaxed_J_per_m2"] = one.energy(relaxed=False)
            if not one.symmetric:
                found[f"{one.label}, cleavage_J_per_m2"] = 2.0 * one.energy()
        if self.wulff is not None:
            found |= {
                f"share_of_{shown_miller(family)}_in_the_shape_percent": 100.0 * fraction
                for family, fraction in self.wulff.fractions.items()
            }
            found["mean_energy_of_the_shape_J_per_m2"] = self.wulff.mean_energy
        return found

    @property
    def checks(self) -> dict[str, float]:
        """Whether slopes are the energy of the crystal, and whether points lie on lines."""
        lines = [one.line(relaxed=relaxed) for one in self.surfaces for relaxed in (False, True)]
        return {
            "slope_less_crystal_meV_per_atom": MEV_PER_EV * max((x.slope - self.bulk_energy for x in lines), key=abs),
            "residual_meV": MEV_PER_EV * max(float(np.abs(x.residuals).max()) for x in lines),
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """Terminations, slabs, and faces of the shape."""
        unrelaxed = np.array([one.energy(relaxed=False) for one in self.surfaces])
        relaxed = np.array([one.energy() for one in self.surfaces])
        rows = [(one, slab) for one in self.surfaces for slab in one.slabs]
        shape = {} if self.wulff is None else self.wulff.fractions
        return {
            "surfaces": {
                "surface": [one.label for one in self.surfaces],
                "faces": ["alike" if one.symmetric else "unlike" for one in self.surfaces],
                "area_A2": np.array([one.area for one in self.surfaces]),
                "gap_A": np.array([one.gap for one in self.surfaces]),
                "unrelaxed_J_per_m2": unrelaxed,
                "relaxed_J_per_m2": relaxed,
                "unrelaxed_eV_per_A2": unrelaxed / J_PER_M2_PER_EV_PER_A2,
                "relaxed_eV_per_A2": relaxed / J_PER_M2_PER_EV_PER_A2,
                "slope_less_crystal_meV_per_atom": np.array(
                    [MEV_PER_EV * (one.line().slope - self.bulk_energy) for one in self.surfaces]
                ),
            },
            "slabs": {
                "surface": [one.label for one, _ in rows],
                "n_layers": np.array([float(slab.n_layers) for _, slab in rows]),
                "n_atoms": np.array([float(len(slab.relaxed.atoms)) for _, slab in rows]),
                "unrelaxed_eV": np.array([slab.unrelaxed for _, slab in rows]),
                "relaxed_eV": np.array([slab.relaxed.energy for _, slab in rows]),
                "n_steps": np.array([float(slab.relaxed.n_steps) for _, slab in rows]),
            },
            **(
                {"wulff": {"family": list(map(shown_miller, shape)), "share": np.array(list(shape.values()))}}
                if shape
                else {}
            ),
        }

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """The thickest relaxed slab of each termination."""
        return {"slabs": [_labelled(one) for one in self.surfaces]}


def _labelled(one: Surface) -> Atoms:
    atoms: Atoms = one.slabs[-1].relaxed.atoms.copy()
    atoms.info = {"surface": one.label}
    return atoms
