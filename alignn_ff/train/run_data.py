"""The data of a run: records, split and samples, in memory or in the graph cache.

In: labelled records. Out: :class:`RunData`, whose samples are read on access.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from alignn_ff.errors import AlignnError, DataError
from alignn_ff.graph import GraphRecipe
from alignn_ff.train.cache import (
    Building,
    BuildStoppedError,
    Cache,
    EntriesDigest,
    Identity,
    Reading,
    Spool,
    identify,
    identity_of,
    open_cache,
    read_manifest,
    remember_reading,
)
from alignn_ff.train.cache.entries import pack_record
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.datasets import RecordsSource, raw_digest
from alignn_ff.train.distributed.message import Message
from alignn_ff.train.distributed.ranks import Ranks
from alignn_ff.train.interrupt import TrainingInterruptedError, stop_on_signals
from alignn_ff.train.notices import told
from alignn_ff.train.records.batches import Sample, build_sample
from alignn_ff.train.records.record import Record, RecordsDigest, records_digest
from alignn_ff.train.records.split import FoldKey, Split, fold_key, split_keys, split_records
from alignn_ff.train.records.statistics import elements_of
from alignn_ff.train.records.targets import LabelShape, LabelShapes, RunningWidths, label_shapes

log = logging.getLogger(__name__)


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
        elements: atomic numbers in all records, ascending.
    """

    records: Sequence[Record]
    split: Split
    training: Sequence[Sample]
    validation: Sequence[Sample]
    data_digest: str
    cache_digest: str
    cache: Cache | None
    shapes: LabelShapes
    elements: tuple[int, ...]

    def identifiers(self) -> dict[str, list[str]]:
        """Which record went where."""
        of = self._identifiers if self.cache is None else self.cache.records.identifiers
        return {name: of(indices) for name, indices in self.split._asdict().items()}

    def _identifiers(self, indices: Sequence[int]) -> list[str]:
        return [self.records[i].identifier for i in indices]

    def chosen(self, indices: Sequence[int]) -> Iterator[Record]:
        """Records by index, one after another."""
        return (self.records[i] for i in indices)


class CacheReport(Message):
    """What the first process sends to the others about the graph cache; attributes as in :class:`RunData`."""

    data_digest: str
    cache_digest: str
    shapes: dict[str, LabelShape]
    elements: tuple[int, ...]


class Notify(NamedTuple):
    """What is called now and then before the first step.

    Attributes:
        reading: with the number of records so far.
        building: with the number of graphs so far and their total number.
    """

    reading: Callable[[int], None] = lambda done: log.info("read: %d structures", done)
    building: Callable[[int, int], None] = lambda done, total: log.info("graphs: %d of %d", done, total)


def cache_folder(config: TrainingConfig) -> Path:
    """Folder of the graph cache of a run."""
    return Path(config.output_dir) / f"{config.filename}_graphs"


@contextmanager
def prepared_data(
    config: TrainingConfig, recipe: GraphRecipe, read: Callable[[], RecordsSource], ranks: Ranks, notify: Notify
) -> Iterator[RunData]:
    """The records of a run, split, with their graphs, of which those are built that are not in the cache yet.

    Args:
        config: of the run.
        recipe: of its graphs.
        read: gives the records, which are iterated once, or never where the cache was built from the same files; with a
            cache, only the first rank calls it.
        ranks: processes of the run.
        notify: called while records are read and graphs are built.

    Raises:
        AlignnError: records, split or cache are not usable; on the other ranks, that the first one failed.
        TrainingInterruptedError: a signal stopped the building; the graphs built so far are kept.
    """
    if not config.use_lmdb:
        yield _in_memory(config, recipe, list(told(read(), notify.reading)))
        return
    report = ranks.from_first("graph cache", CacheReport, lambda: _fill_cache(config, recipe, read(), notify))
    cache = Cache(cache_folder(config))
    try:
        split = split_records(cache.records, config)
        training, validation = cache.samples(split.train), cache.samples(split.val)
        yield RunData(
            cache.records,
            split,
            training,
            validation,
            report.data_digest,
            report.cache_digest,
            cache,
            report.shapes,
            report.elements,
        )
    finally:
        cache.close()


