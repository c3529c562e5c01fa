"""Integrators with a moving cell: those of ASE, set up to count the actual degrees of freedom.

The mass of both kinds of barostat is W = (n_dof + 3)·k_B·T·τ² for the volume, and a third of it for each element of
the cell. T is the highest temperature of the stage.
"""

from typing import Any

import numpy as np
from ase import Atoms, units
from ase.md.md import MolecularDynamics
from ase.md.nose_hoover_chain import MTKNPT, IsotropicMTKNPT, MaskedMTKNPT
from ase.md.nptberendsen import NPTBerendsen

from alignn_ff import ase_private
from alignn_ff.md.ensembles.counting_langevin import CountingLangevin
from alignn_ff.md.ensembles.settings import Coupling, StageSettings, Targets
from alignn_ff.md.ensembles.thermostats import aim_berendsen
from alignn_ff.units import GPA_PER_EV_PER_A3

COLD_K = 300.0
"""Temperature that sets the mass of a barostat in a stage at 0 K."""


def mtk(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> IsotropicMTKNPT | MTKNPT:
    """Constant temperature and pressure: Martyna, Tobias and Klein, J. Chem. Phys. 101, 4177 (1994)."""
    settings: dict[str, Any] = {
        "timestep": stage.timestep_fs * units.fs,
        "temperature_K": stage.hottest_K,
        "pressure_au": 0.0,
        "tdamp": stage.thermostat_time_fs * units.fs,
        "pdamp": stage.barostat_time_fs * units.fs,
    }
    integrator: IsotropicMTKNPT | MTKNPT
    if stage.cell_motion == "isotropic":
        integrator = IsotropicMTKNPT(atoms, **settings)
    elif stage.cell_motion == "full":
        integrator = MTKNPT(atoms, **settings)
    else:
        mask: Any = np.array(moving_axes(atoms, stage))  # a tuple of bools, as annotated, selects no elements
        integrator = MaskedMTKNPT(atoms, mask=mask, **settings)
    ase_private.count_freedom_of_mtk(integrator, coupling.n_dof, barostat_mass=barostat_mass(stage, coupling))
    return integrator


def moving_axes(atoms: Atoms, stage: StageSettings) -> tuple[bool, bool, bool]:
    """The axes of the cell whose lengths change: those requested, or the periodic ones."""
    first, second, third = (
        bool(periodic) if stage.cell_axes is None else name in stage.cell_axes
        for name, periodic in zip("abc", atoms.pbc, strict=True)
    )
    return first, second, third


def langevin_barostat(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> CountingLangevin:
    """Constant temperature and pressure: Langevin dynamics of atoms and cell.

    Quigley and Probert, J. Chem. Phys. 120, 11432 (2004).
    """
    return _langevin(atoms, stage, coupling, temperature_K=stage.hottest_K)


def constant_enthalpy(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> CountingLangevin:
    """Constant enthalpy and pressure: the equations of :func:`langevin_barostat` without thermostats."""
    return _langevin(atoms, stage, coupling, temperature_K=None)


def _langevin(
    atoms: Atoms, stage: StageSettings, coupling: Coupling, *, temperature_K: float | None
) -> CountingLangevin:
    integrator = CountingLangevin(  # type: ignore[no-untyped-call]
        atoms,
        stage.timestep_fs * units.fs,
        temperature_K=temperature_K,
        externalstress=0.0,
        hydrostatic=stage.cell_motion == "isotropic",
        T_tau=None if temperature_K is None else stage.thermostat_time_fs * units.fs,
        P_tau=stage.barostat_time_fs * units.fs,
        P_mass=barostat_mass(stage, coupling),
        rng=coupling.rng,
    )
    integrator.Ndof = coupling.n_dof
    ase_private.update_cell_force(integrator)
    return integrator


def barostat_mass(stage: StageSettings, coupling: Coupling) -> float:
    """Mass of the barostat, eV·(ASE time)²."""
    temperature_K = stage.hottest_K or COLD_K
    whole = (coupling.n_dof + 3) * units.kB * temperature_K * (stage.barostat_time_fs * units.fs) ** 2
    return float(whole if stage.cell_motion == "isotropic" else whole / 3.0)


def berendsen_barostat(atoms: Atoms, stage: StageSettings, coupling: Coupling) -> NPTBerendsen:  # noqa: ARG001
    """Weak coupling to a temperature and a pressure; it samples no ensemble."""
    return NPTBerendsen(
        atoms,
        timestep=stage.timestep_fs * units.fs,
        temperature_K=stage.hottest_K,
        pressure_au=0.0,
        taut=stage.thermostat_time_fs * units.fs,
        taup=stage.barostat_time_fs * units.fs,
        compressibility_au=stage.compressibility_per_GPa * GPA_PER_EV_PER_A3,
    )


def aim_mtk(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:  # noqa: ARG001
    """Set temperature and pressure of MTK."""
    assert isinstance(integrator, IsotropicMTKNPT | MTKNPT)
    ase_private.aim_mtk(integrator, targets.temperature_K * units.kB, targets.pressure_GPa / GPA_PER_EV_PER_A3)


def aim_langevin_barostat(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:
    """Set temperature and pressure of Langevin dynamics of atoms and cell."""
    assert isinstance(integrator, CountingLangevin)
    integrator.set_temperature(targets.temperature_K)  # type: ignore[no-untyped-call]
    aim_enthalpy(integrator, targets, coupling)


def aim_enthalpy(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:  # noqa: ARG001
    """Set only the pressure, and update the force on the cell kept from the last step."""
    assert isinstance(integrator, CountingLangevin)
    before: Any = integrator.externalstress
    stress = -targets.pressure_GPa / GPA_PER_EV_PER_A3
    outer = stress if integrator.hydrostatic else stress * np.identity(3)
    change = outer - before
    if np.any(change):
        integrator.force_eps = integrator.force_eps + integrator.atoms.get_volume() * change * (
            3.0 if integrator.hydrostatic else 1.0
        )
    integrator.externalstress = outer


def aim_berendsen_barostat(integrator: MolecularDynamics, targets: Targets, coupling: Coupling) -> None:
    """Set temperature and pressure of weak coupling."""
    assert isinstance(integrator, NPTBerendsen)
    aim_berendsen(integrator, targets, coupling)
    integrator.pressure = targets.pressure_GPa / GPA_PER_EV_PER_A3  # set_pressure of ASE 3.29 raises TypeError


def enthalpy_of_mtk(integrator: MolecularDynamics, total_eV: float) -> float:
    """Potential + kinetic energy + chains + kinetic energy of the cell + pressure · volume."""
    assert isinstance(integrator, IsotropicMTKNPT | MTKNPT)
    return total_eV + ase_private.mtk_energy(integrator)


def enthalpy_less_heat(integrator: MolecularDynamics, total_eV: float) -> float:
    """Potential + kinetic energy + kinetic energy of the cell + pressure · volume − heat taken from thermostats."""
    assert isinstance(integrator, CountingLangevin)
    outer: Any = integrator.externalstress
    pressure = -float(np.trace(outer) / 3.0 if np.ndim(outer) else outer)
    volume = float(integrator.atoms.get_volume())
    return float(total_eV + integrator.cell_kinetic_eV + pressure * volume - integrator.heat_eV)
