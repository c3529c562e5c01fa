"""OpenMM finds the model by name, gives the numbers of the package, and keeps the temperature of a molecule."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase import units as ase_units

from tests.support.exports import SMOOTH, eager, model_file

openmm = pytest.importorskip("openmm", reason="OpenMM is not installed; pip install 'alignn-ff[openmm]'")
pytest.importorskip("openmmml", reason="OpenMM-ML is not installed; pip install 'alignn-ff[openmm]'")

KJ_PER_MOL = ase_units.kJ / ase_units.mol


@pytest.fixture
def _registered() -> None:
    """The entry point, where the package was installed before it had one."""
    from openmmml import MLPotential

    from alignn_ff.interfaces.openmm import AlignnFactory

    MLPotential.registerImplFactory("alignn-ff", AlignnFactory())


def simulation(model: Path, atoms: Atoms, chosen: list[int] | None = None) -> "openmm.app.Simulation":
    from openmmml import MLPotential

    topology = openmm.app.Topology()
    residue = topology.addResidue("MOL", topology.addChain())
    for number in atoms.numbers:
        topology.addAtom("X", openmm.app.Element.getByAtomicNumber(int(number)), residue)
    if atoms.pbc.any():
        topology.setPeriodicBoxVectors(atoms.cell.array * openmm.unit.angstrom)
    potential = MLPotential("alignn-ff", model=str(model), dtype="float64", backend="eager")
    system = potential.createSystem(topology)
    integrator = openmm.LangevinMiddleIntegrator(300, 5.0 / openmm.unit.picosecond, 0.5 * openmm.unit.femtosecond)
    integrator.setRandomNumberSeed(1)
    made = openmm.app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName("Reference"))
    made.context.setPositions(atoms.positions * openmm.unit.angstrom)
    return made


@pytest.mark.usefixtures("_registered")
@pytest.mark.parametrize("periodic", [False, True])
def test_energy_and_forces_are_those_of_the_package(periodic: bool, tmp_path: Path) -> None:
    atoms = Atoms("SiOHH", [[0, 0, 0], [1.6, 0.1, 0], [2.0, 1.0, 0.1], [-0.9, 0.8, 0.7]])
    if periodic:
        atoms.set_cell(np.diag([6.0, 6.5, 7.0]))
        atoms.pbc = True
    made = simulation(model_file(tmp_path / "m.pt", SMOOTH["smooth"]), atoms)
    state = made.context.getState(getEnergy=True, getForces=True)
    (expected,) = eager(SMOOTH["smooth"]).predict_tensors([atoms])
    energy = state.getPotentialEnergy().value_in_unit(openmm.unit.kilojoule_per_mole) * KJ_PER_MOL
    forces = state.getForces(asNumpy=True)._value * (KJ_PER_MOL / ase_units.nm)
    assert energy == pytest.approx(float(expected.energy[0]), rel=1e-9)
    assert expected.forces is not None
    np.testing.assert_allclose(forces, expected.forces.numpy(), atol=1e-8)


@pytest.mark.usefixtures("_registered")
def test_dynamics_keeps_the_temperature_of_a_molecule(tmp_path: Path) -> None:
    atoms = Atoms("Si4", [[0, 0, 0], [2.3, 0.1, 0], [0.2, 2.4, 0], [1.2, 1.1, 1.9]])
    made = simulation(Path("si"), atoms)
    made.minimizeEnergy(maxIterations=20)
    made.context.setVelocitiesToTemperature(300, 1)
    kinetic = []
    for _ in range(60):
        made.step(2)
        state = made.context.getState(getEnergy=True)
        kinetic.append(state.getKineticEnergy().value_in_unit(openmm.unit.kilojoule_per_mole))
    degrees = 3 * len(atoms) - 3
    mean_K = 2 * np.mean(kinetic) / (degrees * 8.31446e-3)
    assert 100 < mean_K < 700
