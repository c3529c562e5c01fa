"""Whether an ensemble is sampled: runs of pairs of states, evaluated by the package `physical-validation`."""

import warnings
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator

from alignn_ff.md import ENSEMBLES, MDConfig, Snapshot, run_md

SETTLING_STEPS, SETTLING_TIME_FS = 2000, 200.0
"""Langevin dynamics before every run, and its relaxation time."""

SETTLE = 0.15
"""Fraction of a run that is omitted at its start."""

SAMPLE_EVERY = 20
"""Steps between samples, about as long as energies stay correlated: potential and kinetic energy oscillate against each
other, which the analysis takes for the end of a correlation if it sees it."""

NO_DRIFT_GUARD: Final = {"max_drift_meV_per_atom_per_ps": None}


class Samples(NamedTuple):
    """Time series of one state; energies of all atoms in eV, volume in Å³, pressure in GPa."""

    n_atoms: int
    n_dof: int
    masses: np.ndarray
    temperature_K: float
    target_pressure_GPa: float | None
    kinetic_eV: np.ndarray
    potential_eV: np.ndarray
    volume_A3: np.ndarray
    pressure_GPa: np.ndarray


def sample(atoms: Atoms, calculator: BaseCalculator, settings: Mapping[str, object]) -> Samples:
    """Run one state and keep its series."""
    kept: list[tuple[float, ...]] = []
    config = MDConfig.model_validate({"guards": NO_DRIFT_GUARD, "keep_velocities": True, **settings})

    def keep(snapshot: Snapshot) -> None:
        if snapshot.step % SAMPLE_EVERY == 0 and snapshot.step > SETTLE * config.steps:
            row = (snapshot.kinetic_eV, snapshot.potential_eV, snapshot.volume_A3, snapshot.pressure_GPa)
            kept.append(tuple(np.nan if value is None else value for value in row))

    result = run_md(settled(atoms, calculator, config), calculator, config=config, on_step=keep)
    kinetic, potential, volume, pressure = np.array(kept).T
    target = settings.get("pressure_GPa", 0.0) if ENSEMBLES[config.ensemble].motions else None
    n_dof = ENSEMBLES[config.ensemble].freedom(result.atoms).n_dof
    return Samples(
        len(result.atoms), n_dof, result.atoms.get_masses(), float(config.hottest_K), target, kinetic, potential,
        volume, pressure,
    )  # fmt: skip


def settled(atoms: Atoms, calculator: BaseCalculator, config: MDConfig) -> Atoms:
    """The state after Langevin dynamics at constant volume, which equilibrates all modes.

    A perfect crystal that is only given velocities starts all its modes in phase; a thermostat that acts on the kinetic
    energy as a whole (Bussi, Nosé-Hoover) carries that on for many picoseconds.
    """
    langevin = MDConfig(
        ensemble="nvt_langevin",
        steps=SETTLING_STEPS,
        timestep_fs=config.timestep_fs,
        temperature_K=config.hottest_K,
        thermostat_time_fs=SETTLING_TIME_FS,
        seed=config.seed + 1000,
        guards=NO_DRIFT_GUARD,
    )
    return run_md(atoms, calculator, config=langevin).atoms


def kinetic_deviations(samples: Samples) -> tuple[float, float]:
    """Deviation of mean and width of the kinetic energy from the canonical distribution, in standard errors."""
    import physical_validation as pv

    with warnings.catch_warnings(action="ignore"):
        mean, width = pv.kinetic_energy.distribution(_as_data(samples), verbosity=0, bootstrap_seed=1)
    return float(mean), float(width)


def pair_deviation(first: Samples, second: Samples) -> float:
    """Deviation of the ratio of two states' distributions from Boltzmann's, the worst in standard errors."""
    import physical_validation as pv

    with warnings.catch_warnings(action="ignore"):
        found = pv.ensemble.check(_as_data(first), _as_data(second), verbosity=0, bootstrap_seed=1)
    return float(np.max(np.abs(found)))


def equation_of_state_volume(
    atoms: Atoms, calculator: BaseCalculator, settings: Mapping[str, object], *, pressure_GPa: float
) -> tuple[float, float]:
    """Volume at which constant-volume runs have a pressure, from a parabola through four, and its standard error."""
    volumes, pressures, errors = [], [], []
    for scale in (0.994, 0.998, 1.002, 1.006):
        scaled = atoms.copy()
        scaled.set_cell(atoms.cell.array * scale, scale_atoms=True)
        samples = sample(scaled, calculator, settings)
        volumes.append(samples.volume_A3[0])
        pressures.append(samples.pressure_GPa.mean())
        errors.append(standard_error(samples.pressure_GPa))
    curve = np.polynomial.Polynomial.fit(pressures, volumes, 2)
    slope = abs(float(curve.deriv()(pressure_GPa)))
    return float(curve(pressure_GPa)), slope * float(np.mean(errors))


def standard_error(series: np.ndarray, n_blocks: int = 16) -> float:
    """Standard error of a mean from blocks."""
    means = np.array([block.mean() for block in np.array_split(series, n_blocks)])
    return float(means.std(ddof=1) / np.sqrt(n_blocks))


def _as_data(samples: Samples):  # type: ignore[no-untyped-def]
    import physical_validation as pv

    constant_volume = samples.target_pressure_GPa is None
    in_units = pv.data.UnitData(
        kb=units.kB,
        energy_conversion=units.mol / units.kJ,
        length_conversion=0.1,
        volume_conversion=1e-3,
        temperature_conversion=1.0,
        pressure_conversion=1e4,
        time_conversion=1e-3,
        energy_str="eV",
        length_str="Å",
        volume_str="Å^3",
        temperature_str="K",
        pressure_str="GPa",
        time_str="fs",
    )
    return pv.data.SimulationData(
        units=in_units,
        system=pv.data.SystemData(
            natoms=samples.n_atoms,
            nconstraints=0,
            ndof_reduction_tra=3 * samples.n_atoms - samples.n_dof,
            ndof_reduction_rot=0,
            mass=samples.masses,
        ),
        ensemble=pv.data.EnsembleData(
            "NVT" if constant_volume else "NPT",
            natoms=samples.n_atoms,
            temperature=samples.temperature_K,
            **({"volume": samples.volume_A3[0]} if constant_volume else {"pressure": samples.target_pressure_GPa}),
        ),
        observables=pv.data.ObservableData(
            kinetic_energy=samples.kinetic_eV,
            potential_energy=samples.potential_eV,
            total_energy=samples.kinetic_eV + samples.potential_eV,
            volume=samples.volume_A3,
            pressure=samples.pressure_GPa,
        ),
    )
