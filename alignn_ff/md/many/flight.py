"""A flight of dynamics: structures that come and go, each with the files of a run of its own, moved on the device.

In: structures with their configs and files, one at a time. Out: results. The host reads a structure where its log, its
trajectory or its restart file is due. A run that was killed goes on from its restart file: random numbers follow from
seed and step, so that it makes the steps of an uninterrupted one, to rounding. The restart files are those of
:func:`~alignn_ff.md.run_md`.
"""

import logging
import time
from typing import Final

import torch
from ase import Atoms, units

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import AlignnError, MemoryLimitError
from alignn_ff.graph import GraphSize, expected_size
from alignn_ff.md.config import MDConfig
from alignn_ff.md.files import MDFiles
from alignn_ff.md.many.dynamics import check_many, rows_of, thermostats
from alignn_ff.md.many.motion import ResidentVerlet, Seen, Thermostat
from alignn_ff.md.many.passenger import Passenger, boarding
from alignn_ff.md.result import MDResult
from alignn_ff.resident_many import ResidentMany
from alignn_ff.runs.landed import Landed

log = logging.getLogger(__name__)

OPEN_FILES: Final = 4
"""Files that a structure keeps open, at most."""


_Ended = tuple[Passenger, MDResult | Exception, int]
"""A structure that ended, its result, its number of atoms."""


class DynamicsFlight:
    """Runs dynamics of structures together, on the device of the network.

    Args:
        calculator: a model that can keep structures resident, without dispersion.
        config: of all runs; temperatures and seeds of each are added with it.
        n_slots: largest number of open structures.

    Raises:
        ConfigError: config or model do not suit.
    """

    def __init__(self, calculator: AlignnCalculator, config: MDConfig, *, n_slots: int) -> None:
        check_many(calculator, config)
        self._calculator, self._potential = calculator, calculator.potential
        self._n_slots = min(n_slots, most_open_files() // OPEN_FILES)
        self._open: dict[int, Passenger] = {}
        self._aboard: list[Passenger] = []
        self._most_aboard = n_slots
        self._motion: ResidentVerlet | None = None
        self._many: ResidentMany | None = None
        self._seen: Seen | None = None

    @property
    def n_open(self) -> int:
        """Structures that have not ended."""
        return len(self._open)

    @property
    def has_room(self) -> bool:
        """Whether another structure can be added."""
        return len(self._open) < self._n_slots

    def add(self, key: int, atoms: Atoms, config: MDConfig, files: MDFiles) -> None:
        """Begin a run, or continue it from its restart file.

        Raises:
            ConfigError, StructureError, ElementNotCoveredError, MemoryLimitError: it cannot be run.
            OutputError: the disk is full or failing.
        """
        self._open[key] = boarding(key, atoms, self._calculator, config, files)
        self._many = None

    def advance(self) -> list[Landed[MDResult]]:
        """Make the steps to the next output of a structure; those that ended."""
        began = time.perf_counter()
        try:
            landed = self._advanced()
        except (MemoryLimitError, torch.OutOfMemoryError) as error:
            landed = self._with_fewer(error)
        n_atoms = sum(len(one.member.atoms) for one in self._open.values()) + sum(n for _, _, n in landed)
        per_atom = (time.perf_counter() - began) / max(n_atoms, 1)
        for one in self._open.values():
            one.seconds += per_atom * len(one.member.atoms)
        return [Landed(one.key, result, one.seconds + per_atom * n) for one, result, n in landed]

    def close(self) -> None:
        """Write the restart files of open structures, and close their files."""
        for one in self._open.values():
            one.leave()
        self._open.clear()

    def _advanced(self) -> list[_Ended]:
        fresh = self._many is None
        if fresh:
            self._gather()
        assert self._many is not None
        assert self._motion is not None
        n_steps = min(one.steps_to_next for one in self._aboard)
        self._seen = self._motion.seen(self._many.run(n_steps + fresh))  # the first evaluation is that of the start
        rows, landed = rows_of([one.member.atoms for one in self._aboard]), list[_Ended]()
        for place, one in enumerate(self._aboard):
            one.step += n_steps
            if not one.is_due:
                continue
            result: MDResult | Exception | None
            try:
                result = one.read(place, rows[place], self._seen)
            except AlignnError as error:
                result = error
            if result is not None:
                landed.append((one, result, len(one.member.atoms)))
                del self._open[one.key]
        if landed:
            self._take_over(rows)
            self._many = None
        return landed

    def _take_over(self, rows: list[slice]) -> None:
        """Let all structures be where the device has them."""
        assert self._seen is not None
        for place, one in enumerate(self._aboard):
            one.take_over(place, rows[place], self._seen)
        self._seen = None

    def _gather(self) -> None:
        """As many of the open structures as fit, those that came first."""
        if self._seen is not None:
            self._take_over(rows_of([one.member.atoms for one in self._aboard]))
        self._aboard, total = [], GraphSize(0, 0, 0, 0)
        for one in sorted(self._open.values(), key=lambda one: one.key)[: self._most_aboard]:
            size = expected_size(one.member.system(), self._potential.header.graph)
            total = GraphSize(*(a + b for a, b in zip(total, size, strict=True)))
            if self._aboard and not self._potential.executor.fits(total):
                break
            self._aboard.append(one)
        self._motion = ResidentVerlet(
            [one.atoms for one in self._aboard],
            self._aboard[0].config.schedule[0].timestep_fs * units.fs,
            self._thermostats(),
            self._potential.device,
        )
        systems = [self._potential.prepare_on_host(one.atoms).system for one in self._aboard]
        self._many = ResidentMany(self._potential, systems, self._motion)

    def _thermostats(self) -> list[Thermostat] | None:
        found = thermostats([one.config for one in self._aboard])
        if found is None:
            return None
        return [
            bath._replace(step=one.step, heat_eV=one.heat_eV) for bath, one in zip(found, self._aboard, strict=True)
        ]

    def _with_fewer(self, error: Exception) -> list[_Ended]:
        """Go on with half of the structures; one alone that does not fit has failed."""
        self._many = self._motion = None
        if len(self._aboard) > 1:
            self._most_aboard = len(self._aboard) // 2
            log.warning("dynamics of at most %d structures at once: %s", self._most_aboard, str(error).splitlines()[0])
            return []
        alone = self._aboard.pop()
        del self._open[alone.key]
        alone.leave()
        return [(alone, error, len(alone.member.atoms))]


def most_open_files() -> int:
    """Files that this process may still open, with some left for others."""
    try:
        from resource import RLIMIT_NOFILE, getrlimit
    except ImportError:  # not on Windows
        return 200
    return max(OPEN_FILES, getrlimit(RLIMIT_NOFILE)[0] - 200)
