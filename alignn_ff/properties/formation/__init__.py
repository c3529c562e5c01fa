"""Formation energies and convex hulls, with references from the same model."""

from alignn_ff.properties.formation.config import FormationConfig
from alignn_ff.properties.formation.energies import convex_hull, formation_energy
from alignn_ff.properties.formation.result import FormationResult, HullResult, Phase

__all__ = ["FormationConfig", "FormationResult", "HullResult", "Phase", "convex_hull", "formation_energy"]
