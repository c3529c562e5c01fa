"""The data of a run: records, split and samples, in memory or in the graph cache.

In: labelled records. Out: :class:`RunData`, whose samples are read when they are asked for.
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
from alignn_ff.train.distributed.ranks import Ranks
from alignn_ff.train.interrupt import TrainingInterruptedError, stop_on_signals
from alignn_ff.train.records.batches import Sample, build_sample
from alignn_ff.train.records.record import Record, RecordsDigest, records_digest
from alignn_ff.train.records.split import FoldKey, Split, fold_key, split_keys, split_records
from alignn_ff.train.records.targets import LabelWidths, RunningWidths, label_widths


class RunData(NamedTuple):
    """What a run learns from.

    Attributes:
        records: all of them; from the cache, one is read when it is asked for.
        split: which train, validate and test.
        training, validation: their samples, in the order of the split.
        data_digest: SHA-256 of structures and labels.
        cache_digest: SHA-256 of recipe and records, the same with and without a cache.
        cache: from which all of these are read; None in memory.
        widths: how many numbers the properties of a record have.
    """

    records: Sequence[Record]
    split: Split
    training: Sequence[Sample]
    validation: Sequence[Sample]
    data_digest: str
    cache_digest: str
    cache: Cache | None
    widths: LabelWidths

    def chosen(self, indices: Sequence[int]) -> Iterator[Record]:
        """Records by index, one after another."""
        return (self.records[i] for i in indices)


Notify = Callable[[int, int], None]
"""Is told, now and then, how many graphs there are, of how many."""


def cache_folder(config: TrainingConfig) -> Path:
    """Where the graph cache of a run lies."""
    return Path(config.output_dir) / f"{config.filename}_graphs"


@contextmanager
def prepared_data(
    config: TrainingConfig, recipe: GraphRecipe, read: Callable[[], Iterable[Record]], ranks: Ranks, notify: Notify
) -> Iterator[RunData]:
    """The records of a run, split, with their graphs, of which those are built that are not in the cache yet.

    Args:
        config: of the run.
        recipe: of its graphs.
        read: gives the records, which are gone through twice, or once where the cache agrees; with a cache, the
            first rank alone calls it.
        ranks: processes of the run.
        notify: is told of the building.

    Raises:
        AlignnError: records, split or cache are not usable; on the other ranks, that the first one failed.
        TrainingInterruptedError: a signal stopped the building; what is built is kept.
    """
    if not config.use_lmdb:
        yield _in_memory(config, recipe, list(read()))
        return
    found = ranks.first_says("graph cache", lambda: _fill_cache(config, recipe, read(), notify))
    data_digest, cache_digest, *numbers = found.split()
    cache, widths = Cache(cache_folder(config)), LabelWidths(*map(int, numbers))
    try:
        split = split_records(cache.records, config)
        training, validation = cache.samples(split.train), cache.samples(split.val)
        yield RunData(cache.records, split, training, validation, data_digest, cache_digest, cache, widths)
    finally:
        cache.close()


def _in_memory(config: TrainingConfig, recipe: GraphRecipe, records: Sequence[Record]) -> RunData:
    split, widths = split_records(records, config), label_widths(records)
    training, validation = (
        named_samples([records[i] for i in indices], recipe, widths) for indices in (split.train, split.val)
    )
    digest = _identity(config, recipe, records).digest
    return RunData(records, split, training, validation, records_digest(records), digest, None, widths)


def _fill_cache(config: TrainingConfig, recipe: GraphRecipe, records: Iterable[Record], notify: Notify) -> str:
    """Build the cache where it lacks; the digests of data and cache, and the widths, separated by spaces."""
    digest, running, keys = RecordsDigest(), RunningWidths(), list[FoldKey]()

    def inspected() -> Iterator[Record]:
        for record in records:
            digest.add(record)
            running.add(record)
            keys.append(fold_key(record, config))
            yield record

    identity, widths = _identity(config, recipe, inspected()), running.result()
    split_keys(keys, config)  # what is wrong with the split is said before graphs are built
    folder, stopped = cache_folder(config), "nothing had to be built"
    with stop_on_signals() as stop:
        building = Building(
            build=partial(build_sample, recipe=recipe, widths=widths),
            n_processes=config.num_workers,
            stop=stop,
            notify=notify,
        )
        try:
            open_cache(folder, identity, records, building, insist=config.read_existing).close()
        except BuildStoppedError as error:
            stopped = str(error)
    if stop.signal is not None:
        advice = "the same command goes on from there"
        raise TrainingInterruptedError(stop.signal, f"while graphs were built; {stopped}", advice)
    return " ".join([digest.hexdigest(), identity.digest, *map(str, widths)])


def _identity(config: TrainingConfig, recipe: GraphRecipe, records: Iterable[Record]) -> Identity:
    return identify(records, recipe, family=config.model.name, atom_features=config.atom_features)


def named_samples(records: Iterable[Record], recipe: GraphRecipe, widths: LabelWidths) -> list[Sample]:
    """Samples of records.

    Raises:
        DataError: a record has no graph; it is named.
    """
    samples = []
    for record in records:
        try:
            samples.append(build_sample(record, recipe, widths))
        except AlignnError as error:
            raise DataError(f"record {record.identifier} has no graph: {error}") from error
    return samples
