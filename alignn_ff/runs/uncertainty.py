"""The standard deviations of a calculator: what every run reads of them, with the number that thresholds refer to."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

if TYPE_CHECKING:
    from alignn_ff.potential import Potential

Array = NDArray[np.float64]


class Deviations(NamedTuple):
    """Standard deviations of one structure; None where the calculator does not have them.

    Attributes:
        energy_eV: of the total energy.
        energies_eV: (n_atoms,) of the energy of each atom.
        forces_eV_per_A: (n_atoms,) of each force: root of the variances of its components added.
        stress_eV_per_A3: of the stress: likewise.
    """

    energy_eV: float | None = None
    energies_eV: Array | None = None
    forces_eV_per_A: Array | None = None
    stress_eV_per_A3: float | None = None

    def to_json(self) -> dict[str, object]:
        """Names with numbers and lists; those that are not there are left out."""
        names = ("energy_std_eV", "energies_std_eV", "forces_std_eV_per_A", "stress_std_eV_per_A3")
        known = {name: value for name, value in zip(names, self, strict=True) if value is not None}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in known.items()}


NO_DEVIATIONS: Final = Deviations()


class Worst(NamedTuple):
    """The number that thresholds refer to: of a committee the largest deviation of a force, else of an atom's energy.

    Attributes:
        value: in ``unit``.
        unit: "eV/Å" or "eV".
        atom: index of the atom.
    """

    value: float
    unit: str
    atom: int


def gives_deviations(calculator: BaseCalculator | None) -> bool:
    """Whether a calculator has standard deviations."""
    return _has(calculator, "energies_std") or _has(calculator, "forces_std")


def deviations_of(atoms: Atoms) -> Deviations:
    """Standard deviations of a structure by its calculator; those of a last layer cost a pass through the network."""
    calculator = atoms.calc
    if calculator is None or not gives_deviations(calculator):
        return NO_DEVIATIONS
    names = ("energy_std", "energies_std", "forces_std", "stress_std")
    without_volume = atoms.cell.rank < 3
    found = [
        calculator.get_property(name, atoms)
        if _has(calculator, name) and not (name == "stress_std" and without_volume)
        else None
        for name in names
    ]
    return Deviations(*found)


def predicted_deviations(atoms: Atoms, potential: "Potential") -> Deviations:
    """Standard deviations of a structure by a potential, at the cost of one evaluation if it has any."""
    if potential.energy_std_by is None:
        return NO_DEVIATIONS
    (found,) = potential.predict([atoms], spread=True)
    stress = None if found.stress_std is None or np.isnan(found.stress_std) else found.stress_std
    return Deviations(found.energy_std, found.energies_std, found.forces_std, stress)


def worst_of(deviations: Deviations) -> Worst | None:
    """The number that thresholds refer to; None without deviations."""
    for values, unit in ((deviations.forces_eV_per_A, "eV/Å"), (deviations.energies_eV, "eV")):
        if values is not None:
            atom = int(np.argmax(values))
            return Worst(float(values[atom]), unit, atom)
    return None


def _has(calculator: BaseCalculator | None, name: str) -> bool:
    return calculator is not None and name in calculator.implemented_properties


ROWS: Final[tuple[tuple[str, Callable[[Deviations, int], str | None]], ...]] = (
    ("std of the energy", lambda d, n: None if d.energy_eV is None else f"{d.energy_eV / n:.6f} eV per atom"),
    (
        "largest std of a force",
        lambda d, n: None if d.forces_eV_per_A is None else f"{d.forces_eV_per_A.max():.6f} eV/Å",  # noqa: ARG005
    ),
    (
        "largest std of an atom's energy",
        lambda d, n: None if d.energies_eV is None else f"{d.energies_eV.max():.6f} eV",  # noqa: ARG005
    ),
)
"""Lines of a summary."""


def summary_rows(deviations: Deviations, n_atoms: int) -> list[tuple[str, str]]:
    """Lines of a summary, for the deviations that are there."""
    lines = ((title, text(deviations, n_atoms)) for title, text in ROWS)
    return [(title, line) for title, line in lines if line is not None]
