"""Units, signs and offsets of forces and stresses, fitted over pairs of close structures."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from alignn_ff.data_checks.mix_ups import Array, Terms, fit, mix_ups_of, part
from alignn_ff.data_checks.strain import Pair
from alignn_ff.units import GPA_PER_EV_PER_A3

FEWEST_PAIRS: Final = 5

CLOSEST: Final = 1e-3
"""Pairs that are closer are the same structure."""


class Consistency(NamedTuple):
    """How well energies, forces and stresses of a data set belong together.

    Attributes:
        n_pairs, n_strained: pairs of close structures, and those of them with another cell.
        explained: part of the spread of energy differences that forces and stresses explain, as they are.
        explained_at_best: the same with the factors and the offset below.
        explained_by_forces, explained_by_stresses: part of what is left without them that they explain, at best.
        typical_distance: median distance of the pairs: strain, plus displacement in Å.
        force_factor: what the forces must be multiplied by; None: not determined.
        stress_factor: the same for stresses.
        stress_offset_GPa: what the diagonal of the stress labels has too much.
        stiffness_eV_per_A2: average resistance of displaced atoms.
        force_gain, stress_gain, offset_gain: how many times less is unexplained with the factor of the forces, with
            that of the stresses, or with the offset, than without; terms of the third order are fitted as well.
        energy_mix_up, force_mix_up, stress_mix_up: the known mix-up that explains much more; None: none does.
    """

    n_pairs: int
    n_strained: int
    explained: float | None = None
    explained_at_best: float | None = None
    explained_by_forces: float | None = None
    explained_by_stresses: float | None = None
    typical_distance: float | None = None
    force_factor: float | None = None
    stress_factor: float | None = None
    stress_offset_GPa: float | None = None
    stiffness_eV_per_A2: float | None = None
    force_gain: float = 1.0
    stress_gain: float = 1.0
    offset_gain: float = 1.0
    energy_mix_up: str | None = None
    force_mix_up: str | None = None
    stress_mix_up: str | None = None


def consistency_of(pairs: Sequence[Pair]) -> Consistency:
    """Fit factors and offset over pairs, near ones counting more."""
    apart = [pair for pair in pairs if pair.distance > CLOSEST]
    usable = [pair for pair in apart if pair.strain_work is not None or pair.dilation == 0.0]
    strained = [pair for pair in usable if pair.strain_work]
    stiffness = [pair.stiffness for pair in pairs if pair.stiffness is not None]
    bare = Consistency(
        len(usable), len(strained), stiffness_eV_per_A2=float(np.median(stiffness)) if stiffness else None
    )
    if len(usable) < FEWEST_PAIRS:
        return bare
    weight = np.array([1.0 / (pair.n_atoms * pair.distance**1.5) for pair in usable])
    terms = Terms(
        energy=weight * [pair.energy for pair in usable],
        work=weight * [pair.work for pair in usable],
        strain_work=weight * [pair.strain_work or 0.0 for pair in usable],
        virial_work=weight * [pair.virial_work or 0.0 for pair in usable],
        dilation=weight * [pair.dilation for pair in usable],
        third_order=(
            weight * [pair.third_order[0] for pair in usable],
            weight * [pair.third_order[1] for pair in usable],
        ),
        n_atoms=np.array([pair.n_atoms for pair in usable], dtype=np.float64),
        with_stress=len(strained) >= FEWEST_PAIRS,
    )
    return _fitted(bare._replace(typical_distance=float(np.median([pair.distance for pair in usable]))), terms)


def _fitted(bare: Consistency, terms: Terms) -> Consistency:
    """The same with everything that is fitted."""
    energy, work, stresses = terms.energy, terms.work, terms.stresses
    solution, left = fit(energy, [work, *stresses])
    _, left_without_forces = fit(energy, stresses)
    _, left_without_stresses = fit(energy, [work])
    as_it_is = float(np.sum((energy - work - terms.strain_work) ** 2))
    total = float(energy @ energy)
    third = [column for column in terms.third_order if column.any()]
    mix_ups = mix_ups_of(terms)
    found = bare._replace(
        explained=1.0 - part(as_it_is, total),
        explained_at_best=1.0 - part(left, total),
        explained_by_forces=1.0 - part(left, left_without_forces),
        force_factor=float(solution[0]) if np.any(work) else None,
        force_gain=_gain(energy - work, [*stresses, *third], work),
        energy_mix_up=mix_ups.energy,
        force_mix_up=mix_ups.forces,
        stress_mix_up=mix_ups.stress,
    )
    if not terms.with_stress:
        return found
    return found._replace(
        explained_by_stresses=1.0 - part(left, left_without_stresses),
        stress_factor=float(solution[1]),
        stress_offset_GPa=float(solution[2] / (solution[1] or 1.0) * GPA_PER_EV_PER_A3),
        stress_gain=_gain(energy - terms.strain_work, [work, -terms.dilation, *third], terms.strain_work),
        offset_gain=_gain(energy - work - terms.strain_work, third, terms.dilation),
    )


def _gain(energy: Array, columns: Sequence[Array], further: Array) -> float:
    """How many times less is left where a further column is fitted too; at most a million."""
    before, after = fit(energy, columns)[1], fit(energy, [*columns, further])[1]
    return before / max(after, 1e-6 * before) if before > 0 else 1.0
