"""The result of point defects."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from numpy.typing import NDArray

from alignn_ff.properties.defects.config import DefectConfig
from alignn_ff.properties.defects.potentials import Potentials
from alignn_ff.properties.defects.sites import Site
from alignn_ff.properties.result import Columns, PropertyResult
from alignn_ff.properties.supercells import Repeats
from alignn_ff.properties.work import Relaxed
from alignn_ff.units import GPA_PER_EV_PER_A3

TIE_EV = 1e-3
"""A start is only better than an earlier one if its energy is lower by more than this."""


class Trial(NamedTuple):
    """A relaxation from one start.

    Attributes:
        start: its name.
        relaxed: energy and stress less those of the perfect supercell.
    """

    start: str
    relaxed: Relaxed


@dataclass(frozen=True)
class Defect:
    """One defect in one supercell.

    Attributes:
        site: what and where.
        repeats: of the conventional cell.
        supercell: without the defect.
        built: with the defect, before it relaxes.
        unrelaxed_eV: energy less that of the perfect supercell.
        trials: one for each start.
    """

    site: Site
    repeats: Repeats
    supercell: Atoms
    built: Atoms
    unrelaxed_eV: float
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial with the lowest energy, the first one of equal ones."""
        lowest = min(trial.relaxed.energy for trial in self.trials)
        return next(trial for trial in self.trials if trial.relaxed.energy <= lowest + TIE_EV)

    @property
    def change(self) -> dict[str, int]:
        """Element → number of atoms added; negative where they are removed."""
        before, after = self.supercell.get_chemical_symbols(), self.built.get_chemical_symbols()
        counts = {element: after.count(element) - before.count(element) for element in sorted({*before, *after})}
        return {element: n for element, n in counts.items() if n}

    @property
    def displacement(self) -> float:
        """Largest distance between an atom as built and relaxed, Å."""
        shifts = self.best.relaxed.atoms.positions - self.built.positions
        return float(find_mic(shifts, self.built.cell)[1].max())

    @property
    def residual_pressure(self) -> float:
        """Pressure of the relaxed defect in the fixed cell, eV/Å³; NaN without stresses."""
        return -float(np.trace(self.best.relaxed.stress)) / 3.0