def with_split(data: RunData, split: Split, recipe: GraphRecipe) -> RunData:
    """The same records split in another way; graphs that are there already are used again.

    Args:
        data: of a run.
        split: of its records.
        recipe: of its graphs.
    """
    if split == data.split:
        return data
    if data.cache is not None:
        stored = data.cache.samples
        return data._replace(split=split, training=stored(split.train), validation=stored(split.val))
    known = dict(zip((*data.split.train, *data.split.val), (*data.training, *data.validation), strict=True))
    missing = [i for i in (*split.train, *split.val) if i not in known]
    known |= dict(zip(missing, named_samples(data.chosen(missing), recipe, data.shapes), strict=True))
    training, validation = ([known[i] for i in indices] for indices in (split.train, split.val))
    return data._replace(split=split, training=training, validation=validation)


def _in_memory(config: TrainingConfig, recipe: GraphRecipe, records: Sequence[Record]) -> RunData:
    split, shapes = split_records(records, config), label_shapes(records)
    training, validation = (
        named_samples([records[i] for i in indices], recipe, shapes) for indices in (split.train, split.val)
    )
    digest = _identity(config, recipe, records).digest
    return RunData(
        records, split, training, validation, records_digest(records), digest, None, shapes, elements_of(records)
    )


def _fill_cache(config: TrainingConfig, recipe: GraphRecipe, records: RecordsSource, notify: Notify) -> CacheReport:
    """Build what the cache lacks; where it agrees with the raw files, these are not read."""
    raw, folder = raw_digest(config), cache_folder(config)
    known = _known(config, recipe, raw)
    if known is not None:
        log.info("the data have not changed since %s was built; they are not read again", folder)
        for sentence in known.reading.notices:
            log.warning(sentence)
        _build(config, recipe, known, records, notify)
        return known.report()
    spool = Spool(Path(config.output_dir))
    try:
        found = _read(config, recipe, records, spool, raw or "", notify)
        _build(config, recipe, found, spool, notify)
    finally:
        spool.close()
    if raw is not None:
        remember_reading(folder, found.reading)
    return found.report()


class Inspected(NamedTuple):
    """Records as a run needs to know them before their graphs: identity of their cache, and what reading found."""

    identity: Identity
    reading: Reading

    def report(self) -> CacheReport:
        """For the other processes."""
        reading = self.reading
        return CacheReport(
            data_digest=reading.data_digest,
            cache_digest=self.identity.digest,
            shapes=reading.shapes,
            elements=reading.elements,
        )


def _known(config: TrainingConfig, recipe: GraphRecipe, raw: str | None) -> Inspected | None:
    """What the cache of a run tells of its records, where it was made from the same files with the same choices."""
    manifest = read_manifest(cache_folder(config))
    if raw is None or manifest is None or manifest.reading is None or manifest.reading.raw != raw:
        return None
    identity = identity_of(
        manifest.fields.get("records", ""),
        manifest.n_records,
        recipe,
        family=config.model.name,
        atom_features=config.atom_features,
    )
    return Inspected(identity, manifest.reading) if manifest.complete and manifest.identity == identity else None


def _read(
    config: TrainingConfig, recipe: GraphRecipe, records: RecordsSource, spool: Spool, raw: str, notify: Notify
) -> Inspected:
    """Read all records once, onto disk."""
    digest, entries, running = RecordsDigest(), EntriesDigest(), RunningWidths()
    keys, elements = list[FoldKey](), set[int]()
    for record in told(records, notify.reading):
        digest.add(record)
        running.add(record)
        keys.append(fold_key(record, config))
        elements.update(record.atoms.numbers.tolist())
        entry = pack_record(record)
        entries.add(entry)
        spool.add(entry)
    split_keys(keys, config)  # problems of the split are reported before graphs are built
    reading = Reading(
        raw=raw,
        data_digest=digest.hexdigest(),
        shapes=dict(running.result()),
        elements=tuple(sorted(elements)),
        notices=records.notices,
    )
    identity = entries.identity(recipe, family=config.model.name, atom_features=config.atom_features)
    return Inspected(identity, reading)


def _build(
    config: TrainingConfig, recipe: GraphRecipe, found: Inspected, records: Iterable[Record], notify: Notify
) -> None:
    """Open the cache, or build it.

    Raises:
        TrainingInterruptedError: a signal stopped the building; the graphs built so far are kept.
    """
    stopped = "nothing had to be built"
    with stop_on_signals() as stop:
        building = Building(
            build=partial(build_sample, recipe=recipe, shapes=found.reading.shapes),
            n_processes=config.num_workers,
            stop=stop,
            notify=notify.building,
        )
        try:
            open_cache(cache_folder(config), found.identity, records, building, insist=config.read_existing).close()
        except BuildStoppedError as error:
            stopped = str(error)
    if stop.signal is not None:
        advice = "the same command continues from there"
        raise TrainingInterruptedError(stop.signal, f"while graphs were built; {stopped}", advice)


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
