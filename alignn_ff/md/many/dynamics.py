"""Dynamics of many structures at once: structures and a config in, the last structures and their numbers out.

Positions, momenta, forces and lists of neighbours stay on the device of the network. The host reads them every
``log_every`` steps, calls the guards of a run, and stops the structures that one of them stops; the others go on.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from ase import Atoms, units

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import ConfigError
from alignn_ff.md.config import MDConfig
from alignn_ff.md.dynamics import refuse_unseen_pairs
from alignn_ff.md.many.member import ManyMember, ManyResult, many_start
from alignn_ff.md.many.motion import ResidentVerlet, Seen, Thermostat
from alignn_ff.resident import check_resident
from alignn_ff.resident_many import ResidentMany
from alignn_ff.trajectory.frame_copy import bare_copy
from alignn_ff.trajectory.snapshot import Snapshot

log = logging.getLogger(__name__)

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
    depend on this seed, the step and the number of an atom in its structure.

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
    potential, seeds = calculator.potential, range(config.seed, config.seed + len(structures))
    starts = [many_start(atoms, config, seed=seed) for atoms, seed in zip(structures, seeds, strict=True)]
    noted = [_Noted(ManyMember(atoms, potential, config)) for atoms in starts]
    motion = ResidentVerlet(
        starts,
        config.schedule[0].timestep_fs * units.fs,
        thermostats([config.model_copy(update={"seed": seed}) for seed in seeds]),
        potential.device,
    )
    many = ResidentMany(potential, [one.member.system() for one in noted], motion)
    rows = rows_of(starts)
    step, n_steps = 0, 1  # the first evaluation is that of the start
    while True:
        seen = motion.seen(many.run(n_steps))
        for place, one in enumerate(noted):
            if one.stopped_by is None:
                now = one.read(place, rows[place], seen, step)
                if now is None:
                    motion.stop(place)
                elif on_report is not None:
                    on_report(place, now)
        n_steps = min(config.log_every, config.steps - step)
        if not n_steps or all(one.stopped_by is not None for one in noted):
            return [one.result() for one in noted]
        step += n_steps


class _Noted:
    """A structure, and the numbers that were read of it."""

    def __init__(self, member: ManyMember) -> None:
        self.member = member
        self.stopped_by: str | None = None
        self._kept: list[tuple[float, ...]] = []
        self._last = member.atoms.copy()

    def read(self, place: int, rows: slice, seen: Seen, step: int) -> Snapshot | None:
        """Take over what the device has of the structure; None where a guard stops it."""
        now, found = self.member.read(place, rows, seen, step)
        if found is not None:
            self.stopped_by = f"step {step}, {found[0]}: {found[1].message}"
            log.warning("structure %d: %s", place, self.stopped_by)
            return None
        self._kept.append((step, now.potential_eV, now.kinetic_eV, now.temperature_K, now.conserved_eV))
        self._last = bare_copy(now.atoms)
        return now

    def result(self) -> ManyResult:
        """What was read, as long as no guard stopped the structure."""
        steps, potential, kinetic, temperatures, conserved = np.array(self._kept).reshape(-1, 5).T
        steps = steps.astype(np.int64)
        return ManyResult(self._last, steps, potential, kinetic, temperatures, conserved, self.stopped_by)


def rows_of(structures: Sequence[Atoms]) -> list[slice]:
    """The atoms of each structure among those of all."""
    ends = np.cumsum([0, *map(len, structures)])
    return [slice(int(begin), int(end)) for begin, end in pairwise(ends)]


def _check(calculator: AlignnCalculator, config: MDConfig, structures: Sequence[Atoms]) -> None:
    """Check that config, model and structures suit.

    Raises:
        ConfigError: they do not.
    """
    if not structures:
        raise ConfigError("there are no structures to run dynamics of")
    check_many(calculator, config)
    for atoms in structures:
        refuse_unseen_pairs(calculator, atoms, config)


def check_many(calculator: AlignnCalculator, config: MDConfig) -> None:
    """Check that config and model suit.

    Raises:
        ConfigError: they do not.
    """
    first = config.schedule[0]
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


def thermostats(configs: Sequence[MDConfig]) -> list[Thermostat] | None:
    """The thermostats of structures at their starts; None for constant energy."""
    found = []
    for config in configs:
        stage = config.schedule[0]
        if stage.ensemble == "nve":
            return None
        keeps = float(np.exp(-stage.timestep_fs / stage.thermostat_time_fs))
        found.append(Thermostat(stage.hottest_K * units.kB, keeps, config.seed))
    return found
