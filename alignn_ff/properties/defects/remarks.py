"""What a reader of formation energies of defects must know."""

from collections.abc import Iterator
from typing import Final

from alignn_ff.properties.defects.result import TIE_EV, Defect, DefectResult
from alignn_ff.properties.result import Remark

CORRECTION_EV: Final = 0.05
"""A larger elastic correction is a sign of a small supercell."""
MOVED_A: Final = 0.8
"""An atom that moved farther is probably on another site."""


def doubts(result: DefectResult) -> list[Remark]:
    """Remarks on each defect in its largest supercell."""
    remarks = [remark for defect in result.largest for remark in _doubts(result, defect)]
    remarks += [
        Remark(
            "phase_would_form",
            f"{limit.name}: {limit.unstable} is more stable than the crystal and the other phases at these chemical "
            "potentials, so this limit is not reached",
        )
        for limit in result.limits
        if limit.unstable
    ]
    return remarks


def _doubts(result: DefectResult, defect: Defect) -> Iterator[Remark]:
    label, energies = defect.site.label, {trial.start: trial.relaxed.energy for trial in defect.trials}
    gain = energies.get("unrattled", defect.best.relaxed.energy) - defect.best.relaxed.energy
    if gain > TIE_EV:
        yield Remark(
            "symmetry_hides_minimum",
            f"{label}: the start {defect.best.start!r} relaxes to {gain:.3f} eV below the defect as built, which stays "
            "on a saddle or in a shallow minimum",
        )
    if defect.displacement > MOVED_A:
        yield Remark(
            "site_changed",
            f"{label}: an atom moved by {defect.displacement:.2f} Å, so the relaxed defect may be of another kind than "
            "its name says; look at the structure",
        )
    if result.formation_energy(defect, result.limits[0]) < 0.0:
        yield Remark(
            "negative",
            f"{label}: the formation energy is negative, so the crystal is not stable, or the model is wrong there",
        )
    if abs(result.elastic_correction(defect)) > CORRECTION_EV:
        yield Remark(
            "small_supercell",
            f"{label}: the fixed cell costs about {-result.elastic_correction(defect):.2f} eV; use a larger "
            "--min-width or several --sizes",
        )
