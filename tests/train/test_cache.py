"""The graph cache: samples are read unchanged, and a cache that does not match is reported and never used."""

import logging
import random
import shutil
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from alignn_ff.errors import ConfigError, DataError, TrainingError
from alignn_ff.graph import GraphRecipe
from alignn_ff.train import Record, read_records
from alignn_ff.train.cache import Building, BuildStoppedError, Cache, identify, open_cache
from alignn_ff.train.cache import building as build_module
from alignn_ff.train.cache import opening as opening_module
from alignn_ff.train.cache import store as store_module
from alignn_ff.train.cache.building import store_records, store_samples
from alignn_ff.train.cache.entries import layout, pack_record, pack_sample, unpack_record, unpack_sample
from alignn_ff.train.cache.packing import DamagedEntryError, pack, unpack
from alignn_ff.train.cache.store import Store
from alignn_ff.train.loop.loader import Loader
from alignn_ff.train.records.batches import Sample, build_sample
from tests.support.labelled_data import copper_frames, labelled, molecule_frames, write_frames
from tests.support.samples import RECIPE, assert_same_sample, leaves


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    frames = [*copper_frames(5), *molecule_frames(2)]
    frames[0].info["note"] = "first"
    return read_records(write_frames(tmp_path_factory.mktemp("data") / "mixed.extxyz", frames))


def identity_of(records, recipe: GraphRecipe = RECIPE, *, family: str = "alignn_smooth", scheme: str = "cgcnn"):
    return identify(records, recipe, family=family, atom_features=scheme)


class Counting:
    """Builds samples, and counts them."""

    def __init__(self, recipe: GraphRecipe = RECIPE, stop_after: int | None = None) -> None:
        self.recipe, self.stop_after, self.n_built = recipe, stop_after, 0

    def __call__(self, record: Record) -> Sample:
        self.n_built += 1
        return build_sample(record, self.recipe)

    def opened(self, folder: Path, records, recipe: GraphRecipe | None = None, **choice: bool) -> Cache:
        self.recipe = recipe or self.recipe
        building = Building(self, stop=lambda: self.stop_after is not None and self.n_built >= self.stop_after)
        return open_cache(folder, identity_of(records, self.recipe), records, building, **choice)


def assert_holds(cache: Cache, records, recipe: GraphRecipe = RECIPE) -> None:
    assert len(cache.records) == len(records)
    for index, sample in enumerate(cache.samples(range(len(records)))):
        assert_same_sample(sample, build_sample(records[index], recipe))


# entries


def test_arrays_come_back_bit_by_bit() -> None:
    generator = np.random.default_rng(1)
    arrays = [
        None,
        np.zeros((0, 3)),
        np.array(7),
        np.array([-(2**40), 2**40]),
        np.array([[-128, 127]]),
        np.array([-129, 3]),
        np.arange(40_000),
        np.array([True, False]),
        np.array([1, -1], dtype=np.int32),
        generator.normal(size=(3, 4)),
        generator.normal(size=5).astype(np.float32),
        np.array([np.nan, -0.0, np.inf]),
    ]
    for found, expected in zip(unpack(pack(arrays)), arrays, strict=True):
        assert (found is None) == (expected is None)
        if found is not None:
            assert found.dtype == expected.dtype
            assert found.shape == expected.shape
            assert found.tobytes() == expected.tobytes()


def test_any_changed_byte_of_an_entry_is_found() -> None:
    entry = bytearray(pack([np.arange(5), None, np.array([0.1, 0.2])]))
    for place in range(len(entry)):
        changed = entry.copy()
        changed[place] ^= 1
        with pytest.raises(DamagedEntryError):
            unpack(bytes(changed))
    with pytest.raises(DamagedEntryError):
        unpack(b"")


def test_samples_and_records_come_back_whole(records) -> None:
    extra = records[1]._replace(target=np.array([1.5, 2.0]), atomwise=np.zeros((4, 2)), energy=None, stress=None)
    extra.atoms.set_array("extra_features", np.arange(12.0).reshape(4, 3))
    for record in (*records, extra):
        back = unpack_record(pack_record(record))
        assert back.atoms == record.atoms
        assert back.atoms.info == record.atoms.info
        assert back.atoms.arrays.keys() == record.atoms.arrays.keys()
        for name in ("identifier", "group", "energy"):
            assert getattr(back, name) == getattr(record, name)
        for name in ("forces", "stress", "target", "atomwise", "additional"):
            np.testing.assert_array_equal(getattr(back, name), getattr(record, name))
    for record in records:
        sample = build_sample(record, RECIPE)
        assert_same_sample(unpack_sample(pack_sample(sample)), sample)


def test_the_layout_follows_the_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    before = layout()
    monkeypatch.setattr(Record, "_fields", (*Record._fields, "charge"))
    assert layout() != before


# reuse and rebuild


