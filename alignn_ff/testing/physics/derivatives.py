"""Forces and stress are the derivatives of the reported energy."""

from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.testing.differences import forces_by_differences, stress_by_differences
from alignn_ff.testing.law import (
    QUICK_STRUCTURES,
    DoesNotApplyError,
    Figure,
    Law,
    Measured,
    Setting,
    gap,
    named,
    relative_limit,
)
from alignn_ff.testing.structures import NAMES, WITH_VOLUME, WITHOUT_VOLUME


def _forces(setting: Setting, name: str) -> Measured:
    atoms, limits = setting.example(name), setting.tolerances
    moved = _moved_atoms(atoms, setting.effort.moved_atoms)
    expected = forces_by_differences(setting.subject, atoms, step_A=limits.step_A, moved=moved)
    found = setting.results(atoms).forces[moved]
    limit = relative_limit(expected, relative=limits.relative, absolute=limits.forces)
    return Measured((Figure("forces", gap(found, expected), limit, "eV/Å"),))


def _stress(setting: Setting, name: str) -> Measured:
    atoms, limits = setting.example(name), setting.tolerances
    found = setting.results(atoms).stress
    if np.isnan(found).all() and not setting.subject.has_stress:
        raise DoesNotApplyError("no stress is reported")
    expected = stress_by_differences(setting.subject, atoms, step=limits.strain_step)
    limit = relative_limit(expected, relative=limits.relative, absolute=limits.stress)
    return Measured(
        (
            Figure("stress", gap(found, expected), limit, "eV/Å³"),
            Figure("asymmetry of the stress", gap(found, found.T), 0.0, "eV/Å³"),
        )
    )


def _no_stress(setting: Setting, name: str) -> Measured:
    stress = setting.results(setting.example(name)).stress
    return Measured((Figure("components of the stress", float(np.isfinite(stress).sum()), 0.0, ""),))


def _moved_atoms(atoms: Atoms, most: int) -> list[int]:
    if len(atoms) <= most:
        return list(range(len(atoms)))
    return sorted(np.random.default_rng(5).choice(len(atoms), most, replace=False).tolist())


def has_volume(atoms: Atoms) -> bool:
    """Whether the cell has a volume."""
    return bool(atoms.cell.rank == 3)


DERIVATIVES: Final[dict[str, Law]] = {
    "forces_are_minus_the_slope_of_the_reported_energy": Law(
        "forces are minus the slope of the energy",
        "largest difference to finite differences of fourth order",
        _forces,
        cases={"name": named(NAMES)},
        quick={"name": QUICK_STRUCTURES},
    ),
    "stress_is_the_strain_slope_of_the_reported_energy": Law(
        "stress is the slope of the energy under strain",
        "largest difference to finite differences of fourth order",
        _stress,
        cases={"name": named(WITH_VOLUME)},
        quick={"name": [name for name in QUICK_STRUCTURES if name in WITH_VOLUME]},
        suits=has_volume,
    ),
    "no_stress_is_reported_without_a_volume": Law(
        "no stress without a volume",
        "components that are numbers",
        _no_stress,
        cases={"name": named(WITHOUT_VOLUME)},
        suits=lambda atoms: not has_volume(atoms),
    ),
}
"""Rows of the table of laws."""
