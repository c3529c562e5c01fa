"""The data of a run: records, split and samples, in memory or in the graph cache.

In: labelled records. Out: :class:`RunData`, whose samples are read when they are asked for.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from alignn_ff.errors import AlignnError, DataError
from alignn_ff.train.batches import Sample, build_sample
from alignn_ff.train.cache import Building, Cache, Identity, identify, open_cache
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.ranks import Ranks
from alignn_ff.train.records import Record, records_digest
from alignn_ff.train.split import Split, split_records


class RunData(NamedTuple):
    """What a run learns from.

    Attributes:
        records: all of them; from the cache, one is read when it is asked for.
        split: which train, validate and test.
        training, validation: their samples, in the order of the split.
        data_digest: SHA-256 of structures and labels.
        cache_digest: SHA-256 of recipe and records, the same with and without a cache.
        cache: from which all of these are read; None in memory.
    """

    records: Sequence[Record]
    split: Split
    training: Sequence[Sample]
    validation: Sequence[Sample]
    data_digest: str
    cache_digest: str
    cache: Cache | None

    def chosen(self, indices: Sequence[int]) -> Iterator[Record]:
        """Records by index, one after another."""
        return (self.records[i] for i in indices)


class Watcher(NamedTuple):
    """Who is told of the building of graphs, and may stop it.

    Attributes:
        stop: asked between chunks.
        notify: told how many graphs there are, of how many.
    """

    stop: Callable[[], bool]
    notify: Callable[[int, int], None]


def cache_folder(config: TrainingConfig) -> Path:
    """Where the graph cache of a run lies."""
    return Path(config.output_dir) / f"{config.filename}_graphs"


@contextmanager
def prepared_data(
    config: TrainingConfig, read: Callable[[], Sequence[Record]], ranks: Ranks, watcher: Watcher
) -> Iterator[RunData]:
    """The records of a run, split, with their graphs, of which those are built that are not in the cache yet.

    Args:
        config: of the run.
        read: reads the records; with a cache, the first rank alone calls it.
        ranks: processes of the run.
        watcher: is told of the building, and may stop it.

    Raises:
        AlignnError: records, split or cache are not usable; on the other ranks, that the first one failed.
    """
    if not config.use_lmdb:
        yield _in_memory(config, read())
        return
    digests = ranks.first_says("graph cache", lambda: _fill_cache(config, read(), watcher))
    data_digest, cache_digest = digests.split()
    cache = Cache(cache_folder(config))
    try:
        split = split_records(cache.records, config)
        training, validation = cache.samples(split.train), cache.samples(split.val)
        yield RunData(cache.records, split, training, validation, data_digest, cache_digest, cache)
    finally:
        cache.close()


def _in_memory(config: TrainingConfig, records: Sequence[Record]) -> RunData:
    split = split_records(records, config)
    training, validation = (
        [_named_sample(records[i], config) for i in indices] for indices in (split.train, split.val)
    )
    digest = _identity(config, records).digest
    return RunData(records, split, training, validation, records_digest(records), digest, None)


def _fill_cache(config: TrainingConfig, records: Sequence[Record], watcher: Watcher) -> str:
    """Build the cache where it lacks; the digests of data and cache, separated by a space."""
    split_records(records, config)  # what is wrong with the split is said before graphs are built
    identity = _identity(config, records)
    building = Building(
        build=partial(build_sample, recipe=config.recipe),
        n_processes=config.num_workers,
        stop=watcher.stop,
        notify=watcher.notify,
    )
    open_cache(cache_folder(config), identity, records, building, insist=config.read_existing).close()
    return f"{records_digest(records)} {identity.digest}"


def _identity(config: TrainingConfig, records: Iterable[Record]) -> Identity:
    return identify(records, config.recipe, family=config.model.name, atom_features=config.atom_features)


def _named_sample(record: Record, config: TrainingConfig) -> Sample:
    try:
        return build_sample(record, config.recipe)
    except AlignnError as error:
        raise DataError(f"record {record.identifier} has no graph: {error}") from error