def test_an_unchanged_cache_is_reused_and_gives_what_was_built(tmp_path: Path, records) -> None:
    counting = Counting()
    assert_holds(counting.opened(tmp_path / "c", records), records)
    assert counting.n_built == len(records)
    again = Counting()
    assert_holds(again.opened(tmp_path / "c", records, insist=True), records)
    assert again.n_built == 0
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


CHANGED_RECIPES = {
    "cutoff": GraphRecipe(cutoff=4.5, three_body_cutoff=3.0),
    "three_body_cutoff": GraphRecipe(cutoff=4.0, three_body_cutoff=3.2),
    "neighbor_strategy": GraphRecipe(neighbor_strategy="k-nearest", cutoff=4.0, three_body_cutoff=3.0, max_neighbors=6),
    "compute_line_graph": GraphRecipe(cutoff=4.0, three_body_cutoff=3.0, compute_line_graph=False),
}


@pytest.mark.parametrize("field", CHANGED_RECIPES)
def test_another_recipe_is_named_and_rebuilt(tmp_path: Path, records, caplog, field: str) -> None:
    Counting().opened(tmp_path / "c", records).close()
    recipe = CHANGED_RECIPES[field]
    with pytest.raises(ConfigError, match=rf"read_existing is true[\s\S]*{field}: [\s\S]*in the cache"):
        Counting().opened(tmp_path / "c", records, recipe, insist=True)
    with caplog.at_level(logging.WARNING):
        assert_holds(Counting().opened(tmp_path / "c", records, recipe), records, recipe)
    assert f"{field}: " in caplog.text


def test_another_record_or_label_or_order_is_rebuilt(tmp_path: Path, records) -> None:
    moved = records[0].atoms.copy()
    moved.positions[0, 0] += 1e-9
    variants = [
        [records[0]._replace(atoms=moved), *records[1:]],
        [records[0]._replace(energy=records[0].energy + 1e-12), *records[1:]],
        [*records[1:], records[0]],
        records[1:],
    ]
    for variant in variants:
        shutil.rmtree(tmp_path / "c", ignore_errors=True)
        Counting().opened(tmp_path / "c", records).close()
        counting = Counting()
        assert_holds(counting.opened(tmp_path / "c", variant), variant)
        assert counting.n_built == len(variant)


def test_family_and_element_features_are_part_of_the_identity(records) -> None:
    digests = {
        identity_of(records).digest,
        identity_of(records, family="alignn_atomwise").digest,
        identity_of(records, scheme="cfid").digest,
        identity_of(records, CHANGED_RECIPES["cutoff"]).digest,
        identity_of(records[1:]).digest,
    }
    assert len(digests) == 5
    assert identity_of(records).digest == identity_of(list(records)).digest


# damaged, foreign, half-built


def shortened(folder: Path) -> None:
    data = folder / "data.mdb"
    data.write_bytes(data.read_bytes()[:-4096])


def flipped(folder: Path) -> None:
    data = folder / "data.mdb"
    content = bytearray(data.read_bytes())
    content[random.Random(4).randrange(len(content))] ^= 64
    data.write_bytes(content)


DAMAGES = {
    "shortened": shortened,
    "one bit flipped": flipped,
    "emptied": lambda folder: (folder / "data.mdb").write_bytes(b""),
    "gone": lambda folder: (folder / "data.mdb").unlink(),
    "junk for a manifest": lambda folder: (folder / "manifest.json").write_text("{"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_a_warning_and_rebuilt(tmp_path: Path, records, caplog, damage: str) -> None:
    Counting().opened(tmp_path / "c", records).close()
    DAMAGES[damage](tmp_path / "c")
    with pytest.raises(ConfigError, match="is damaged"):
        Counting().opened(tmp_path / "c", records, insist=True)
    with caplog.at_level(logging.WARNING):
        assert_holds(Counting().opened(tmp_path / "c", records), records)
    assert "is damaged" in caplog.text


def test_damage_while_a_run_reads_is_named(tmp_path: Path, records) -> None:
    cache = Counting().opened(tmp_path / "c", records)
    data = tmp_path / "c" / "data.mdb"
    sample = pack_sample(build_sample(records[3], RECIPE))
    content = data.read_bytes()
    place = content.index(sample[:64]) + len(sample) - 1
    with data.open("r+b") as file:
        file.seek(place)
        file.write(bytes([content[place] ^ 1]))
    with pytest.raises(DataError, match="entry 3 of its samples is wrong"):
        list(cache.samples(range(len(records))))


def test_a_foreign_folder_is_an_error_and_unchanged(tmp_path: Path, records) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "data.mdb").write_bytes(b"pickles of the published package")
    (folder / "lock.mdb").write_bytes(b"")
    with pytest.raises(ConfigError, match="this program did not make it"):
        Counting().opened(folder, records)
    assert (folder / "data.mdb").read_bytes() == b"pickles of the published package"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="it is a file"):
        Counting().opened(tmp_path / "file", records)


