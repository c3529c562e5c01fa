"""Processes with several structures in flight: whatever ends one, each structure ends exactly once."""

import dataclasses
import multiprocessing
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff.batch import TASKS, BatchConfig, run_batch
from alignn_ff.batch.choice import FLIGHTS, choose
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import ConfigError
from tests.support import deadly_task
from tests.support.deadly_task import batch_of, ended


@pytest.fixture(autouse=True)
def _task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, deadly_task.NAME, deadly_task.row())


def test_a_structure_that_kills_its_process_costs_only_itself(tmp_path: Path) -> None:
    symbols = ["Cu", "Au", "Al", "Cu", "Al", "Cu", "Al", "Cu"]
    batch = batch_of(tmp_path, symbols, processes=2, together=3)
    status = run_batch(batch)
    assert status.states == {"done": 7, "failed": 1}
    found = ended(batch)
    assert found["Au-1"]["reason"] == "crash of the process"
    assert "killed by SIGKILL" in str(found["Au-1"]["message"])


def test_a_structure_that_never_ends_costs_only_itself(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, ["Cu", "Ni", "Al", "Cu"], processes=1, together=3, timeout_minutes=0.02)
    status = run_batch(batch)
    assert status.states == {"done": 3, "failed": 1}
    assert ended(batch)["Ni-1"]["reason"] == "timeout"


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, ["Cu", "Ni"], processes=1, together=1)
    process = multiprocessing.get_context("spawn").Process(target=deadly_task.run, args=(batch,))
    process.start()
    records = batch.folder / "shard-0000.jsonl"
    while not (records.exists() and records.read_text()):
        assert process.is_alive()
        time.sleep(0.05)
    children = [int(word) for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    assert children
    process.kill()
    process.join()
    until = time.monotonic() + 60.0
    while any(Path(f"/proc/{pid}").exists() for pid in children):  # one of them would sleep for ten minutes
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_model_that_changes_while_the_batch_runs_is_refused(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    batch = batch_of(tmp_path, ["Cu", "Cu", "Au", "Cu"], processes=1, together=1)
    batch = dataclasses.replace(batch, make=partial(deadly_task.make_until, flag))
    with pytest.raises(ConfigError, match="the model has changed while the batch ran"):
        run_batch(batch, notify=lambda progress: flag.touch() if progress.n_ended == 2 else None)
    assert sorted(ended(batch)) == ["Cu-0", "Cu-1"]
    with pytest.raises(ConfigError, match=r"folder of another batch.*the model"):
        run_batch(batch)


def test_what_is_fast_is_chosen_where_the_user_chose_nothing(
    si_model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calculator = AlignnCalculator(si_model_file)
    monkeypatch.setattr("alignn_ff.batch.choice.usable_cores", lambda: 8)
    small, large = np.full(100, 4), np.full(3, 700)
    silicon = bulk("Si", cubic=True)

    def chosen(n_atoms: np.ndarray, atoms: Atoms, *, has_flight: bool = True, **how: object) -> tuple[object, ...]:
        return choose(BatchConfig.model_validate(how), calculator, n_atoms, atoms, has_flight=has_flight)

    monkeypatch.setattr("alignn_ff.execution.available.available_bytes", lambda device: 10**12)
    assert chosen(small, silicon) == (8, FLIGHTS["cpu"].structures, 1)
    assert chosen(small, silicon, has_flight=False) == (8, 1, 1)
    assert chosen(large, silicon) == (3, 1, 1)
    assert chosen(small, silicon, processes=1, together=5) == (1, 5, None)
    monkeypatch.setattr("alignn_ff.execution.available.available_bytes", lambda device: 2**31)
    assert chosen(small, silicon)[0] == 3
    emt = choose(BatchConfig(), EMT(), small, silicon, has_flight=False)
    assert (emt.processes, emt.together) == (3, 1)
