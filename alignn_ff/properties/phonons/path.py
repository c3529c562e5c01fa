"""The path through the Brillouin zone, in the basis of the cell in use (seekpath)."""

import warnings
from typing import NamedTuple

import numpy as np
import seekpath
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.properties.phonons.primitive import kinds_of

Array = NDArray[np.float64]


class BandPath(NamedTuple):
    """A path through the Brillouin zone.

    Attributes:
        points: label → (3,) fractional in the reciprocal of the given cell.
        segments: labels of the two ends of each.
    """

    points: dict[str, Array]
    segments: tuple[tuple[str, str], ...]


def band_path(primitive: Atoms) -> BandPath:
    """The path of Hinuma et al. in the basis of the cell that is given, whatever basis that is.

    Coordinates of seekpath's ordinary function belong to its own standardised cell; in another basis they are other
    points.
    """
    numbers, _ = kinds_of(primitive)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # edge cases between two Bravais variants, where both paths are right
        found = seekpath.get_path_orig_cell((primitive.cell.array, primitive.get_scaled_positions(), numbers))
    points = {readable(name): np.array(q) for name, q in found["point_coords"].items()}
    return BandPath(points, tuple((readable(a), readable(b)) for a, b in found["path"]))


def readable(label: str) -> str:
    """GAMMA → Γ, X_2 → X₂."""
    name, _, index = label.partition("_")
    name = {"GAMMA": "Γ", "SIGMA": "Σ", "DELTA": "Δ", "LAMBDA": "Λ"}.get(name, name)
    return name + index.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
