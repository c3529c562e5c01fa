"""A data set that has not changed is opened without being read; one that has changed is never taken for the old one."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from alignn_ff.errors import ConfigError
from alignn_ff.loading import select_device
from alignn_ff.train import validate_config
from alignn_ff.train.datasets import frames as frames_module
from alignn_ff.train.datasets import raw_digest, records_source
from alignn_ff.train.distributed.ranks import SingleProcess
from alignn_ff.train.preparation import prepare_run
from alignn_ff.train.records import element_energies, statistics
from alignn_ff.train.records.element_energies import (
    BLOCK,
    fit_per_element,
    fit_robustly_per_element,
    spread_over_elements,
)
from alignn_ff.train.resolution import resolve
from alignn_ff.train.run_data import Notify, cache_folder, prepared_data
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.training_runs import SMALL


class Journal:
    """Opens data, and counts the frames that are parsed, the graphs that are built, the passes for statistics."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frames = self.passes = 0
        draft, add = frames_module._draft, statistics.RunningEnvironments.add

        def counted(*given):
            self.frames += 1
            return draft(*given)

        def passed(*given):
            self.passes += 1
            add(*given)

        monkeypatch.setattr(frames_module, "_draft", counted)
        monkeypatch.setattr(statistics.RunningEnvironments, "add", passed)

    def opened(self, config) -> dict[str, object]:
        """What a run sees, after the data and their statistics are there."""
        self.frames = self.passes = 0
        graphs: list[int] = []
        resolved = resolve(config)
        notify = Notify(building=lambda done, total: graphs.append(done))
        with prepared_data(
            resolved.config, resolved.recipe, lambda: records_source(resolved.config), SingleProcess(), notify
        ) as data:
            run = prepare_run(resolved, data, select_device("cpu"), SingleProcess())
            return {
                "ids": data.identifiers(),
                "digests": (data.data_digest, data.cache_digest),
                "shapes": data.shapes,
                "elements": data.elements,
                "header": run.header.model_dump(mode="json", exclude={"provenance"}),
                "energies": [record.energy for record in data.records],
                "graphs": graphs,
            }


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> Journal:
    return Journal(monkeypatch)


def config_of(data: Path, output: Path, **changes):
    return validate_config({**SMALL, "data": str(data), "output_dir": str(output), **changes})


def seen(opened: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in opened.items() if name != "graphs"}


def test_the_second_opening_reads_nothing_and_sees_the_same(tmp_path: Path, journal: Journal) -> None:
    config = config_of(write_frames(tmp_path / "cu.extxyz", copper_frames(8)), tmp_path / "run")
    first = journal.opened(config)
    assert (journal.frames, journal.passes) == (8, 6)
    second = journal.opened(config)
    assert (journal.frames, journal.passes, second["graphs"]) == (0, 0, [])
    assert seen(second) == seen(first)
    in_memory = journal.opened(config_of(tmp_path / "cu.extxyz", tmp_path / "run", use_lmdb=False))
    assert seen(in_memory) == seen(first)


def test_touching_or_moving_the_files_changes_nothing(tmp_path: Path, journal: Journal) -> None:
    path = write_frames(tmp_path / "cu.extxyz", copper_frames(8))
    journal.opened(config_of(path, tmp_path / "run"))
    (tmp_path / "there").mkdir()
    moved = Path(path.rename(tmp_path / "there" / path.name))
    (cache_folder(config_of(path, tmp_path / "run")) / "data.mdb").touch()
    assert journal.opened(config_of(moved, tmp_path / "run"))["graphs"] == []
    assert journal.frames == 0


