"""Crystal, elastic constants and vacancy of silicon from a model, compared with DFT.

    python benchmarks/silicon.py --model si --json docs/figures/silicon.json

DFT: PBE values contained in the mlearn data (clamped ions). Elastic constants come from matscipy by finite
strains of 1e-3 without relaxing the atoms; the vacancy is relaxed at fixed cell.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from matscipy.elasticity import full_3x3x3x3_to_Voigt_6x6, measure_triclinic_elastic_constants

from alignn_ff import AlignnCalculator
from alignn_ff.relax import RelaxConfig, relax
from alignn_ff.units import GPA_PER_EV_PER_A3

DFT = {"a0_A": 5.469, "C11_GPa": 153.0, "C12_GPa": 56.0, "C44_clamped_GPa": 99.0}


def main() -> None:
    parser = argparse.ArgumentParser(description="Crystal, elastic constants and vacancy of silicon.")
    parser.add_argument("--model", default="si")
    parser.add_argument("--repeat", type=int, default=3, help="cubic cells along each axis around the vacancy")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    calculator = AlignnCalculator(arguments.model, dtype="float64")
    crystal = relax(
        bulk("Si", a=5.43, cubic=True), calculator, config=RelaxConfig(relax_cell=True, fmax_eV_per_A=1e-5)
    ).atoms
    found = {"a0_A": float(crystal.cell.lengths().mean()), **elastic_constants(crystal, calculator)}
    found |= vacancy(crystal, calculator, arguments.repeat)
    for name, value in found.items():
        print(f"{name:42s} {value:10.4f}   DFT {DFT.get(name, float('nan')):8.3f}")
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"model": found, "DFT": DFT}, indent=2) + "\n")


def elastic_constants(crystal: Atoms, calculator: AlignnCalculator) -> dict[str, float]:
    """Cubic averages of the clamped-ion tensor, GPa."""
    atoms = crystal.copy()
    atoms.calc = calculator
    with warnings.catch_warnings(action="ignore"):
        full = measure_triclinic_elastic_constants(atoms, delta=1e-3)
    tensor = full_3x3x3x3_to_Voigt_6x6(full, check_symmetry=False) * GPA_PER_EV_PER_A3
    return {
        "C11_GPa": float(np.mean([tensor[i, i] for i in range(3)])),
        "C12_GPa": float(np.mean([tensor[0, 1], tensor[0, 2], tensor[1, 2]])),
        "C44_clamped_GPa": float(np.mean([tensor[i, i] for i in range(3, 6)])),
    }


def vacancy(crystal: Atoms, calculator: AlignnCalculator, repeat: int) -> dict[str, float]:
    """Formation energy before and after relaxation, eV, and distances of the neighbours, Å."""
    perfect = crystal.repeat(repeat)
    perfect.calc = calculator
    energy_per_atom = perfect.get_potential_energy() / len(perfect)
    defect = perfect.copy()
    hole = defect.positions[0].copy()
    del defect[0]
    defect.rattle(0.02, seed=1)
    result = relax(defect, calculator, config=RelaxConfig(fmax_eV_per_A=1e-3, max_steps=1000))
    probe = perfect.copy()
    near = np.argsort(probe.get_distances(0, range(1, len(probe)), mic=True))[:4]
    relaxed = result.atoms.copy()
    relaxed.append("X")
    relaxed.positions[-1] = hole
    distances = relaxed.get_distances(len(relaxed) - 1, near, mic=True)
    unrelaxed = perfect.copy()
    del unrelaxed[0]
    unrelaxed.calc = calculator
    return {
        "vacancy_unrelaxed_eV": unrelaxed.get_potential_energy() - len(unrelaxed) * energy_per_atom,
        "vacancy_relaxed_eV": result.after.energy_eV - len(unrelaxed) * energy_per_atom,
        "vacancy_neighbour_distance_A": float(distances.mean()),
        "ideal_neighbour_distance_A": float(crystal.cell.lengths().mean() * np.sqrt(3) / 4),
    }


if __name__ == "__main__":
    main()