@dataclass(frozen=True, kw_only=True)
class DefectResult(PropertyResult):
    """Neutral point defects; ``atoms`` is the conventional cell of the relaxed crystal.

    Attributes:
        config: how they were computed.
        what: kind of defect, "a vacancy".
        defects: one for each distinct site and supercell, supercells of a site in ascending size.
        limits: of the chemical potentials.
        bulk_modulus: with clamped atoms, eV/Å³.
    """

    config: DefectConfig
    what: str
    defects: tuple[Defect, ...]
    limits: tuple[Potentials, ...]
    bulk_modulus: float

    @property
    def largest(self) -> list[Defect]:
        """Each defect in the largest supercell."""
        return list({defect.site.label: defect for defect in self.defects}.values())

    def formation_energy(self, defect: Defect, limit: Potentials, *, energy: float | None = None) -> float:
        """E_f = ΔE − Σ n_i μ_i, eV.

        Args:
            defect: of this result.
            limit: chemical potentials.
            energy: of the defect less the perfect supercell; None takes the relaxed one.
        """
        difference = defect.best.relaxed.energy if energy is None else energy
        return difference - sum(n * limit.eV[element] for element, n in defect.change.items())

    def elastic_correction(self, defect: Defect) -> float:
        """−P²V/2B in eV: estimate of what a relaxed cell would add (cf. C. Varvenne et al., PRB 88, 134102 (2013))."""
        pressure, volume = defect.residual_pressure, defect.supercell.get_volume()
        return -(pressure**2) * float(volume) / (2.0 * self.bulk_modulus)

    def relaxation_volume(self, defect: Defect) -> float:
        """PV/B in Å³: change of the volume of a crystal that holds the defect and is free to relax."""
        pressure = defect.residual_pressure
        return pressure * float(defect.supercell.get_volume()) / self.bulk_modulus

    def dilute_energy(self, label: str, limit: Potentials) -> float | None:
        """E_f in eV, extrapolated in 1/N to an infinite supercell; None with fewer than two sizes."""
        rows = [defect for defect in self.defects if defect.site.label == label]
        if len(rows) < 2:
            return None
        inverse = [1.0 / len(defect.supercell) for defect in rows]
        return float(np.polyfit(inverse, [self.formation_energy(defect, limit) for defect in rows], 1)[1])

    def lowest(self, limit: Potentials) -> Defect:
        """The defect with the lowest formation energy, in the largest supercell; the first of equal ones."""
        energies = [self.formation_energy(defect, limit) for defect in self.largest]
        return next(d for d, e in zip(self.largest, energies, strict=True) if e <= min(energies) + TIE_EV)

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """The lowest defect in the first limit, and each defect in each limit where there are several."""
        limit = self.limits[0]
        defect = self.lowest(limit)
        dilute = self.dilute_energy(defect.site.label, limit)
        return {
            "lowest" + _comma(limit): defect.site.label,
            "formation_energy_eV": self.formation_energy(defect, limit),
            "unrelaxed_formation_energy_eV": self.formation_energy(defect, limit, energy=defect.unrelaxed_eV),
            **({} if dilute is None else {"dilute_formation_energy_eV": dilute}),
            "start": defect.best.start,
            "largest_displacement_A": defect.displacement,
            "relaxation_volume_A3": self.relaxation_volume(defect),
            "atoms_of_the_supercell": len(defect.supercell),
            "charge": "neutral",
            **self._each(),
        }

    def _each(self) -> dict[str, float | int | str | None]:
        """Formation energy of each defect in each limit, unless there is only one."""
        rows = [(defect, limit) for limit in self.limits for defect in self.largest]
        if len(rows) == 1:
            return {}
        return {f"{d.site.label}{_comma(limit)}_eV": self.formation_energy(d, limit) for d, limit in rows}

    @property
    def checks(self) -> dict[str, float]:
        """What the fixed cell costs, and what the starts gave."""
        defect = self.lowest(self.limits[0])
        energies = [trial.relaxed.energy for trial in defect.trials]
        return {
            "elastic_correction_eV": self.elastic_correction(defect),
            "residual_pressure_GPa": defect.residual_pressure * GPA_PER_EV_PER_A3,
            "bulk_modulus_clamped_GPa": self.bulk_modulus * GPA_PER_EV_PER_A3,
            "highest_less_lowest_start_eV": max(energies) - min(energies),
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """Every defect in every supercell and limit, and every start."""
        rows = [(defect, limit) for defect in self.defects for limit in self.limits]
        trials = [(defect, trial) for defect in self.defects for trial in defect.trials]
        limit = self.limits[0]
        return {
            "defects": {
                "defect": [d.site.label for d, _ in rows],
                "limit": [limit.name for _, limit in rows],
                "n_atoms": _column([len(d.supercell) for d, _ in rows]),
                "unrelaxed_eV": _column([self.formation_energy(d, o, energy=d.unrelaxed_eV) for d, o in rows]),
                "relaxed_eV": _column([self.formation_energy(d, o) for d, o in rows]),
                "start": [d.best.start for d, _ in rows],
                "elastic_correction_eV": _column([self.elastic_correction(d) for d, _ in rows]),
                "relaxation_volume_A3": _column([self.relaxation_volume(d) for d, _ in rows]),
                "largest_displacement_A": _column([d.displacement for d, _ in rows]),
                "multiplicity": _column([d.site.multiplicity or np.nan for d, _ in rows]),
            },
            "starts": {
                "defect": [d.site.label for d, _ in trials],
                "n_atoms": _column([len(d.supercell) for d, _ in trials]),
                "start": [t.start for _, t in trials],
                "relaxed_eV": _column([self.formation_energy(d, limit, energy=t.relaxed.energy) for d, t in trials]),
                "n_steps": _column([t.relaxed.n_steps for _, t in trials]),
            },
            "chemical-potentials": {
                "limit": [o.name for o in self.limits for _ in o.eV],
                "element": [element for o in self.limits for element in o.eV],
                "chemical_potential_eV": _column([value for o in self.limits for value in o.eV.values()]),
            },
        }

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """The relaxed defects with the lowest energies, as in the table."""
        return {"defects": [_labelled(defect) for defect in self.defects]}


def _labelled(defect: Defect) -> Atoms:
    atoms: Atoms = defect.best.relaxed.atoms.copy()
    atoms.info = {"defect": defect.site.label, "start": defect.best.start}
    return atoms


def _column(values: list[float] | list[int]) -> NDArray[np.float64]:
    return np.array(values, dtype=float)


def _comma(limit: Potentials) -> str:
    return f", {limit.name}" if limit.name else ""
