"""Integrators of constant volume: those of ASE, set up to count the actual degrees of freedom.

ASE's thermostats count 3N degrees of freedom also if only 3N − 3 share the energy, so each is corrected here. The mass
of a thermostat is set by the highest temperature of a stage; on a ramp only the targets change.
"""

import math

from ase import Atoms, units
from ase.md.bussi import Bussi
from ase.md.md import MolecularDynamics
from ase.md.nose_hoover_chain import NoseHooverChainNVT
from ase.md.nvtberendsen import NVTBerendsen
from ase.md.verlet import VelocityVerlet

from alignn_ff import ase_private
from alignn_ff.md.ensembles.colliding_verlet import CollidingVerlet
from alignn_ff.md.ensembles.counting_langevin import CountingLangevin
from alignn_ff.md.ensembles.settings import Coupling, StageSettings, Targets


def velocity_verlet(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> VelocityVerlet:  # noqa: ARG001
    """Constant energy: velocity Verlet."""
    return VelocityVerlet(atoms, timestep=stage.timestep_fs * units.fs)


def langevin(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> CountingLangevin:
    """Constant temperature: Langevin dynamics in the BAOAB splitting.

    Leimkuhler and Matthews, J. Chem. Phys. 138, 174102 (2013). The centre of mass is
    thermostatted too and diffuses, so all 3N degrees of freedom have the temperature.
    """
    return CountingLangevin(  # type: ignore[no-untyped-call]
        atoms,
        stage.timestep_fs * units.fs,
        temperature_K=stage.hottest_K,
        T_tau=stage.thermostat_time_fs * units.fs,
        rng=coupling.rng,
    )


def bussi(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> Bussi:
    """Constant temperature: stochastic rescaling of all velocities. Bussi et al., J. Chem. Phys. 126, 014101 (2007)."""
    integrator = Bussi(
        atoms,
        timestep=stage.timestep_fs * units.fs,
        temperature_K=stage.hottest_K,
        taut=stage.thermostat_time_fs * units.fs,
        rng=coupling.rng,
    )
    integrator.ndof = coupling.n_dof
    return integrator


def nose_hoover(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> NoseHooverChainNVT:
    """Constant temperature: Nosé–Hoover chain of three. Martyna et al., J. Chem. Phys. 97, 2635 (1992)."""
    integrator = NoseHooverChainNVT(
        atoms,
        timestep=stage.timestep_fs * units.fs,
        temperature_K=stage.hottest_K,
        tdamp=stage.thermostat_time_fs * units.fs,
    )
    ase_private.count_freedom_of_chain(integrator, coupling.n_dof)
    return integrator


def andersen(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> CollidingVerlet:
    """Constant temperature: velocities redrawn at random times. Andersen, J. Chem. Phys. 72, 2384 (1980)."""
    return CollidingVerlet(
        atoms,
        stage.timestep_fs * units.fs,
        kT_eV=stage.hottest_K * units.kB,
        probability=-math.expm1(-stage.timestep_fs / stage.thermostat_time_fs),
        conserves_momentum=not atoms.constraints,
        rng=coupling.rng,
    )


def berendsen(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> NVTBerendsen:  # noqa: ARG001
    """Weak coupling to a temperature; it samples no ensemble. Berendsen et al., J. Chem. Phys. 81, 3684 (1984)."""
    return NVTBerendsen(
        atoms,
        timestep=stage.timestep_fs * units.fs,
        temperature_K=stage.hottest_K,
        taut=stage.thermostat_time_fs * units.fs,
        fixcm=not atoms.constraints,
    )


def aim_nowhere(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:
    """Do nothing: constant energy has no target."""


def aim_langevin(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:  # noqa: ARG001
    """Set the temperature of Langevin dynamics."""
    assert isinstance(integrator, CountingLangevin)
    integrator.set_temperature(targets.temperature_K)  # type: ignore[no-untyped-call]


def aim_bussi(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:
    """Set the temperature of stochastic rescaling."""
    assert isinstance(integrator, Bussi)
    integrator.temp = targets.temperature_K * units.kB
    integrator.target_kinetic_energy = 0.5 * integrator.temp * coupling.n_dof


def aim_nose_hoover(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:  # noqa: ARG001
    """Set the temperature of a Nosé–Hoover chain."""
    assert isinstance(integrator, NoseHooverChainNVT)
    ase_private.aim_chain(integrator, targets.temperature_K * units.kB)


def aim_andersen(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:  # noqa: ARG001
    """Set the temperature of the collisions."""
    assert isinstance(integrator, CollidingVerlet)
    integrator.kT_eV = targets.temperature_K * units.kB


def aim_berendsen(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:
    """Set the temperature of weak coupling, converted to that of ASE, which counts the centre of mass."""
    assert isinstance(integrator, NVTBerendsen)
    counted = integrator.atoms.get_number_of_degrees_of_freedom()
    integrator.set_temperature(temperature_K=targets.temperature_K * coupling.n_dof / counted)


def energy_alone(integrator: MolecularDynamics, total_eV: float) -> float:  # noqa: ARG001
    """Potential + kinetic energy."""
    return total_eV


def less_heat(integrator: MolecularDynamics, total_eV: float) -> float:
    """Potential + kinetic energy − heat taken from the thermostat."""
    assert isinstance(integrator, CountingLangevin | CollidingVerlet)
    return total_eV - integrator.heat_eV


def less_transfer(integrator: MolecularDynamics, total_eV: float) -> float:
    """Potential + kinetic energy − energy added by the rescaling."""
    assert isinstance(integrator, Bussi)
    return total_eV - float(integrator.transferred_energy)


def with_chain(integrator: MolecularDynamics, total_eV: float) -> float:
    """Potential + kinetic energy + energy of the chain."""
    assert isinstance(integrator, NoseHooverChainNVT)
    return total_eV + ase_private.chain_energy(integrator)
