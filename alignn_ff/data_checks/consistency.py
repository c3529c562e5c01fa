"""Units, signs and offsets of forces and stresses, fitted over pairs of close structures."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.data_checks.strain import Pair
from alignn_ff.units import GPA_PER_EV_PER_A3

Array = NDArray[np.float64]

FEWEST_PAIRS: Final = 5
CLEARER: Final = 0.5
"""A known mix-up is believed if it leaves less than this part of what the labels leave as they are …"""
EXPLAINS: Final = 0.25
"""… and explains at least this part of what is left without them …"""
WORSE: Final = 4.0
"""… or if the labels as they are leave this many times what is left without them."""

CLOSEST: Final = 1e-3
"""Pairs that are closer are the same structure."""

FORCE_FACTORS: Final[dict[float, str]] = {
    -1.0: "the forces have the wrong sign: they are gradients",
    51.422: "the forces look like Ha/Bohr, the energies like eV",
    1.8897: "energies and forces look like Ha and Ha/Bohr, or like another pair of units with forces per Bohr",
    27.2114: "the forces look like Ha/Å, the energies like eV",
    1 / 27.2114: "the energies look like Ha, the forces like eV/Å",
    25.711: "the forces look like Ry/Bohr, the energies like eV",
    23.0605: "the energies look like kcal/mol, the forces like eV/Å",
    1 / 23.0605: "the forces look like kcal/mol/Å, the energies like eV",
    96.485: "the energies look like kJ/mol, the forces like eV/Å",
    1 / 96.485: "the forces look like kJ/mol/Å, the energies like eV",
    1000.0: "the energies look like meV, the forces like eV/Å",
    0.001: "the forces look like meV/Å, the energies like eV",
}
"""What E₂ − E₁ over the work of the forces is in known mix-ups."""

PER_ATOM: Final = "the energies look like eV per atom, where the total is expected"

STRESS_FACTORS: Final[dict[float, str]] = {
    -1.0: "the stresses have the wrong sign: here tension is positive, elsewhere pressure",
    1 / GPA_PER_EV_PER_A3: "the stresses look like GPa",
    0.1 / GPA_PER_EV_PER_A3: "the stresses look like kbar",
    -1 / GPA_PER_EV_PER_A3: "the stresses look like GPa with pressure positive",
    -0.1 / GPA_PER_EV_PER_A3: "the stresses look like kbar with pressure positive, as VASP prints them",
    GPA_PER_EV_PER_A3: "the stresses were divided by 160.2 twice",
    51.422 / 0.529177**2 * 0.529177: "the stresses look like Ha/Bohr³",
}
"""What the strain work by energies over that by stresses is in known mix-ups."""


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
        force_mix_up, stress_mix_up: the known mix-up that makes much more of the labels; None: none does.
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
    energy = weight * [pair.energy for pair in usable]
    work = weight * [pair.work for pair in usable]
    strain_work = weight * [pair.strain_work or 0.0 for pair in usable]
    dilation = weight * [pair.dilation for pair in usable]
    with_stress = len(strained) >= FEWEST_PAIRS
    stresses = [strain_work, -dilation] if with_stress else []
    solution, left = _fit(energy, [work, *stresses])
    _, left_without_forces = _fit(energy, stresses)
    _, left_without_stresses = _fit(energy, [work])
    total = float(energy @ energy)
    per_atom = {1.0 / float(np.median([pair.n_atoms for pair in usable])): PER_ATOM}
    return bare._replace(
        explained=1.0 - _part(float(np.sum((energy - work - strain_work) ** 2)), total),
        explained_at_best=1.0 - _part(left, total),
        explained_by_forces=1.0 - _part(left, left_without_forces),
        explained_by_stresses=1.0 - _part(left, left_without_stresses) if with_stress else None,
        typical_distance=float(np.median([pair.distance for pair in usable])),
        force_factor=float(solution[0]) if np.any(work) else None,
        stress_factor=float(solution[1]) if with_stress else None,
        stress_offset_GPa=float(solution[2] / (solution[1] or 1.0) * GPA_PER_EV_PER_A3) if with_stress else None,
        force_mix_up=_mix_up(energy, work, stresses, {**FORCE_FACTORS, **per_atom}),
        stress_mix_up=_mix_up(energy, strain_work, [work], STRESS_FACTORS) if with_stress else None,
    )


def _mix_up(energy: Array, column: Array, others: Sequence[Array], table: Mapping[float, str]) -> str | None:
    """The entry of a table whose factor explains the energies much better than 1 does."""

    def left(factor: float) -> float:
        return _fit(energy - factor * column, others)[1]

    best = min(table, key=left)
    _, without = _fit(energy, others)
    needed = 1.0 - _part(left(best), without) >= EXPLAINS or left(1.0) > WORSE * without
    return table[best] if needed and left(best) < CLEARER * left(1.0) else None


def _fit(energy: Array, columns: Sequence[Array]) -> tuple[Array, float]:
    """Factors of least squares, and the sum of squares that is left."""
    if not columns:
        return np.zeros(0), float(energy @ energy)
    matrix = np.stack(columns, axis=1)
    solution, *_ = np.linalg.lstsq(matrix, energy, rcond=None)
    return np.asarray(solution), float(np.sum((energy - matrix @ solution) ** 2))


def _part(left: float, of: float) -> float:
    return left / of if of > 0 else 1.0
