"""Reuse a cache, continue its build, or build it anew, as its digest allows; each is logged.

A cache is built in ``<folder>.building`` and renamed when it is whole, so that ``<folder>`` is never half-built.
"""

import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from alignn_ff.errors import ConfigError, TrainingError
from alignn_ff.train.cache.building import Build, store_records, store_samples
from alignn_ff.train.cache.cache import Cache
from alignn_ff.train.cache.identity import MANIFEST, Identity, Manifest, differences, read_manifest, write_manifest
from alignn_ff.train.cache.store import DATA_FILE, LOCK_FILE, Store, file_checksum, is_truncated
from alignn_ff.train.cache.summaries import SUFFIX
from alignn_ff.train.records.record import Record

log = logging.getLogger(__name__)

OWNER_FILE = "building.lock"
OWN_FILES = frozenset({DATA_FILE, LOCK_FILE, MANIFEST, OWNER_FILE})


class Building(NamedTuple):
    """How a cache is built.

    Attributes:
        build: makes the sample of a record; picklable.
        n_processes: that build at once.
        stop: whether to stop, called often.
        notify: called with the number of samples so far and their total number.
    """

    build: Build
    n_processes: int = 0
    stop: Callable[[], bool] = lambda: False
    notify: Callable[[int, int], None] = lambda done, total: None  # noqa: ARG005 - nothing to do


def open_cache(
    folder: Path, identity: Identity, records: Iterable[Record], building: Building, *, insist: bool = False
) -> Cache:
    """The cache of some records.

    Args:
        folder: of the cache, which may not exist yet.
        identity: that it must have.
        records: to build it from; not read where the cache agrees.
        building: how.
        insist: an existing cache must agree; otherwise one that does not is built anew.

    Raises:
        ConfigError: the folder is not a cache of this package, or ``insist`` and the cache does not agree.
        BuildStoppedError, DataError, StorageError, TrainingError: it could not be built.
    """
    problem = what_is_wrong(folder, identity)
    if problem is None:
        log.info("graph cache %s agrees: %d structures are reused", folder, identity.n_records)
        return Cache(folder)
    if folder.exists():
        if insist:
            raise ConfigError(
                f"read_existing is true, but the graph cache {folder} {problem}\n"
                "set read_existing to false to have it built anew, or filename to another prefix to keep it"
            )
        log.warning("graph cache %s %s\nit is built anew", folder, problem)
    _build(folder, identity, records, building)
    return Cache(folder)


def what_is_wrong(folder: Path, identity: Identity) -> str | None:
    """Why a cache cannot be used, as a sentence; None if it can.

    Raises:
        ConfigError: the folder holds something else than a cache of this package.
    """
    if not folder.exists():
        return "does not exist"
    _refuse_foreign(folder)
    manifest = read_manifest(folder)
    if manifest is None or not manifest.complete:
        return "is damaged: its manifest cannot be read"
    if manifest.identity != identity:
        return f"is of other graphs:\n{differences(manifest.identity, identity)}"
    data = folder / DATA_FILE
    if not _unchanged(data, manifest):
        return "is damaged: its data are not those that were written"
    return None


def _unchanged(data: Path, manifest: Manifest) -> bool:
    """Whether a data file is the one that was written; of one that was touched since then, the checksum tells."""
    if not data.is_file() or data.stat().st_size != manifest.n_bytes:
        return False
    return data.stat().st_mtime_ns == manifest.modified_ns or file_checksum(data) == manifest.checksum


def _build(folder: Path, identity: Identity, records: Iterable[Record], building: Building) -> None:
    place = folder.with_name(f"{folder.name}.building")
    if place.exists():
        _refuse_foreign(place)
    place.mkdir(parents=True, exist_ok=True)
    with _only_builder(place):
        _keep_what_agrees(place, identity)
        store = Store(place, writing=True)
        try:
            store_records(store, records)
            store_samples(
                store, building.build, n_processes=building.n_processes, stop=building.stop, notify=building.notify
            )
        finally:
            store.close()
        data = place / DATA_FILE
        finished = Manifest(
            complete=True,
            fields=identity.fields,
            n_records=identity.n_records,
            n_bytes=data.stat().st_size,
            checksum=file_checksum(data),
            modified_ns=data.stat().st_mtime_ns,
        )
        write_manifest(place, finished)
        if folder.exists():
            shutil.rmtree(folder)
        place.rename(folder)
    log.info("graph cache %s holds %d structures", folder, identity.n_records)


def _keep_what_agrees(place: Path, identity: Identity) -> None:
    """Keep a half-built cache of the same identity; empty the place otherwise."""
    manifest = read_manifest(place)
    agrees = manifest is not None and manifest.identity == identity
    if agrees and (place / DATA_FILE).exists() and not is_truncated(place):
        log.warning("a build of the graph cache %s was cut short; it continues from there", place)
        return
    if manifest is not None:
        log.warning("a half-built graph cache in %s is of other graphs, or damaged; it is built anew", place)
    for name in (DATA_FILE, LOCK_FILE):
        (place / name).unlink(missing_ok=True)
    write_manifest(place, Manifest(fields=identity.fields, n_records=identity.n_records))


def _refuse_foreign(folder: Path) -> None:
    if not folder.is_dir():
        held = "it is a file"
    else:
        names = {path.name for path in folder.iterdir() if not _is_own(path)}
        foreign = sorted(names - (OWN_FILES if MANIFEST in names else {OWNER_FILE}))
        held = f"it holds {', '.join(foreign[:5])}" if foreign else ""
    if held:
        raise ConfigError(
            f"{folder} is in the way of the graph cache, and this program did not make it ({held}); caches of the "
            "published package hold pickles, which are not opened here. Move it away, or set filename to another prefix"
        )


def _is_own(path: Path) -> bool:
    """Whether a file is a summary of a training set, or what an unfinished write has left."""
    return path.suffix == SUFFIX or path.name.startswith(f".{Path(MANIFEST).stem}-")


@contextmanager
def _only_builder(place: Path) -> Iterator[None]:
    """Keep two runs from building in one place.

    Raises:
        TrainingError: another run is building.
    """
    with (place / OWNER_FILE).open("w") as file:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingError(
                    f"another run is building the graph cache {place}; wait for it, or set filename to another prefix"
                ) from None
            except OSError as error:  # some network file systems have no locks
                log.info("no lock on %s: %s", place, error)
        yield
