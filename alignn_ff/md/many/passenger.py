"""One structure of a flight of dynamics: its position in the run, and its files.

It holds the structure at its last output, from which restart files are written, and where it is now.
"""

import time
from contextlib import suppress

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import CheckpointError, ConfigError
from alignn_ff.md.config import MDConfig
from alignn_ff.md.dynamics import check_same_model, refuse_unseen_pairs
from alignn_ff.md.files import MDFiles, Outputs, write_md_end
from alignn_ff.md.harvest import Watch
from alignn_ff.md.many.member import ManyMember, many_start
from alignn_ff.md.many.motion import Seen
from alignn_ff.md.result import MDResult
from alignn_ff.md.run.loop import Checkpointer, Run, result_of
from alignn_ff.md.run.propagator import StageProgress
from alignn_ff.md.run.record import RunRecord
from alignn_ff.md.run.restart import read_restart
from alignn_ff.md.run.stopping import guard_error
from alignn_ff.runs.model_record import describe_model
from alignn_ff.trajectory.snapshot import Snapshot


class Place:
    """A :class:`~alignn_ff.md.run.loop.Motion`: a structure at its last output.

    Attributes:
        heat_eV: that the thermostat has given.
    """

    def __init__(self, atoms: Atoms, config: MDConfig, progress: StageProgress, heat_eV: float) -> None:
        self.atoms, self.progress, self.heat_eV = atoms, progress, heat_eV
        self.rng = np.random.default_rng(config.seed)  # of the format; no step reads it
        self._is_cold = config.schedule[0].ensemble == "nve"

    def state(self) -> dict[str, NDArray[np.float64]]:
        """See :class:`~alignn_ff.md.run.loop.Motion`."""
        return {} if self._is_cold else {"heat_eV": np.array(self.heat_eV)}


class Passenger:
    """A structure of a flight.

    Args:
        key: of the caller.
        member: at its last output.
        run: of it.
        heat_eV: that the thermostat has given.

    Attributes:
        config: of its run.
        step: that it has reached.
        atoms: at that step, where the flight has taken them over.
        heat_eV: at that step.
        seconds: its share of the time so far.

    Raises:
        OutputError: the disk is full or failing.
    """

    def __init__(self, key: int, member: ManyMember, run: Run[Place], heat_eV: float) -> None:
        assert run.files is not None
        self.key, self.member, self.config, self._run, self._files = key, member, run.config, run, run.files
        self.step, self.atoms, self.heat_eV, self.seconds = run.propagator.progress.step, member.atoms, heat_eV, 0.0
        self._recorded = -1 if run.kept is None else self.step
        self._first_fs, self._began = self.step * self._timestep_fs, time.perf_counter()
        self._outputs = Outputs(run.files, run.config, watch=run.watch, kept=run.kept)
        self._checkpointer = Checkpointer(run, self._outputs, self._began)

    @property
    def steps_to_next(self) -> int:
        """Steps to the next one that the host has to see."""
        if self._recorded < 0:
            return 0
        return min(self.config.steps - self.step, *(every - self.step % every for every in self._intervals))

    @property
    def is_due(self) -> bool:
        """Whether the host has to see the present step."""
        if self._recorded < 0 or self.step == self.config.steps:
            return True
        return self.step > self._recorded and any(self.step % every == 0 for every in self._intervals)

    def read(self, place: int, rows: slice, seen: Seen) -> MDResult | None:
        """Take over the present step, call the guards and write what is due; the result at the end.

        Raises:
            SimulationError: a guard stops the run.
            OutputError: the disk is full or failing.
        """
        now, found = self.member.read(place, rows, seen, self.step)
        if self.step > self._recorded:
            if found is not None:
                self._outputs.close()
                raise guard_error(now, *found, config=self.config, files=self._files)
            self._record(now, float(seen.heat[place]))
        return self._result() if self.step == self.config.steps else None

    def take_over(self, place: int, rows: slice, seen: Seen) -> None:
        """Be where the device has the structure."""
        self.atoms = self.member.atoms.copy()
        self.atoms.positions = seen.positions[rows]
        self.atoms.set_momenta(seen.momenta[rows])
        self.heat_eV = float(seen.heat[place])

    def leave(self) -> None:
        """Write the restart file, of the last output, and close all files."""
        if self._recorded >= 0:
            self._checkpointer.save()
        self._outputs.close()

    @property
    def _timestep_fs(self) -> float:
        return self.config.schedule[0].timestep_fs

    @property
    def _intervals(self) -> tuple[int, int, int]:
        return self.config.log_every, self.config.write_every, self.config.checkpoint_every

    def _record(self, now: Snapshot, heat_eV: float) -> None:
        run, is_start = self._run, self._recorded < 0
        run.record.add(now)
        run.record.stages[0].n_steps = self.step
        self._outputs.write(now)
        run.propagator.progress = StageProgress(0, self.step, self.step, 0.0, self.member.freedom)
        run.propagator.heat_eV, self._recorded = heat_eV, self.step
        if is_start or self._checkpointer.is_due():
            self._checkpointer.save()

    def _result(self) -> MDResult:
        self._checkpointer.save()
        wall_time_s = time.perf_counter() - self._began
        result = result_of(self._run, wall_time_s=wall_time_s, first_fs=self._first_fs)
        self._outputs.close()
        write_md_end(self._files, result)
        return result


def boarding(key: int, atoms: Atoms, calculator: AlignnCalculator, config: MDConfig, files: MDFiles) -> Passenger:
    """A new run, or one that goes on from its restart file.

    Args:
        key: of the caller.
        atoms: the start; not modified.
        calculator: of the flight.
        config, files: of this run.

    Raises:
        ConfigError, StructureError, ElementNotCoveredError, MemoryLimitError: it cannot be run.
        OutputError: the disk is full or failing.
    """
    if files.restart.exists():
        with suppress(CheckpointError, ConfigError):  # it begins again
            return _resumed(key, calculator, files)
    refuse_unseen_pairs(calculator, atoms, config)
    member = ManyMember(many_start(atoms, config, seed=config.seed), calculator.potential, config)
    progress = StageProgress(freedom=member.freedom)
    place = Place(member.atoms, config, progress, 0.0)
    model = describe_model(calculator)
    run = Run(
        config=config,
        propagator=place,
        monitor=member.monitor,
        record=RunRecord(config, len(member.atoms)),
        model=model,
        watch=Watch(config, model.name),
        files=files,
    )
    return Passenger(key, member, run, 0.0)


def _resumed(key: int, calculator: AlignnCalculator, files: MDFiles) -> Passenger:
    head, atoms, integrator = read_restart(files.restart)
    check_same_model(head, describe_model(calculator))
    heat_eV = float(integrator.get("heat_eV", 0.0))
    member = ManyMember(atoms, calculator.potential, head.config, compared_with=head.baseline)
    record = RunRecord(head.config, len(atoms))
    record.restore(head.record)
    record.restarts.append(head.progress.step)
    run = Run(
        config=head.config,
        propagator=Place(atoms, head.config, head.progress, heat_eV),
        monitor=member.monitor,
        record=record,
        model=head.model,
        watch=Watch(head.config, head.model.name, head.watch),
        files=files,
        kept=head.outputs,
        command=head.command,
    )
    return Passenger(key, member, run, heat_eV)
