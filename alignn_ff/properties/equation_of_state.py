"""Equation of state: energies of a crystal over its volume, and a curve through them.

In: a crystal. Out: :class:`EOSResult` with V₀, E₀, B₀, B₀′ of the curve. At each volume atoms and shape of the cell are
relaxed, starting from the neighbouring volume.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pydantic import Field

from alignn_ff.choices import KeyOf
from alignn_ff.properties.config import PropertyConfig
from alignn_ff.properties.reference import relaxation_of, relaxed_crystal
from alignn_ff.properties.result import Columns, PropertyResult, Remark
from alignn_ff.properties.volume_curves import FORMS, Fit, fit_curve, modulus_at_minimum, modulus_from_pressures
from alignn_ff.properties.work import Relaxed, Work
from alignn_ff.units import GPA_PER_EV_PER_A3, MEV_PER_EV

FloatArray = NDArray[np.float64]

RESIDUAL_MEV_PER_ATOM: Final = 1.0
DISAGREEMENT: Final = 0.02
"""Largest relative difference between the bulk moduli of energies and of stresses without a remark."""
MISFIT: Final = 0.005
"""Largest relative difference between the bulk modulus of the form and that at the minimum without a remark."""


class EOSConfig(PropertyConfig):
    """How an equation of state is computed."""

    volume_range: float = Field(
        0.05, gt=0, lt=0.5, description="largest change of the volume (not of the length) either way, as a fraction"
    )
    points: int = Field(11, ge=5, description="number of volumes")
    form: Annotated[str, KeyOf(FORMS)] = Field("birch-murnaghan", description="form of the curve")


@dataclass(frozen=True, kw_only=True)
class EOSResult(PropertyResult):
    """An equation of state; volumes and energies are per cell of ``atoms``.

    Attributes:
        config: how it was computed.
        volumes: (n,) Å³.
        energies: (n,) eV.
        pressures: (n,) GPa, −trace(stress)/3 of each relaxed cell.
        fits: form → fit.
        relaxed_volume_A3: of the relaxed cell.
        frames: the relaxed cell of each volume.
    """

    config: EOSConfig
    volumes: FloatArray
    energies: FloatArray
    pressures: FloatArray
    fits: dict[str, Fit]
    relaxed_volume_A3: float
    frames: tuple[Atoms, ...]

    @property
    def fit(self) -> Fit:
        """The fit of the chosen form."""
        return self.fits[self.config.form]

    @property
    def modulus_at_minimum_GPa(self) -> float:  # noqa: N802 - the unit's letters
        """Bulk modulus without a form; that of the form where the minimum lies outside the volumes."""
        found = modulus_at_minimum(self.volumes, self.energies)
        return self.fit.bulk_modulus_GPa if np.isnan(found) else found

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """Per cell, and per atom."""
        n, fit = len(self.atoms), self.fit
        return {
            "volume_A3": fit.volume_A3,
            "volume_A3_per_atom": fit.volume_A3 / n,
            "energy_eV_per_atom": fit.energy_eV / n,
            "bulk_modulus_GPa": fit.bulk_modulus_GPa,
            "bulk_modulus_at_minimum_GPa": self.modulus_at_minimum_GPa,
            "bulk_modulus_derivative": fit.derivative,
            "form": self.config.form,
        }

    @property
    def checks(self) -> dict[str, float]:
        """Other forms, the stress route, the residual."""
        return {
            "residual_meV_per_atom": MEV_PER_EV * self.fit.residual_eV / len(self.atoms),
            "bulk_modulus_from_stress_GPa": modulus_from_pressures(self.volumes, self.pressures, self.fit.volume_A3),
            **{f"bulk_modulus_{name}_GPa": fit.bulk_modulus_GPa for name, fit in self.fits.items()},
            "volume_of_relaxed_cell_A3": self.relaxed_volume_A3,
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """Points and curve."""
        curve = FORMS[self.config.form].energy(self.volumes, *self.fit.parameters())
        return {
            "eos": {
                "volume_A3": self.volumes,
                "energy_eV": self.energies,
                "fit_eV": curve,
                "pressure_GPa": self.pressures,
            }
        }

    @property
    def structures(self) -> dict[str, list[Atoms]]:
        """The relaxed cells."""
        return {"eos": list(self.frames)}


def equation_of_state(atoms: Atoms, config: EOSConfig, work: Work) -> EOSResult:
    """Equation of state of a crystal.

    Raises:
        StructureError: it is not a crystal.
        NotConvergedError, SimulationError: a cell did not relax, or no curve fits.
    """
    reference, remarks = relaxed_crystal(work, atoms, config, what="an equation of state")
    cells = cells_over_volume(work, reference, config, fractions(config.volume_range, config.points))
    volumes = np.array([cell.atoms.get_volume() for cell in cells])
    energies = np.array([cell.energy for cell in cells])
    pressures = np.array([-np.trace(cell.stress) / 3.0 for cell in cells]) * GPA_PER_EV_PER_A3
    result = EOSResult(
        atoms=reference.atoms,
        config=config,
        model=work.model,
        volumes=volumes,
        energies=energies,
        pressures=pressures,
        fits={name: fit_curve(volumes, energies, name) for name in FORMS},
        relaxed_volume_A3=float(reference.atoms.get_volume()),
        frames=tuple(cell.atoms for cell in cells),
    )
    return replace(result, remarks=(*doubts(result), *remarks))


def fractions(span: float, n: int) -> FloatArray:
    """(n,) volumes as fractions of the reference, equally spaced in volume."""
    return np.asarray(np.linspace(1.0 - span, 1.0 + span, n))


def cells_over_volume(work: Work, reference: Relaxed, config: PropertyConfig, scales: FloatArray) -> list[Relaxed]:
    """A crystal at several volumes, atoms and shape relaxed, each from its neighbour towards the reference.

    Args:
        work: evaluates.
        reference: at fraction 1.
        config: of the relaxations.
        scales: (n,) volumes as fractions of the reference, ascending.
    """
    found: dict[int, Relaxed] = {}
    settings = relaxation_of(config, "fixed-volume", symmetric=config.keep_symmetry)
    middle = int(np.argmin(np.abs(scales - 1.0)))
    for index in [*range(middle, len(scales)), *range(middle - 1, -1, -1)]:
        before = found.get(index - 1 if index > middle else index + 1, reference)
        start = before.atoms.copy()
        wanted = float(scales[index]) * reference.atoms.get_volume()
        start.set_cell(start.cell * (wanted / start.get_volume()) ** (1.0 / 3.0), scale_atoms=True)
        found[index] = work.relax(f"volume {scales[index]:.6f}", start, settings)
    return [found[index] for index in range(len(scales))]


def doubts(result: EOSResult) -> list[Remark]:
    """What a reader of the numbers must know."""
    remarks, fit, n_atoms = [], result.fit, len(result.atoms)
    if not result.volumes.min() < fit.volume_A3 < result.volumes.max():
        remarks.append(
            Remark(
                "minimum_outside",
                f"the minimum of the curve, {fit.volume_A3:.2f} Å³, lies outside the volumes "
                f"({result.volumes.min():.2f} to {result.volumes.max():.2f} Å³): extrapolated, do not use it",
            )
        )
    residual = MEV_PER_EV * fit.residual_eV / n_atoms
    if residual > RESIDUAL_MEV_PER_ATOM:
        remarks.append(
            Remark(
                "rough", f"the curve misses an energy by {residual:.2f} meV/atom: the points do not lie on one curve"
            )
        )
    exact = result.modulus_at_minimum_GPa
    if abs(fit.bulk_modulus_GPa / exact - 1.0) > MISFIT:
        remarks.append(
            Remark(
                "form_misses",
                f"the bulk modulus of the {result.config.form} curve is {fit.bulk_modulus_GPa:.1f} GPa, that at the "
                f"minimum {exact:.1f} GPa: the energies of this model do not follow the form over the whole range. Use "
                "the one at the minimum, which is that of the elastic constants, or a smaller --range",
            )
        )
    stress = result.checks["bulk_modulus_from_stress_GPa"]
    if abs(stress / fit.bulk_modulus_GPa - 1.0) > DISAGREEMENT:
        remarks.append(
            Remark(
                "stress_disagrees",
                f"the bulk modulus from the stresses is {stress:.1f} GPa, from the energies {fit.bulk_modulus_GPa:.1f}",
            )
        )
    return remarks
