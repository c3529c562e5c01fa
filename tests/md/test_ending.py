"""A run may end in order before its last step; a restart finds it ended, or ends it at the same step."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignn_ff.md import MDConfig, MDFiles, MDInterruptedError, MDResult, Snapshot, resume_md, run_md
from alignn_ff.md.run.restart import read_restart
from alignn_ff.trajectory import read_trajectory
from tests.support.pair_crystal import Morse, morse_crystal

CONFIG = MDConfig(steps=40, ensemble="nve", temperature_K=300, write_every=4, log_every=4, checkpoint_every=5)
LAST = 24


class EvenSteps:
    """Ends a run when it has seen so many even steps; a restart must keep what it has seen."""

    def __init__(self, number: int = LAST // 2) -> None:
        self.number, self.seen = number, list[int]()

    @property
    def reached(self) -> bool:
        return len(self.seen) >= self.number

    @property
    def state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def see(self, snapshot: Snapshot) -> None:
        if snapshot.step and snapshot.step % 2 == 0:
            self.seen = [*self.seen, snapshot.step]

    def restore(self, state: dict[str, Any]) -> None:
        self.seen = list(state.get("seen", []))


def whole(folder: Path) -> tuple[MDResult, MDFiles]:
    files = MDFiles(folder / "whole")
    return run_md(morse_crystal(), Morse(), config=CONFIG, files=files, ending=EvenSteps()), files


def test_a_run_that_ends_early_has_the_steps_that_it_made(tmp_path: Path) -> None:
    result, files = whole(tmp_path)
    assert result.n_steps == LAST
    assert result.last_stage.n_steps == LAST
    assert result.simulated_time_fs == LAST * CONFIG.timestep_fs
    assert result.session_time_fs == result.simulated_time_fs
    assert f"{LAST} steps" in result.brief()
    summary = json.loads(files.summary.read_text())
    assert (summary["n_steps"], summary["simulated_time_fs"]) == (LAST, LAST * CONFIG.timestep_fs)
    assert [frame.info["step"] for frame in read_trajectory(files.trajectory)] == list(range(0, LAST + 1, 4))
    (final,) = read_trajectory(files.final)
    assert final.info == {"step": LAST, "time_fs": LAST * CONFIG.timestep_fs}
    shorter = run_md(morse_crystal(), Morse(), config=CONFIG.model_copy(update={"steps": LAST}))
    np.testing.assert_array_equal(result.atoms.positions, shorter.atoms.positions)


def test_a_run_that_ended_early_is_not_resumed_unless_all_steps_are_wanted(tmp_path: Path) -> None:
    result, files = whole(tmp_path)
    log = files.log.read_bytes()
    again = resume_md(files.restart, calculator=Morse(), ending=EvenSteps())
    assert again.n_steps == LAST
    np.testing.assert_array_equal(again.atoms.positions, result.atoms.positions)
    assert files.log.read_bytes() == log
    assert resume_md(files.restart, calculator=Morse()).n_steps == CONFIG.steps


@pytest.mark.parametrize("step", [1, 7, 23, 24])
def test_a_stopped_run_ends_at_the_same_step(step: int, tmp_path: Path) -> None:
    result, expected = whole(tmp_path)

    def stop(snapshot: Snapshot) -> None:
        if snapshot.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    files = MDFiles(tmp_path / "stopped")
    with pytest.raises(MDInterruptedError):
        run_md(morse_crystal(), Morse(), config=CONFIG, files=files, on_step=stop, ending=EvenSteps())
    assert read_restart(files.restart).head.progress.step == step
    ending = EvenSteps()
    again = resume_md(files.restart, calculator=Morse(), ending=ending)
    assert again.n_steps == LAST
    assert ending.seen == list(range(2, LAST + 1, 2))
    np.testing.assert_array_equal(again.atoms.positions, result.atoms.positions)
    assert files.log.read_bytes() == expected.log.read_bytes()
    assert files.trajectory.read_bytes() == expected.trajectory.read_bytes()
