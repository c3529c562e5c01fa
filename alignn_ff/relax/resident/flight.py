"""A flight of relaxations whose steps are made on the device of the network, and judged by the host at their ends.

In and out: as of :class:`~alignn_ff.relax.many.RelaxFlight`. A structure makes its first step there. It goes on
on the device, from where the host reads every few steps which structures have come to an end. Such a structure comes
back with the state of its optimiser, is evaluated and judged once more in the usual way, and ends, or goes on in the
usual way where that asks for it.
"""

import logging
import time
from collections.abc import Iterable
from typing import Final

import torch
from ase.calculators.calculator import BaseCalculator

from alignn_ff.errors import ConfigError, MemoryLimitError
from alignn_ff.graph import GraphSize
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.many.flight import RelaxFlight
from alignn_ff.relax.many.member import Member
from alignn_ff.relax.resident.fire import GOING, Aboard, ResidentFire
from alignn_ff.relax.result import RelaxResult
from alignn_ff.relax.stepping.fire import ManyFire
from alignn_ff.resident import check_resident
from alignn_ff.resident_many import ResidentMany
from alignn_ff.runs.landed import Landed

log = logging.getLogger(__name__)

STEPS_PER_REPORT: Final = 10
"""Steps between two reports to the host; no result depends on it."""

WAITING_PART: Final = 0.25
"""Part of the slots that wait, from which on lists are made anew for them."""

GOING_PART: Final = 0.5
"""Part of the structures on the device that still move, below which the others are taken off."""

LONGEST_WAIT: Final = 4
"""Reports that a structure waits for."""


class ResidentFlight(RelaxFlight):
    """Relaxes structures together on a device, by FIRE.

    Args:
        calculator: a model of this package that can keep structures resident, without dispersion.
        config: how to relax.
        n_slots: largest number of open structures.

    Raises:
        ConfigError: the relaxations cannot share passes, or not on a device.
    """

    def __init__(self, calculator: BaseCalculator, config: RelaxConfig, *, n_slots: int) -> None:
        super().__init__(calculator, config, n_slots=n_slots)
        check_resident(self._calculator.potential)
        if not isinstance(self._optimizer, ManyFire):
            raise ConfigError(
                f"the optimiser {config.optimizer} cannot keep structures resident on their device; take --optimizer "
                "fire, or leave out --resident"
            )
        self._fire: ManyFire = self._optimizer
        self._away = set[int]()  # keys of structures on the device, and of those that wait for it
        self._back = set[int]()  # keys of those that have come back, and stay
        self._aboard: list[Member] = []
        self._motion: ResidentFire | None = None
        self._many: ResidentMany | None = None
        self._n_reports = 0

    def advance(self) -> list[Landed[RelaxResult]]:
        """Evaluate the structures that are here once, and make steps of those on the device.

        Returns:
            Those that ended.
        """
        landed = super().advance()
        for member in self._here():
            if member.inside and member.key not in self._back:
                self._away.add(member.key)
        try:
            if self._is_due():
                self._gather()
            if self._many is not None:
                self._run()
        except (MemoryLimitError, torch.OutOfMemoryError) as error:
            log.warning("relaxations go on outside of the device: %s", str(error).splitlines()[0])
            self._take_back(everyone=True)
        return landed

    def _here(self) -> Iterable[Member]:
        return [member for member in self._open.values() if member.key not in self._away]

    def _waiting(self) -> list[Member]:
        waiting = self._away - {member.key for member in self._aboard}
        return sorted((one for one in self._open.values() if one.key in waiting), key=lambda member: member.key)

    def _is_due(self) -> bool:
        """Whether the structures on the device change."""
        n_going, n_waiting = sum(member.key in self._away for member in self._aboard), len(self._waiting())
        if not n_waiting:
            return n_going < GOING_PART * len(self._aboard)
        many = n_waiting >= WAITING_PART * len(self._x)
        return not n_going or many or self._n_reports >= LONGEST_WAIT

    def _gather(self) -> None:
        """Those on the device that still move, and as many of those that wait as fit beside them."""
        places = {} if self._motion is None else dict(zip(self._aboard, self._motion.aboard(), strict=True))
        going = [member for member in self._aboard if member.key in self._away]
        total = GraphSize(0, 0, 0, 0)
        self._aboard = []
        for member in [*going, *self._waiting()]:
            larger = GraphSize(*(a + b for a, b in zip(total, member.moving.size, strict=True)))
            if self._aboard and not self._calculator.potential.executor.fits(larger):
                break
            total = larger
            self._aboard.append(member)
        aboard = [places.get(member) or self._from_here(member) for member in self._aboard]
        self._motion = self._many = None
        self._n_reports = 0
        if not self._aboard:
            return
        potential = self._calculator.potential
        self._motion = ResidentFire(self._aboard, aboard, self._config, potential.device)
        self._many = ResidentMany(potential, [member.moving.system() for member in self._aboard], self._motion)

    def _from_here(self, member: Member) -> Aboard:
        n_rows = self._first_row + member.n_atoms
        held = self._fire.held(member.slot, n_rows=n_rows)
        return Aboard(self._x[member.slot, :n_rows].copy(), held, member.n_steps)

    def _run(self) -> None:
        assert self._many is not None
        began = time.perf_counter()
        codes = self._many.run(STEPS_PER_REPORT)
        self._n_reports += 1
        going = [member for member in self._aboard if member.key in self._away]
        per_atom = (time.perf_counter() - began) / sum(member.n_atoms for member in going)
        for member in going:
            member.seconds += per_atom * member.n_atoms
        if any(codes[k] != GOING and member.key in self._away for k, member in enumerate(self._aboard)):
            self._take_back()

    def _take_back(self, *, everyone: bool = False) -> None:
        """Take the structures that have come to an end, or all, from the device."""
        places = [] if self._motion is None else self._motion.aboard()
        for member, place in zip(self._aboard, places, strict=True):
            if member.key in self._away and (everyone or place.code != GOING):
                self._x[member.slot, : len(place.x)] = place.x
                self._fire.put(member.slot, place.fire)
                member.n_steps = place.n_steps
                self._away.remove(member.key)
                self._back.add(member.key)
        if everyone:
            self._back.update(member.key for member in self._waiting())
            self._away.clear()
            self._aboard, self._motion, self._many = [], None, None
