"""Energy, forces and stress of one structure, without relaxing it."""

from dataclasses import asdict, dataclass

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, PropertyNotImplementedError
from numpy.typing import NDArray

from alignn_ff.display import Displayed, Sheet, exact
from alignn_ff.domain import Finding, sentences
from alignn_ff.errors import NotFiniteError
from alignn_ff.io import check_atoms
from alignn_ff.runs.domain import findings_of
from alignn_ff.runs.model_record import ModelRecord, describe_model
from alignn_ff.runs.uncertainty import NO_DEVIATIONS, Deviations, deviations_of


@dataclass(frozen=True)
class SinglePoint(Displayed):
    """One evaluation of a structure.

    Attributes:
        atoms: the structure.
        energy_eV: total.
        forces_eV_per_A: (n_atoms, 3), constraints not applied.
        stress_eV_per_A3: (6,) Voigt order xx yy zz yz xz xy, tension positive; None without a volume.
        model: the model used.
        outside: in which ways the structure is outside of the training data.
        deviations: standard deviations, of a calculator that has them.
    """

    atoms: Atoms
    energy_eV: float
    forces_eV_per_A: NDArray[np.float64]
    stress_eV_per_A3: NDArray[np.float64] | None
    model: ModelRecord
    outside: tuple[Finding, ...] = ()
    deviations: Deviations = NO_DEVIATIONS

    def brief(self) -> str:
        """The structure, its energy and its largest force."""
        largest = float(np.linalg.norm(self.forces_eV_per_A, axis=1).max(initial=0.0))
        formula = self.atoms.get_chemical_formula()
        return f"{formula}: energy {self.energy_eV:.6f} eV, largest force {largest:.4g} eV/Å"

    def sheet(self) -> Sheet:
        """Energy, stress, and a row per atom."""
        stress = None if self.stress_eV_per_A3 is None else tuple(map(exact, self.stress_eV_per_A3.tolist()))
        facts = {
            "energy_eV": exact(self.energy_eV),
            "stress_xx_yy_zz_yz_xz_xy_eV_per_A3": stress,
            "standard_deviation_of_the_energy_eV": self.deviations.energy_eV,
            "model": self.model.in_words,
        }
        forces = {f"force_{axis}_eV_per_A": self.forces_eV_per_A[:, k] for k, axis in enumerate("xyz")}
        return Sheet(facts, {"atoms": {"atom": list(self.atoms.symbols), **forces}}, sentences(self.outside))

    def to_json(self) -> dict[str, object]:
        """JSON-ready content."""
        return {
            "energy_eV": self.energy_eV,
            "forces_eV_per_A": self.forces_eV_per_A.tolist(),
            "stress_eV_per_A3": None if self.stress_eV_per_A3 is None else self.stress_eV_per_A3.tolist(),
            "formula": self.atoms.get_chemical_formula(),
            "elements": sorted(set(self.atoms.get_chemical_symbols())),
            "n_atoms": len(self.atoms),
            "outside": [finding.to_json() for finding in self.outside],
            **self.deviations.to_json(),
            "model": asdict(self.model),
        }


def single_point(atoms: Atoms, calculator: BaseCalculator) -> SinglePoint:
    """Evaluate a structure once.

    Raises:
        StructureError, ElementNotCoveredError: the structure is not valid, or the model does not cover it.
        NotFiniteError: energy or forces are not finite numbers.
        OutsideError: outside of the training data, with a calculator that stops there.
    """
    check_atoms(atoms)
    work = atoms.copy()
    work.calc = calculator
    energy = float(work.get_potential_energy())
    forces = work.get_forces(apply_constraint=False)
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        raise NotFiniteError(
            f"the energy ({energy} eV) or forces are not finite numbers; are some atoms very close to each other?"
        )
    try:
        stress = work.get_stress(apply_constraint=False)
    except PropertyNotImplementedError:
        stress = None
    deviations, findings = deviations_of(work), findings_of(calculator)
    return SinglePoint(atoms, energy, forces, stress, describe_model(calculator), findings, deviations)
