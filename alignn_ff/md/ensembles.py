"""The ensembles: one table, from a name to an integrator and to what that integrator conserves.

Integrators are ASE's. A new ensemble is a new row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from ase import Atoms, units
from ase.md.md import MolecularDynamics
from ase.md.verlet import VelocityVerlet

from alignn_ff.errors import ConfigError
from alignn_ff.md.config import EnsembleName, MDConfig
from alignn_ff.md.langevin import CountingLangevin

STRAIGHT_CONSTRAINTS: Final = frozenset({"FixAtoms", "FixCartesian", "FixedLine", "FixedPlane", "FixCom"})
"""Constraints that hold positions as soon as they hold the momenta."""


@dataclass(frozen=True)
class Ensemble:
    """One ensemble.

    Attributes:
        build: (atoms with momenta and calculator, config, random numbers) → integrator.
        conserved: (integrator, potential + kinetic energy in eV) → conserved quantity in eV.
        conserved_quantity: the same in words.
        conserves_momentum: whether the centre of mass keeps its velocity, and so has no temperature.
        settings: fields of :class:`MDConfig` that only some ensembles read, and this one does.
        constraints: names of the ASE constraints that the integrator obeys; None for all.
    """

    build: Callable[[Atoms, MDConfig, np.random.Generator], MolecularDynamics]
    conserved: Callable[[MolecularDynamics, float], float]
    conserved_quantity: str
    conserves_momentum: bool
    settings: frozenset[str] = frozenset()
    constraints: frozenset[str] | None = None


def velocity_verlet(atoms: Atoms, config: MDConfig, rng: np.random.Generator) -> MolecularDynamics:  # noqa: ARG001
    """Constant energy: velocity Verlet."""
    return VelocityVerlet(atoms, timestep=config.timestep_fs * units.fs)


def langevin_baoab(atoms: Atoms, config: MDConfig, rng: np.random.Generator) -> MolecularDynamics:
    """Constant temperature: Langevin dynamics in the BAOAB splitting.

    Leimkuhler and Matthews, J. Chem. Phys. 138, 174102 (2013). The centre of mass is thermostatted like
    everything else and diffuses, so all 3N degrees of freedom have the temperature.
    """
    return CountingLangevin(
        atoms,
        timestep_fs=config.timestep_fs,
        temperature_K=config.temperature_K,
        friction_per_fs=config.friction_per_fs,
        rng=rng,
    )


def total_energy(integrator: MolecularDynamics, total_eV: float) -> float:  # noqa: ARG001
    """Potential + kinetic energy."""
    return total_eV


def total_less_heat(integrator: MolecularDynamics, total_eV: float) -> float:
    """Potential + kinetic energy − heat taken from the thermostat."""
    assert isinstance(integrator, CountingLangevin)
    return total_eV - integrator.heat_eV


ENSEMBLES: Final[dict[EnsembleName, Ensemble]] = {
    "nve": Ensemble(
        build=velocity_verlet,
        conserved=total_energy,
        conserved_quantity="potential + kinetic energy",
        conserves_momentum=True,
    ),
    "nvt_langevin": Ensemble(
        build=langevin_baoab,
        conserved=total_less_heat,
        conserved_quantity="potential + kinetic energy − heat taken from the thermostat",
        conserves_momentum=False,
        settings=frozenset({"friction_per_fs"}),
        constraints=STRAIGHT_CONSTRAINTS,
    ),
}


def choose_ensemble(config: MDConfig, atoms: Atoms) -> Ensemble:
    """The ensemble of a config, if it fits the config and the structure.

    Raises:
        ConfigError: the config sets what this ensemble does not read, or the structure has constraints that
            its integrator does not obey.
    """
    ensemble = ENSEMBLES[config.ensemble]
    special = frozenset[str]().union(*(other.settings for other in ENSEMBLES.values()))
    unread = config.model_fields_set & (special - ensemble.settings)
    if unread:
        raise ConfigError(
            f"the ensemble {config.ensemble!r} has no use for {', '.join(sorted(unread))}; leave it out, or choose "
            f"{', '.join(name for name, other in ENSEMBLES.items() if unread <= other.settings)}"
        )
    if ensemble.constraints is not None:
        foreign = {type(constraint).__name__ for constraint in atoms.constraints} - ensemble.constraints
        if foreign:
            raise ConfigError(
                f"the ensemble {config.ensemble!r} cannot obey the constraint(s) {', '.join(sorted(foreign))}; "
                f"it obeys {', '.join(sorted(ensemble.constraints))}; remove them, or choose nve"
            )
    return ensemble
