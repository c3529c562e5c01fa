"""The shape of least surface energy of a crystal of given volume.

Wulff's construction: the shape is the body n·x ≤ γ(n) for all planes n. Source: C. Herring, Phys. Rev. 82, 87 (1951).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import HalfspaceIntersection, QhullError

from alignn_ff.properties.surfaces.miller import Miller

FloatArray = NDArray[np.float64]


class Plane(NamedTuple):
    """A plane that may bound the shape.

    Attributes:
        family: indices of its family.
        normal: (3,) unit vector.
        energy: γ, in any unit.
    """

    family: Miller
    normal: FloatArray
    energy: float


class Facet(NamedTuple):
    """A face of the shape.

    Attributes:
        family: indices of its family.
        corners: (n, 3) in order, in the unit of γ.
        area: in that unit, squared.
    """

    family: Miller
    corners: FloatArray
    area: float


class Wulff(NamedTuple):
    """A shape.

    Attributes:
        facets: its faces.
        fractions: family → fraction of the surface.
        mean_energy: of the surface, weighted with the areas.
    """

    facets: tuple[Facet, ...]
    fractions: dict[Miller, float]
    mean_energy: float


def wulff_shape(planes: Sequence[Plane]) -> Wulff | None:
    """The shape; None if the planes do not enclose a body, or an energy is not positive."""
    if min(plane.energy for plane in planes) <= 0.0:
        return None
    normals = np.array([plane.normal for plane in planes])
    energies = np.array([plane.energy for plane in planes])
    if np.linalg.matrix_rank(normals, tol=1e-6) < 3:  # a plane and its opposite are both there, so rank 3 encloses
        return None
    try:
        corners = HalfspaceIntersection(np.c_[normals, -energies], np.zeros(3)).intersections
    except QhullError:
        return None
    facets = [facet for plane in planes if (facet := _facet(plane, corners)) is not None]
    total = sum(facet.area for facet in facets)
    families = dict.fromkeys(plane.family for plane in planes)
    fractions = {family: sum(f.area for f in facets if f.family == family) / total for family in families}
    least = {family: min(p.energy for p in planes if p.family == family) for family in families}
    return Wulff(tuple(facets), fractions, sum(fractions[family] * least[family] for family in families))


def _facet(plane: Plane, corners: FloatArray) -> Facet | None:
    """The face on a plane; None where it only touches."""
    on_it = corners[np.abs(corners @ plane.normal - plane.energy) < 1e-6 * plane.energy]
    if len(on_it) < 3:
        return None
    centred = on_it - on_it.mean(axis=0)
    size = np.linalg.norm(centred, axis=1)
    first = centred[np.argmax(size)] / size.max()
    second = np.cross(plane.normal, first)
    ordered = on_it[np.argsort(np.arctan2(centred @ second, centred @ first))]
    crossed = np.cross(ordered - ordered[0], np.roll(ordered, -1, axis=0) - ordered[0]) @ plane.normal
    area = 0.5 * float(crossed.sum())
    return Facet(plane.family, ordered, area) if area > 1e-6 * plane.energy**2 else None
