"""Batches of many structures: memory does not grow with their number, and kills lose nothing."""

import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from alignn_ff.batch import merge_batch, run_batch, status_of
from alignn_ff.batch.folder.shard import shard_paths
from alignn_ff.batch.run import Progress
from tests.support.large_batch import batch_of

BYTES_PER_STRUCTURE = 120
"""Of all arrays, at their growth; a record or an item in memory would be some 500."""


def peak_bytes(folder: Path, number: int) -> int:
    """Largest memory of Python while a batch runs, is counted and is merged."""
    gc.collect()
    gc.freeze()  # what exists already is not looked through again
    tracemalloc.start()
    try:
        assert run_batch(batch_of(folder, number, shards=3), notify=_collect).all_done
        assert status_of(folder).all_done
        merge_batch(folder, [folder.with_suffix(".csv")])
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.unfreeze()


def _collect(progress: Progress) -> None:
    if progress.n_ended % 20 == 0:
        gc.collect()


def test_memory_does_not_grow_with_the_number_of_structures(tmp_path: Path) -> None:
    peak_bytes(tmp_path / "warm", 50)
    few, many = 100, 500
    grown = peak_bytes(tmp_path / "many", many) - peak_bytes(tmp_path / "few", few)
    assert grown < BYTES_PER_STRUCTURE * (many - few)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_100000_structures_killed_five_times_and_resumed(tmp_path: Path) -> None:
    number, folder = 100_000, tmp_path / "out"
    command = [sys.executable, "-m", "tests.support.large_batch"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    records = shard_paths(folder, 0).records
    random, n_before = np.random.default_rng(0), 0
    for _ in range(5):
        process = subprocess.Popen([*command, str(folder), str(number)], env=environment)
        while not records.exists() or records.stat().st_size < n_before + 100_000:
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(random.uniform(0.0, 3.0))
        process.kill()
        process.wait()
        n_before = records.stat().st_size
        status = status_of(folder)
        assert 0 < status.n_open < number
    whole = subprocess.run(
        [*command, str(folder), str(number)], env=environment, capture_output=True, text=True, check=True
    )
    small = subprocess.run(
        [*command, str(tmp_path / "small"), "1000"], env=environment, capture_output=True, text=True, check=True
    )
    n_done, peak_KiB = map(int, whole.stdout.split())
    assert n_done == number
    assert peak_KiB - int(small.stdout.split()[1]) < 30 * 1024
    with records.open() as file:
        places = [json.loads(line)["place"] for line in file]
    assert sorted(places) == list(range(number))  # each exactly once
