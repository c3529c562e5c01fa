"""Known mix-ups of units and signs, recognised by what they leave unexplained of the differences of energies.

In: the terms of pairs of close structures. Out: which label looks like another unit than the expected one.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignn_ff.units import GPA_PER_EV_PER_A3

Array = NDArray[np.float64]

CLEARER: Final = 0.5
"""A known mix-up is believed if it leaves less than this part of what the labels leave as they are …"""
EXPLAINS: Final = 0.25
"""… and explains at least this part of what is left without them …"""
WORSE: Final = 4.0
"""… or if the labels as they are leave this many times what is left without them."""
SIMPLER: Final = 2.0
"""One mix-up, of the energies, is believed rather than two if it leaves at most this many times as much."""
ALONE: Final = 0.1
"""The same where no other mix-up is found."""

RY_EV, HA_EV, BOHR_A = 13.605693, 27.211386, 0.529177

ENERGY_UNITS: Final[dict[str, float]] = {
    "Ha": HA_EV,
    "Ry": RY_EV,
    "kcal/mol": 1 / 23.0605,
    "kJ/mol": 1 / 96.485,
    "meV": 0.001,
}
"""Unit that energies may be in → eV."""

FORCE_FACTORS: Final[dict[str, float]] = {
    "the forces have the wrong sign: they are gradients": -1.0,
    "the forces look like Ha/Bohr, the energies like eV": HA_EV / BOHR_A,
    "energies and forces look like Ha and Ha/Bohr, or like another pair of units with forces per Bohr": 1 / BOHR_A,
    "the forces look like Ha/Å, the energies like eV": HA_EV,
    "the energies look like Ha, the forces like eV/Å": 1 / HA_EV,
    "the forces look like Ry/Bohr, the energies like eV": RY_EV / BOHR_A,
    "the forces look like Ry/Å, the energies like eV": RY_EV,
    "the energies look like Ry, the forces like eV/Å": 1 / RY_EV,
    "the energies look like kcal/mol, the forces like eV/Å": 23.0605,
    "the forces look like kcal/mol/Å, the energies like eV": 1 / 23.0605,
    "the energies look like kJ/mol, the forces like eV/Å": 96.485,
    "the forces look like kJ/mol/Å, the energies like eV": 1 / 96.485,
    "the energies look like meV, the forces like eV/Å": 1000.0,
    "the forces look like meV/Å, the energies like eV": 0.001,
}
"""Mix-up → E₂ − E₁ over the work of the forces."""

PER_ATOM: Final = "the energies look like eV per atom, where the total is expected"

STRESS_FACTORS: Final[dict[str, float]] = {
    "the stresses have the wrong sign: here tension is positive, elsewhere pressure": -1.0,
    "the stresses look like GPa": 1 / GPA_PER_EV_PER_A3,
    "the stresses look like kbar": 0.1 / GPA_PER_EV_PER_A3,
    "the stresses look like GPa with pressure positive": -1 / GPA_PER_EV_PER_A3,
    "the stresses look like kbar with pressure positive, as VASP prints them": -0.1 / GPA_PER_EV_PER_A3,
    "the stresses were divided by 160.2 twice": GPA_PER_EV_PER_A3,
    "the stresses look like Ha/Bohr³": HA_EV / BOHR_A**3,
    "the stresses look like Ry/Bohr³": RY_EV / BOHR_A**3,
}
"""Mix-up → the strain work by energies over that by stresses."""

VIRIAL_FACTORS: Final[dict[str, float]] = {
    "the stresses look like virials in eV: a stress is −virial/volume": -1.0,
    "the stresses look like eV, multiplied by the volume": 1.0,
}
"""The same for stresses that must still be divided by the volume."""


class Terms(NamedTuple):
    """What belongs together in each pair, weighted.

    Attributes:
        energy: E₂ − E₁.
        work, strain_work: of forces and stresses.
        virial_work: of stresses that were not divided by the volume.
        dilation: what an offset of the diagonal of the stress multiplies.
        third_order: what terms of the third order multiply that look like such an offset.
        n_atoms: of each structure.
        with_stress: whether there are enough strained pairs.
    """

    energy: Array
    work: Array
    strain_work: Array
    virial_work: Array
    dilation: Array
    third_order: tuple[Array, Array]
    n_atoms: Array
    with_stress: bool

    @property
    def stresses(self) -> list[Array]:
        """The terms of the stress that are fitted: its factor and its offset."""
        return [self.strain_work, -self.dilation] if self.with_stress else []


class MixUps(NamedTuple):
    """The mix-up of each kind of label, as a sentence; None: none is known."""

    energy: str | None = None
    forces: str | None = None
    stress: str | None = None


def mix_ups_of(terms: Terms) -> MixUps:
    """The fewest mix-ups that explain the labels."""
    stress = _of_stress(terms)
    found = MixUps(forces=_of_forces(terms, energies_agree=terms.with_stress and stress is None), stress=stress)
    if not terms.with_stress:
        return found
    scaled = {f"the energies look like {unit}": value * terms.energy for unit, value in ENERGY_UNITS.items()}
    scaled[PER_ATOM] = terms.n_atoms * terms.energy
    rests = {text: _rest(terms._replace(energy=energy)) for text, energy in scaled.items()}
    best = min(rests, key=lambda text: rests[text])
    corrected = terms._replace(energy=scaled[best])
    agree = _of_forces(corrected, energies_agree=False) is None and _of_stress(corrected) is None
    n_others = sum(text is not None for text in found)
    allowed = (ALONE, 1.0, SIMPLER)[n_others] * _rest_with(terms, found)
    return MixUps(energy=best) if agree and rests[best] < min(CLEARER * _rest(terms), allowed) else found


def fit(energy: Array, columns: Sequence[Array]) -> tuple[Array, float]:
    """Factors of least squares, and the sum of squares that is left."""
    if not columns:
        return np.zeros(0), float(energy @ energy)
    matrix = np.stack(columns, axis=1)
    solution, *_ = np.linalg.lstsq(matrix, energy, rcond=None)
    return np.asarray(solution), float(np.sum((energy - matrix @ solution) ** 2))


def part(left: float, of: float) -> float:
    """A part of a whole; all of it where there is no whole."""
    return left / of if of > 0 else 1.0


def _of_forces(terms: Terms, *, energies_agree: bool) -> str | None:
    """Of the forces; not of the energies, where these agree with the stresses."""
    candidates = {
        text: factor * terms.work
        for text, factor in FORCE_FACTORS.items()
        if not (energies_agree and text.startswith("the energies"))
    }
    if not energies_agree:
        candidates[PER_ATOM] = terms.work / terms.n_atoms
    return _mix_up(terms.energy, terms.work, candidates, terms.stresses)


def _of_stress(terms: Terms) -> str | None:
    if not terms.with_stress:
        return None
    return _mix_up(terms.energy, terms.strain_work, _stress_candidates(terms), [terms.work])


def _stress_candidates(terms: Terms) -> dict[str, Array]:
    candidates = {text: factor * terms.strain_work for text, factor in STRESS_FACTORS.items()}
    return candidates | {text: factor * terms.virial_work for text, factor in VIRIAL_FACTORS.items()}


def _mix_up(energy: Array, as_it_is: Array, candidates: Mapping[str, Array], others: Sequence[Array]) -> str | None:
    """The candidate that explains the energies much better than the labels as they are."""

    def left(column: Array) -> float:
        return fit(energy - column, others)[1]

    rests = {text: left(column) for text, column in candidates.items()}
    best = min(rests, key=lambda text: rests[text])
    _, without = fit(energy, others)
    needed = 1.0 - part(rests[best], without) >= EXPLAINS or left(as_it_is) > WORSE * without
    return best if needed and rests[best] < CLEARER * left(as_it_is) else None


def _rest(terms: Terms) -> float:
    """Part of the energies that forces and stresses with an offset leave."""
    _, left = fit(terms.energy - terms.work - terms.strain_work, [-terms.dilation])
    return part(left, float(terms.energy @ terms.energy))


def _rest_with(terms: Terms, found: MixUps) -> float:
    """The same with forces and stresses corrected."""
    work = terms.work
    if found.forces is not None:
        work = work / terms.n_atoms if found.forces == PER_ATOM else work * FORCE_FACTORS[found.forces]
    strain_work = terms.strain_work if found.stress is None else _stress_candidates(terms)[found.stress]
    return _rest(terms._replace(work=work, strain_work=strain_work))
