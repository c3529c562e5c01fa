"""Calculators that are wrong on purpose, each in one way, and the right one that they come from."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress


class Right(LennardJones):
    """Lennard-Jones whose energy and forces end smoothly at 5 Å."""

    def __init__(self) -> None:
        super().__init__(sigma=2.0, epsilon=0.1, rc=5.0, ro=3.5, smooth=True)


class Changed(Right):
    """Results that are changed after they are right."""

    def calculate(
        self, atoms: Atoms | None = None, properties: object = (), system_changes: object = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.change()

    def change(self) -> None:
        raise NotImplementedError


class WrongStressSign(Changed):
    def change(self) -> None:
        if "stress" in self.results:
            self.results["stress"] = -self.results["stress"]


class NotTheDerivative(Changed):
    def change(self) -> None:
        self.results["forces"] = 1.001 * self.results["forces"]


class NetForce(Changed):
    """A constant force along x, as of a field that the energy does not have."""

    def change(self) -> None:
        self.results["forces"] = self.results["forces"] + np.array([1e-3, 0.0, 0.0])


class Noisy(Changed):
    """Noise as of a parallel sum in another precision."""

    rng = np.random.default_rng(0)

    def change(self) -> None:
        self.results["energy"] += 1e-6 * self.rng.normal()
        self.results["forces"] = self.results["forces"] + 1e-6 * self.rng.normal(size=self.results["forces"].shape)


class JumpsAtItsCutoff(LennardJones):
    """Energy and forces end at 4.2 Å, the energy at −4.6 meV."""

    def __init__(self) -> None:
        super().__init__(sigma=2.0, epsilon=0.1, rc=4.2)

    def calculate(
        self, atoms: Atoms | None = None, properties: object = (), system_changes: object = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        shift = 4 * 0.1 * ((2.0 / 4.2) ** 12 - (2.0 / 4.2) ** 6)
        self.results["energy"] += 0.5 * shift * len(neighbor_list("i", self.atoms, 4.2))


class NotRotationInvariant(Calculator):
    """Lennard-Jones of a structure that is stretched along z; forces and stress are its derivatives."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012 - as ASE declares it

    def __init__(self) -> None:
        super().__init__()
        self.right, self.stretch = Right(), np.array([1.0, 1.0, 1.03])

    def calculate(
        self, atoms: Atoms | None = None, properties: object = (), system_changes: object = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        cell = self.atoms.cell.array * self.stretch
        stretched = Atoms(self.atoms.numbers, self.atoms.positions * self.stretch, cell=cell, pbc=self.atoms.pbc)
        stretched.calc = self.right
        self.results["energy"] = stretched.get_potential_energy()
        self.results["forces"] = stretched.get_forces() * self.stretch
        if self.atoms.cell.rank == 3:
            virial = voigt_6_to_full_3x3_stress(stretched.get_stress()) * self.stretch.prod()
            turned = virial * self.stretch[None, :] / self.stretch[:, None]
            self.results["stress"] = full_3x3_to_voigt_6_stress(0.5 * (turned + turned.T))
