"""Batches by a Dask cluster: workers load a model once, and each structure ends once, whatever ends the workers."""

import importlib.util
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from alignn_ff.batch import TASKS, BatchConfig, run_batch
from alignn_ff.errors import ConfigError
from tests.support import deadly_task
from tests.support.deadly_task import batch_of, ended

needs_dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="needs Dask: pip install 'alignn-ff[dask]'"
)


@pytest.fixture(autouse=True)
def _task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, deadly_task.NAME, deadly_task.row())


@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_workers_killed_at_random_lose_no_structure(tmp_path: Path) -> None:
    import dask
    from distributed import Client, LocalCluster

    symbols = ["Cu", "Al", "Ag"] * 60
    chance = random.Random(0)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 20}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        batch = batch_of(tmp_path, symbols, scheduler=cluster.scheduler_address, together=3)
        n_killed = [0]

        def kill(progress: object) -> None:
            if n_killed[0] < 3 and chance.random() < 0.1:
                pids = list(client.run(os.getpid, on_error="ignore").values())  # a worker may be ending
                if pids:
                    os.kill(chance.choice(pids), signal.SIGKILL)
                    n_killed[0] += 1

        status = run_batch(batch, notify=kill)
    assert n_killed[0] > 0
    assert status.states == {"done": len(symbols)}
    assert len(ended(batch)) == len(symbols)


@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_a_structure_that_kills_workers_costs_only_itself(tmp_path: Path) -> None:
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        batch = batch_of(tmp_path, ["Cu", "Al", "Au", "Cu"], scheduler="local", processes=2, together=2)
        status = run_batch(batch)
    assert status.states == {"done": 3, "failed": 1}
    assert ended(batch)["Au-2"]["reason"] == "crash of the process"


@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_a_structure_that_waits_behind_a_deadly_one_is_not_blamed(tmp_path: Path) -> None:
    """With one worker, all that the cluster has waits in it."""
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        batch = batch_of(tmp_path, ["Au", "Cu", "Al"], scheduler="local", processes=1, together=1)
        status = run_batch(batch)
    assert status.states == {"done": 2, "failed": 1}
    assert ended(batch)["Au-0"]["reason"] == "crash of the process"


@needs_dask
@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alignn_ff.batch.computing.dask_cluster.CONNECT_S", 1.0)
    batch = batch_of(tmp_path, ["Cu"], scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ConfigError, match="no Dask scheduler answers"):
        run_batch(batch)


def test_without_dask_it_is_told_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "alignn_ff.batch.computing.dask_cluster", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'alignn-ff\[dask\]'"):
        run_batch(batch_of(tmp_path, ["Cu"], scheduler="local"))
    with pytest.raises(ConfigError, match="leave out --scheduler"):
        BatchConfig(scheduler="local", timeout_minutes=1)