def test_a_build_that_was_stopped_resumes(tmp_path: Path, records, caplog) -> None:
    many = records * 60
    first = Counting(stop_after=100)
    with pytest.raises(BuildStoppedError, match="128 of 420 graphs"):
        first.opened(tmp_path / "c", many)
    assert not (tmp_path / "c").exists()
    second = Counting()
    with caplog.at_level(logging.WARNING):
        cache = second.opened(tmp_path / "c", many)
    assert "cut short; it continues from there" in caplog.text
    assert first.n_built + second.n_built == len(many)
    assert_holds(cache, many)


def test_a_half_built_cache_of_other_graphs_is_not_gone_on_with(tmp_path: Path, records) -> None:
    many = records * 60
    with pytest.raises(BuildStoppedError):
        Counting(stop_after=100).opened(tmp_path / "c", many)
    counting = Counting()
    recipe = CHANGED_RECIPES["cutoff"]
    assert_holds(counting.opened(tmp_path / "c", many, recipe), many, recipe)
    assert counting.n_built == len(many)


def test_a_half_built_cache_that_lost_its_end_is_rebuilt(tmp_path: Path, records) -> None:
    many = records * 60
    with pytest.raises(BuildStoppedError):
        Counting(stop_after=100).opened(tmp_path / "c", many)
    shortened(tmp_path / "c.building")
    assert_holds(Counting().opened(tmp_path / "c", many), many)


def test_two_runs_do_not_build_in_one_place(tmp_path: Path, records) -> None:
    (tmp_path / "c.building").mkdir()
    with (
        opening_module._only_builder(tmp_path / "c.building"),
        pytest.raises(TrainingError, match="another run is building"),
    ):
        Counting().opened(tmp_path / "c", records)


def test_a_structure_without_a_graph_is_named(tmp_path: Path) -> None:
    twice = labelled(Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 2.5]]), "x")
    twice.positions[1] = 0.0
    records = [Record("bad.extxyz:0", twice, 0.0, None, None, "")]
    with pytest.raises(DataError, match=r"bad\.extxyz:0 has no graph: atoms at one place"):
        Counting().opened(tmp_path / "c", records)


# many


def test_processes_build_what_one_builds(tmp_path: Path, records) -> None:
    many = records * 20
    for name, n_processes in (("one", 0), ("two", 2)):
        (tmp_path / name).mkdir()
        store = Store(tmp_path / name, writing=True)
        store_records(store, many)
        told: list[tuple[int, int]] = []
        store_samples(
            store,
            partial(build_sample, recipe=RECIPE),
            n_processes=n_processes,
            stop=lambda: False,
            notify=lambda done, total: told.append((done, total)),  # noqa: B023
            worth_a_process=1,
        )
        assert told[-1] == (140, 140)
        store.close()
    stores = [Store(tmp_path / name) for name in ("one", "two")]
    for index in range(len(many)):
        with stores[0].entry("samples", index) as one, stores[1].entry("samples", index) as other:
            assert one == other


class Endless:
    """The requested number of records, made one by one."""

    def __init__(self, record: Record, n_records: int) -> None:
        self.record, self.n_records = record, n_records

    def __iter__(self) -> Iterator[Record]:
        for index in range(self.n_records):
            atoms = self.record.atoms.copy()
            atoms.positions[0, 0] += 1e-4 * index
            yield self.record._replace(identifier=f"x:{index}", atoms=atoms)


def test_memory_does_not_grow_with_the_number_of_structures(
    tmp_path: Path, records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory of building and of one epoch; tracemalloc counts the arrays of records, graphs and entries."""

    def peak(n_records: int) -> int:
        source = Endless(records[0], n_records)
        folder = tmp_path / str(n_records)
        tracemalloc.start()
        cache = open_cache(folder, identity_of(source), source, Building(partial(build_sample, recipe=RECIPE)))
        order = [range(start, start + 8) for start in range(0, n_records, 8)]
        for _ in Loader(n_threads=2).batches(cache.samples(range(n_records)), order):
            pass
        for _ in cache.records:
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    for module, name, value in (
        (build_module, "COMMIT_BYTES", 1 << 14),
        (build_module, "CHUNK", 8),
        (build_module, "RECORDS_AT_ONCE", 8),
        (store_module, "CHUNK_BYTES", 1 << 14),
    ):
        monkeypatch.setattr(module, name, value)
    peak(32)
    sample = build_sample(records[0], RECIPE)
    n_bytes = sum(tensor.numel() * tensor.element_size() for tensor in leaves(sample) if tensor is not None)
    few, many = peak(64), peak(256)
    growth = (many - few) / 192
    assert growth < 0.1 * n_bytes, f"{growth:.0f} B more for each structure, whose sample takes {n_bytes} B"
