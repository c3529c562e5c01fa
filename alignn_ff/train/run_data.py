"""The data of a run: records, split and samples, in memory or in the graph cache.

In: labelled records. Out: :class:`RunData`, whose samples are read on access.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from alignn_ff.errors import AlignnError, DataError
from alignn_ff.graph import GraphRecipe
from alignn_ff.train.cache import Building, BuildStoppedError, Cache, Identity, identify, open_cache
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.distributed.message import Message
from alignn_ff.train.distributed.ranks import Ranks
from alignn_ff.train.interrupt import TrainingInterruptedError, stop_on_signals
from alignn_ff.train.records.batches import Sample, build_sample
from alignn_ff.train.records.record import Record, RecordsDigest, records_digest
from alignn_ff.train.records.split import FoldKey, Split, fold_key, split_keys, split_records
from alignn_ff.train.records.targets import LabelShape, LabelShapes, RunningWidths, label_shapes


class RunData(NamedTuple):
    """The data of a run.

    Attributes:
        records: all of them; from the cache, each is read on access.
        split: which train, validate and test.
        training, validation: their samples, in the order of the split.
        data_digest: SHA-256 of structures and labels.
        cache_digest: SHA-256 of recipe and records, the same with and without a cache.
        cache: from which all of these are read; None in memory.
        shapes: layout of the labels of all records.
    """

    records: Sequence[Record]
    split: Split
    training: Sequence[Sample]
    validation: Sequence[Sample]
    data_digest: str
    cache_digest: str
    cache: Cache | None
    shapes: LabelShapes

    def chosen(self, indices: Sequence[int]) -> Iterator[Record]:
        """Records by index, one after another."""
        return (self.records[i] for i in indices)


class CacheReport(Message):
    """What the first process sends to the others about the graph cache; attributes as in :class:`RunData`."""

    data_digest: str
    cache_digest: str
    shapes: dict[str, LabelShape]


Notify = Callable[[int, int], None]
"""Called now and then with the number of graphs so far and their total number."""


def cache_folder(config: TrainingConfig) -> Path:
    """Folder of the graph cache of a run."""
    return Path(config.output_dir) / f"{config.filename}_graphs"


@contextmanager
def prepared_data(
    config: TrainingConfig, recipe: GraphRecipe, read: Callable[[], Iterable[Record]], ranks: Ranks, notify: Notify
) -> Iterator[RunData]:
    """The records of a run, split, with their graphs, of which those are built that are not in the cache yet.

    Args:
        config: of the run.
        recipe: of its graphs.
        read: gives the records, which are iterated twice, or once where the cache agrees; with a cache, only
            the first rank calls it.
        ranks: processes of the run.
        notify: called while graphs are built.

    Raises:
        AlignnError: records, split or cache are not usable; on the other ranks, that the first one failed.
        TrainingInterruptedError: a signal stopped the building; the graphs built so far are kept.
    """
    if not config.use_lmdb:
        yield _in_memory(config, recipe, list(read()))
        return
    report = ranks.from_first("graph cache", CacheReport, lambda: _fill_cache(config, recipe, read(), notify))
    cache = Cache(cache_folder(config))
    try:
        split = split_records(cache.records, config)
        training, validation = cache.samples(split.train), cache.samples(split.val)
        yield RunData(
            cache.records, split, training, validation, report.data_digest, report.cache_digest, cache, report.shapes
        )
    finally:
        cache.close()


def _in_memory(config: TrainingConfig, recipe: GraphRecipe, records: Sequence[Record]) -> RunData:
    split, shapes = split_records(records, config), label_shapes(records)
    training, validation = (
        named_samples([records[i] for i in indices], recipe, shapes) for indices in (split.train, split.val)
    )
    digest = _identity(config, recipe, records).digest
    return RunData(records, split, training, validation, records_digest(records), digest, None, shapes)


def _fill_cache(config: TrainingConfig, recipe: GraphRecipe, records: Iterable[Record], notify: Notify) -> CacheReport:
    """Build what the cache lacks."""
    digest, running, keys = RecordsDigest(), RunningWidths(), list[FoldKey]()

    def inspected() -> Iterator[Record]:
        for record in records:
            digest.add(record)
            running.add(record)
            keys.append(fold_key(record, config))
            yield record

    identity, shapes = _identity(config, recipe, inspected()), running.result()
    split_keys(keys, config)  # problems of the split are reported before graphs are built
    folder, stopped = cache_folder(config), "nothing had to be built"
    with stop_on_signals() as stop:
        building = Building(
            build=partial(build_sample, recipe=recipe, shapes=shapes),
            n_processes=config.num_workers,
            stop=stop,
            notify=notify,
        )
        try:
            open_cache(folder, identity, records, building, insist=config.read_existing).close()
        except BuildStoppedError as error:
            stopped = str(error)
    if stop.signal is not None:
        advice = "the same command continues from there"
        raise TrainingInterruptedError(stop.signal, f"while graphs were built; {stopped}", advice)
    return CacheReport(data_digest=digest.hexdigest(), cache_digest=identity.digest, shapes=dict(shapes))


def _identity(config: TrainingConfig, recipe: GraphRecipe, records: Iterable[Record]) -> Identity:
    return identify(records, recipe, family=config.model.name, atom_features=config.atom_features)


def named_samples(records: Iterable[Record], recipe: GraphRecipe, shapes: LabelShapes) -> list[Sample]:
    """Samples of records.

    Raises:
        DataError: a record has no graph; it is named.
    """
    samples = []
    for record in records:
        try:
            samples.append(build_sample(record, recipe, shapes))
        except AlignnError as error:
            raise DataError(f"record {record.identifier} has no graph: {error}") from error
    return samples
