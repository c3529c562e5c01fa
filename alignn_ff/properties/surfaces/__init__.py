"""Surfaces of a crystal: energies of all terminations, and the shape of least energy."""

from alignn_ff.properties.surfaces.config import SurfaceConfig
from alignn_ff.properties.surfaces.energies import surface
from alignn_ff.properties.surfaces.result import Surface, SurfaceResult

__all__ = ["Surface", "SurfaceConfig", "SurfaceResult", "surface"]
