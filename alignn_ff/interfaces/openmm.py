"""OpenMM: the package's force fields by the name ``alignn-ff`` of OpenMM-ML (entry point ``openmmml.potentials``).

In: a topology. Out: a system with one force, which Python evaluates; units of OpenMM (kJ/mol, nm).
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, Literal

import numpy as np
import openmm
from ase import Atoms
from ase import units as ase_units
from numpy.typing import NDArray
from openmm import unit
from openmmml.mlpotential import MLPotentialImpl, MLPotentialImplFactory

from alignn_ff.errors import StructureError
from alignn_ff.graph import VerletSkin, prediction_to_host
from alignn_ff.potential import Potential, load_potential

KJ_PER_MOL: float = ase_units.kJ / ase_units.mol
"""In eV."""


class AlignnFactory(MLPotentialImplFactory):  # type: ignore[misc]
    """What OpenMM-ML calls for ``MLPotential("alignn-ff", model="si")``."""

    def createImpl(  # noqa: N802 - OpenMM's name
        self,
        name: str,  # noqa: ARG002
        *,
        model: str,
        device: str = "auto",
        dtype: Literal["float32", "float64"] = "float32",
        backend: str = "auto",
    ) -> "AlignnPotential":
        """Load a model.

        Args:
            name: the name that was given to OpenMM-ML.
            model: zoo name, model file or folder.
            device: as for ``load_potential``.
            dtype: of the network.
            backend: how the model is executed.
        """
        return AlignnPotential(load_potential(model, device=device, dtype=dtype, backend=backend))


class AlignnPotential(MLPotentialImpl):  # type: ignore[misc]
    """A force field for OpenMM-ML."""

    def __init__(self, potential: Potential) -> None:
        """Wrap a potential."""
        self.potential = potential

    def addForces(  # noqa: N802
        self,
        topology: Any,
        system: Any,
        atoms: Iterable[int] | None,
        forceGroup: int,
    ) -> None:
        """Add the force to a system.

        Args:
            topology: elements and, where it is periodic, box vectors.
            system: that the force is added to.
            atoms: indices of the atoms that the model describes; None: all.
            forceGroup: number of the group of the force.

        Raises:
            StructureError: an atom has no element.
        """
        everything = list(topology.atoms())
        chosen = everything if atoms is None else [everything[index] for index in atoms]
        if any(atom.element is None for atom in chosen):
            raise StructureError("an atom of the topology has no element; virtual sites cannot be part of the model")
        periodic = topology.getPeriodicBoxVectors() is not None or system.usesPeriodicBoundaryConditions()
        structure = Atoms([atom.element.atomic_number for atom in chosen], pbc=periodic)
        compute = partial(_evaluate, potential=self.potential, structure=structure, skin=VerletSkin())
        force = openmm.PythonForce(compute)
        force.setForceGroup(forceGroup)
        force.setUsesPeriodicBoundaryConditions(periodic)
        if atoms is not None:
            force.setParticles([atom.index for atom in chosen])
        system.addForce(force)

    def getMLLongRange(self) -> bool:  # noqa: N802
        """Interactions end at the cutoff."""
        return False


def _evaluate(
    state: Any,
    potential: Potential,
    structure: Atoms,
    skin: VerletSkin,
) -> tuple[float, NDArray[np.float64]]:
    """Energy, kJ/mol, and forces, kJ/mol/nm."""
    structure.positions = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    if structure.pbc.any():
        structure.set_cell(state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.angstrom))
    prepared = potential.prepare(structure, skin=skin)
    found = prediction_to_host(potential.evaluate(prepared.system, prepared.graph))
    assert found.forces is not None
    forces: NDArray[np.float64] = found.forces.numpy() * (ase_units.nm / KJ_PER_MOL)
    return float(found.energy[0]) / KJ_PER_MOL, forces
