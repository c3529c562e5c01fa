"""Neutral point defects of a crystal: vacancies, interstitials, antisites."""

from alignn_ff.properties.defects.config import DefectConfig
from alignn_ff.properties.defects.formation import antisite, interstitial, vacancy
from alignn_ff.properties.defects.result import Defect, DefectResult

__all__ = ["Defect", "DefectConfig", "DefectResult", "antisite", "interstitial", "vacancy"]
