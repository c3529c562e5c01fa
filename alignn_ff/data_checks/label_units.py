"""Findings about units, signs, offsets and noise of forces and stresses."""

from typing import Final

from alignn_ff.data_checks.consistency import FEWEST_PAIRS
from alignn_ff.data_checks.findings import DataSet, Finding

BELIEVED: Final = 0.9
"""Part of the spread of energy differences that must be explained before a factor is reported."""

NEAR: Final = 0.15
"""Relative distance from 1 of a factor that is taken for 1."""

CLEAR: Final = 5.0
"""A factor or an offset of no known mix-up is reported only where it leaves this many times less unexplained.

The trapezoid rule leaves out the third order of the energy, so that exact labels seem to have factors and offsets.
Where terms of that order are fitted too, such offsets leave at most 1.4 times less, and real ones of published data 17
to 27 times less.
"""

SMALLEST_OFFSET_GPA: Final = 0.3
HARMLESS: Final = 0.99
"""An offset is reported only where the stresses as they are explain less than this."""

CLOSE: Final = 0.05
"""Strain, plus displacement in Å, up to which energies are taken for quadratic."""

SOFTEST, STIFFEST = 0.02, 250.0
"""eV/Å²: average stiffness of a displaced atom beyond which a unit is doubted (solid argon 0.1, diamond 40)."""


def stiffness_doubts(data: DataSet) -> list[Finding]:
    """Displaced atoms that are pulled back unusually weakly or strongly."""
    stiffness = data.consistency.stiffness_eV_per_A2
    if stiffness is None or SOFTEST <= abs(stiffness) <= STIFFEST:
        return []
    what = "kcal/mol/Å or kJ/mol/Å" if stiffness > STIFFEST else "Ha/Bohr or Ry/Bohr"
    sentence = (
        f"{data.name}: displaced atoms are pulled back with {stiffness:.3g} eV/Å² on average, which is unusual "
        f"({SOFTEST} to {STIFFEST:g}); forces in {what}?"
    )
    return [Finding("units of forces", sentence)]


def energy_doubts(data: DataSet) -> list[Finding]:
    """Energies in another unit than forces and stresses."""
    found = data.consistency
    if found.energy_mix_up is None:
        return []
    sentence = (
        f"{data.name}: {found.energy_mix_up}; forces (eV/Å) and stresses (eV/Å³) agree with each other "
        f"({found.n_pairs} pairs, {found.n_strained} of them strained)"
    )
    return [Finding("units of energy", sentence)]


def force_doubts(data: DataSet) -> list[Finding]:
    """Forces whose work is not the change of the energy."""
    found, name = data.consistency, data.name
    believed = (found.explained_by_forces or 0.0) >= BELIEVED
    clear = believed and found.force_gain >= CLEAR and not _is_one(found.force_factor)
    if found.energy_mix_up is not None or (found.force_mix_up is None and not clear):
        return []
    why = found.force_mix_up or "no known mix-up of units has this factor"
    sentence = (
        f"{name}: energies change by {found.force_factor:.4g} times the work of the forces ({found.n_pairs} pairs); "
        f"{why}"
    )
    return [Finding("units of forces", sentence)]


def stress_doubts(data: DataSet) -> list[Finding]:
    """Stresses that are not the slope of the energy with the strain."""
    found, name = data.consistency, data.name
    factor, offset = found.stress_factor, found.stress_offset_GPa
    if factor is None or offset is None or found.explained is None:
        return []
    if found.energy_mix_up is not None:
        return []
    believed = (found.explained_by_stresses or 0.0) >= BELIEVED
    if found.stress_mix_up is not None or (believed and found.stress_gain >= CLEAR and not _is_one(factor)):
        why = found.stress_mix_up or "no known mix-up of units has this factor"
        sentence = f"{name}: −dE/dstrain is {factor:.4g} times the stress ({found.n_strained} strained pairs); {why}"
        return [Finding("units of stress", sentence)]
    clear = believed and found.offset_gain >= CLEAR and found.force_mix_up is None
    if clear and abs(offset) >= SMALLEST_OFFSET_GPA and found.explained < HARMLESS:
        sentence = (
            f"{name}: the diagonal of the stress is {offset:+.2f} GPa off dE/dstrain ({found.n_strained} strained "
            f"pairs; with that offset {100 * (found.explained_at_best or 0):.1f} % of the energy differences are "
            f"explained, without {100 * found.explained:.1f} %); give stresses a low weight, or correct them"
        )
        return [Finding("offset of stress", sentence)]
    return []


def noise(data: DataSet) -> list[Finding]:
    """Labels that do not follow the trapezoid rule, of structures so close that it is right."""
    found, name = data.consistency, data.name
    best, distance = found.explained_by_stresses, found.typical_distance
    if best is None or distance is None or found.n_strained < 4 * FEWEST_PAIRS:
        return []
    if best >= BELIEVED or distance > CLOSE:
        return []
    sentence = (
        f"{name}: forces and stresses explain {100 * best:.0f} % of how energies of {found.n_strained} close strained "
        "pairs differ, whatever the unit: noise in stresses or energies"
    )
    return [Finding("noise", sentence)]


def _is_one(factor: float | None) -> bool:
    return factor is None or abs(factor - 1.0) <= NEAR
