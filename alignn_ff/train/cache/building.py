"""Building a cache: records in, their samples out, by several processes, continued where a killed build stopped.

Memory holds a few chunks at a time, whatever the number of records.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import Final

import torch

from alignn_ff.errors import AlignnError, DataError, TrainingError
from alignn_ff.train.cache.entries import pack_record, pack_sample, unpack_record
from alignn_ff.train.cache.store import Store
from alignn_ff.train.main_guard import ADVICE
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.record import Record

Build = Callable[[Record], Sample]
"""Makes the sample of a record; must be picklable, since other processes call it."""

CHUNK: Final = 64
"""Records that a process takes at a time."""
RECORDS_AT_ONCE: Final = 512
WORTH_A_PROCESS: Final = 1000
"""Records that a further process must save the others, since it takes seconds to start."""
COMMIT_BYTES: Final = 1 << 24
COMMIT_SECONDS: Final = 5.0
CHUNKS_AHEAD: Final = 3
"""Chunks under way for each process."""


class BuildStoppedError(AlignnError):
    """A build was stopped; the graphs built so far are kept."""


def store_records(store: Store, records: Iterable[Record]) -> None:
    """Put the records into the store that are not there yet."""
    there = store.count("records")
    entries = ((index, pack_record(record)) for index, record in enumerate(records) if index >= there)
    while chunk := list(islice(entries, RECORDS_AT_ONCE)):
        store.put("records", chunk)


def store_samples(
    store: Store,
    build: Build,
    *,
    n_processes: int,
    stop: Callable[[], bool],
    notify: Callable[[int, int], None],
    worth_a_process: int = WORTH_A_PROCESS,
) -> None:
    """Build the samples that are not in the store yet.

    Args:
        store: with all records.
        build: makes one.
        n_processes: that build at once, at most; 0 builds in this process.
        stop: called between chunks.
        notify: called with the number of samples so far and their total number.
        worth_a_process: records for each process, below which fewer are started.

    Raises:
        BuildStoppedError: ``stop`` returned True.
        DataError: a record has no graph; it is named.
        StorageError: the disk is full.
        TrainingError: a building process died.
    """
    n_records, there = store.count("records"), set(store.keys("samples"))
    missing = [index for index in range(n_records) if index not in there]
    chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    n_processes = min(n_processes, os.cpu_count() or 1, len(missing) // worth_a_process)
    pending: list[tuple[int, bytes]] = []
    done, committed = len(there), time.monotonic()
    if missing:
        notify(done, n_records)
    for indices, entries in zip(chunks, _built(store, chunks, build, n_processes), strict=True):
        pending.extend(zip(indices, entries, strict=True))
        done += len(indices)
        if _due(pending, committed) or stop():
            store.put("samples", pending)
            pending, committed = [], time.monotonic()
            notify(done, n_records)
        if stop():
            raise BuildStoppedError(f"{done} of {n_records} graphs are built and kept in {store.folder}")
    if missing:
        store.put("samples", pending)
        notify(done, n_records)


def _due(pending: Sequence[tuple[int, bytes]], committed: float) -> bool:
    waited = time.monotonic() - committed > COMMIT_SECONDS
    return waited or sum(len(entry) for _, entry in pending) > COMMIT_BYTES


def _built(store: Store, chunks: Sequence[Sequence[int]], build: Build, n_processes: int) -> Iterator[list[bytes]]:
    """Entries of the samples of each chunk, in the order of the chunks."""
    inputs = ([_record_entry(store, index) for index in indices] for indices in chunks)
    if n_processes < 2:
        yield from (_build_chunk(entries, build) for entries in inputs)
        return
    pool = ProcessPoolExecutor(n_processes, mp_context=get_context("spawn"), initializer=_start_worker)
    under_way: deque[Future[list[bytes]]] = deque()
    try:
        for entries in inputs:
            under_way.append(pool.submit(_build_chunk, entries, build))
            if len(under_way) >= CHUNKS_AHEAD * n_processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        raise TrainingError(
            f"a process that builds the graph cache {store.folder} has died, perhaps because memory was short; the "
            "graphs built so far are kept. Run the same command again to continue, with a smaller num_workers if "
            f"memory is short. If a script calls training: {ADVICE}"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _record_entry(store: Store, index: int) -> bytes:
    with store.entry("records", index) as entry:
        return bytes(entry)


def _build_chunk(entries: Sequence[bytes], build: Build) -> list[bytes]:
    return [pack_sample(_build_named(unpack_record(entry), build)) for entry in entries]


def _build_named(record: Record, build: Build) -> Sample:
    try:
        return build(record)
    except AlignnError as error:
        raise DataError(f"record {record.identifier} has no graph: {error}") from error


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, use one core, and end when the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
