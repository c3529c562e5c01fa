"""Dynamics of many structures at once: structures and a config in, the last structures and their numbers out.

Positions, momenta, forces and lists of neighbours stay on the device of the network. The host reads them every
``log_every`` steps, calls the guards of a run, and stops the structures that one of them stops; the others go on.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from ase import Atoms, units

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import ConfigError
from alignn_ff.md.config import MDConfig
from alignn_ff.md.dynamics import refuse_unseen_pairs
from alignn_ff.md.many.member import ManyMember, ManyResult
from alignn_ff.md.many.motion import ResidentVerlet, Thermostat
from alignn_ff.resident import check_resident
from alignn_ff.resident_many import ResidentMany
from alignn_ff.trajectory.snapshot import Snapshot

ON_DEVICE: Final = ("nve", "nvt_langevin")
"""Ensembles whose steps are made on a device."""

OnReport = Callable[[int, Snapshot], None]
"""Called with the place of a structure and its state."""


def run_many_md(
    structures: Sequence[Atoms], calculator: AlignnCalculator, *, config: MDConfig, on_report: OnReport | None = None
) -> list[ManyResult]:
    """Run dynamics of copies of structures, all at once.

    The velocities of the structure at place k are those of :func:`~alignn_ff.md.run_md` with the seed ``seed + k``.
    With ``nve`` its steps are those of :func:`~alignn_ff.md.run_md`, to rounding; random numbers of Langevin dynamics
    depend on seed, step and place.

    Args:
        structures: the starts; not modified.
        calculator: a model that can keep structures resident, without dispersion.
        config: one stage of ``nve`` or ``nvt_langevin`` at one temperature; guards are called every ``log_every``
            steps.
        on_report: called for the start and every ``log_every`` steps; its snapshot is overwritten by the next one.

    Raises:
        ConfigError: config, model or structures do not suit.
        StructureError, ElementNotCoveredError, MemoryLimitError: a structure cannot be evaluated.
    """
    _check(calculator, config, structures)
    potential, n_copies = calculator.potential, int(np.prod(config.supercell))
    ends = np.cumsum([0, *(n_copies * len(atoms) for atoms in structures)])
    members = [
        ManyMember(atoms, slice(ends[k], ends[k + 1]), potential, config, seed=config.seed + k)
        for k, atoms in enumerate(structures)
    ]
    timestep, thermostat = config.schedule[0].timestep_fs * units.fs, _thermostat(config)
    motion = ResidentVerlet([member.atoms for member in members], timestep, thermostat, potential.device)
    many = ResidentMany(potential, [member.system for member in members], motion)
    step, n_steps = 0, 1  # the first evaluation is that of the start
    while True:
        seen = motion.seen(many.run(n_steps))
        for place, member in enumerate(members):
            if member.stopped_by is None:
                now = member.read(place, seen, step)
                if now is None:
                    motion.stop(place)
                elif on_report is not None:
                    on_report(place, now)
        n_steps = min(config.log_every, config.steps - step)
        if not n_steps or all(member.stopped_by is not None for member in members):
            return [member.result() for member in members]
        step += n_steps


def _check(calculator: AlignnCalculator, config: MDConfig, structures: Sequence[Atoms]) -> None:
    """Check that config, model and structures suit.

    Raises:
        ConfigError: they do not.
    """
    first = config.schedule[0]
    if not structures:
        raise ConfigError("there are no structures to run dynamics of")
    if len(config.schedule) > 1 or first.ramps or first.ensemble not in ON_DEVICE:
        raise ConfigError(
            f"dynamics of many structures is one stage of {' or '.join(ON_DEVICE)} at one temperature, and this is "
            f"{len(config.schedule)} stage(s), the first of {first.ensemble}; run_md runs any"
        )
    if config.uncertain_above is not None or config.guards.max_uncertainty is not None:
        raise ConfigError("dynamics of many structures has no limits of the uncertainty; run_md has")
    if calculator.dispersion is not None:
        raise ConfigError("dynamics of many structures is without dispersion; run_md adds it")
    check_resident(calculator.potential)
    for atoms in structures:
        refuse_unseen_pairs(calculator, atoms, config)


def _thermostat(config: MDConfig) -> Thermostat | None:
    stage = config.schedule[0]
    if stage.ensemble == "nve":
        return None
    keeps = float(np.exp(-stage.timestep_fs / stage.thermostat_time_fs))
    return Thermostat(stage.hottest_K * units.kB, keeps, config.seed)