CHANGES = {
    "target_multiplication_factor": {"target_multiplication_factor": 2.0},
    "data_index": {"data_index": ":6"},
    "id_tag": {"id_tag": "config_type"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_choice_of_the_reader_reads_again(tmp_path: Path, journal: Journal, change) -> None:
    path = write_frames(tmp_path / "cu.extxyz", copper_frames(8))
    first = journal.opened(config_of(path, tmp_path / "run"))
    again = journal.opened(config_of(path, tmp_path / "run", **change))
    assert journal.frames > 0
    assert seen(again) != seen(first)
    assert seen(again) == seen(journal.opened(config_of(path, tmp_path / "fresh", **change)))


def test_a_file_that_has_changed_is_read_again(tmp_path: Path, journal: Journal, caplog) -> None:
    caplog.set_level(logging.WARNING)
    frames = copper_frames(8)
    config = config_of(write_frames(tmp_path / "cu.extxyz", frames), tmp_path / "run")
    first = journal.opened(config)
    frames[3].calc.results["energy"] += 1e-3
    write_frames(tmp_path / "cu.extxyz", frames)
    changed = journal.opened(config)
    assert journal.frames == 8
    assert "is of other graphs" in caplog.text
    assert changed["energies"] != first["energies"]
    write_frames(tmp_path / "cu.extxyz", copper_frames(8))
    with pytest.raises(ConfigError, match="read_existing is true"):
        journal.opened(config.model_copy(update={"read_existing": True}))


def test_other_text_with_the_same_records_keeps_the_graphs(tmp_path: Path, journal: Journal) -> None:
    path = write_frames(tmp_path / "cu.extxyz", copper_frames(8))
    config = config_of(path, tmp_path / "run")
    first = journal.opened(config)
    path.write_text(path.read_text().replace("energy=", " energy="))
    again = journal.opened(config)
    assert (journal.frames, again["graphs"]) == (8, [])
    assert seen(again) == seen(first)
    journal.opened(config)
    assert journal.frames == 0


def test_reading_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alignn_ff.train.notices.SECONDS_PER_NOTICE", -1.0)
    for use_lmdb in (True, False):
        path = write_frames(tmp_path / "cu.extxyz", copper_frames(8))
        resolved = resolve(config_of(path, tmp_path / str(use_lmdb), use_lmdb=use_lmdb))
        read: list[int] = []
        notify = Notify(reading=read.append)
        with prepared_data(
            resolved.config,
            resolved.recipe,
            lambda config=resolved.config: records_source(config),
            SingleProcess(),
            notify,
        ):
            assert read == list(range(1, 9))


def test_warnings_about_the_data_are_repeated(tmp_path: Path, journal: Journal, caplog) -> None:
    frames = copper_frames(8)
    for frame in frames:
        frame.info["dft_energy"] = 1.0
        frame.arrays["DFT_forces"] = np.zeros((4, 3))
    config = config_of(write_frames(tmp_path / "cu.extxyz", frames), tmp_path / "run")
    journal.opened(config)
    told = [message for message in caplog.messages if "is not read" in message]
    assert told
    caplog.clear()
    journal.opened(config)
    assert journal.frames == 0
    assert [message for message in caplog.messages if "is not read" in message] == told


def test_a_cache_of_an_earlier_version_is_kept_and_completed(tmp_path: Path, journal: Journal) -> None:
    config = config_of(write_frames(tmp_path / "cu.extxyz", copper_frames(8)), tmp_path / "run")
    first = journal.opened(config)
    manifest = cache_folder(config) / "manifest.json"
    content = json.loads(manifest.read_text())
    older = {name: value for name, value in content.items() if name not in ("reading", "modified_ns")}
    manifest.write_text(json.dumps(older | {"version": 1}))
    again = journal.opened(config)
    assert (journal.frames, again["graphs"]) == (8, [])
    assert seen(again) == seen(first)
    journal.opened(config)
    assert journal.frames == 0


def test_a_damaged_summary_costs_one_pass(tmp_path: Path, journal: Journal, caplog) -> None:
    config = config_of(write_frames(tmp_path / "cu.extxyz", copper_frames(8)), tmp_path / "run")
    first = journal.opened(config)
    (file,) = cache_folder(config).glob("*.summary")
    file.write_bytes(file.read_bytes()[:-3])
    assert seen(journal.opened(config)) == seen(first)
    assert (journal.frames, journal.passes) == (0, 6)
    assert "is damaged" in caplog.text
    journal.opened(config)
    assert journal.passes == 0


def test_tables_that_name_other_files_are_always_read(tmp_path: Path) -> None:
    (tmp_path / "id_prop.csv").write_text("POSCAR,1.0\n")
    model = {"name": "alignn_atomwise", "calculate_gradient": False, "gradwise_weight": 0.0}
    assert raw_digest(validate_config({"data": str(tmp_path), "model": model})) is None
    assert raw_digest(validate_config({"dataset": "dft_3d", "model": model})) is None


def test_references_of_many_structures_are_those_of_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    composition = generator.integers(0, 4, (300, 5)).astype(np.int16)
    composition[:, 0] += 1
    composition[:, 4] = composition[:, 3]  # a singular fit: the solution of minimum norm
    energies = composition @ np.arange(5.0) + generator.normal(size=300)
    energies[7] = np.nan
    at_once = fit_per_element(composition, energies)
    assert len(energies) < BLOCK
    monkeypatch.setattr(element_energies, "BLOCK", 37)
    np.testing.assert_allclose(fit_per_element(composition, energies), at_once, atol=1e-12)


def test_references_do_not_follow_structures_that_a_start_model_knows_nothing_of() -> None:
    """One energy of 10⁵ eV moved an element by 157 eV, and the training went astray from there."""
    generator = np.random.default_rng(5)
    composition = generator.integers(0, 4, (300, 5)).astype(np.int16)
    composition[:, 0] += 1
    energies = composition @ np.arange(5.0) + 0.05 * generator.normal(size=300)
    np.testing.assert_array_equal(
        fit_robustly_per_element(composition, energies), fit_per_element(composition, energies)
    )
    spoiled = energies.copy()
    spoiled[[3, 40, 200]] += [1e5, -3e7, 400.0]
    spoiled[9] = np.nan
    assert np.abs(fit_per_element(composition, spoiled) - np.arange(5.0)).max() > 100
    np.testing.assert_allclose(fit_robustly_per_element(composition, spoiled), np.arange(5.0), atol=0.05)
    assert fit_robustly_per_element(composition, np.full(300, np.nan)).tolist() == [0.0] * 5


def test_a_part_of_a_large_training_set_holds_enough_structures_of_each_element() -> None:
    generator = np.random.default_rng(6)
    composition = np.zeros((5000, 4), dtype=np.int16)
    composition[:, 0] = 2
    composition[::7, 1] = 1
    composition[4000:4090, 2] = 3
    composition[[17, 4999], 3] = 1
    energies = composition @ np.array([-3.0, 1.0, 5.0, -7.0]) + 0.01 * generator.normal(size=5000)
    energies[::10] = np.nan
    known = np.flatnonzero(np.isfinite(energies))
    np.testing.assert_array_equal(spread_over_elements(composition, energies, most=4500, each=9), known)

    chosen = spread_over_elements(composition, energies, most=300, each=40)
    np.testing.assert_array_equal(chosen, spread_over_elements(composition, energies, most=300, each=40))
    assert np.isfinite(energies[chosen]).all()
    assert (np.diff(chosen) > 0).all()
    assert 300 <= len(chosen) <= 300 + 3 * 40
    assert ((composition[chosen] > 0).sum(axis=0) >= [300, 40, 40, 2]).all()
    np.testing.assert_allclose(
        fit_robustly_per_element(composition[chosen], energies[chosen]), [-3, 1, 5, -7], atol=0.05
    )
    assert not spread_over_elements(composition, np.full(5000, np.nan), most=300, each=40).size
