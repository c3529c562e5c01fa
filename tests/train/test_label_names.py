"""Labels under any name, in every format: found, converted, or named, and never taken from a wrong value."""

import json
import logging
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from numpy.testing import assert_allclose

from alignn_ff.errors import DataError
from alignn_ff.train import DataKeys, read_records, validate_config
from alignn_ff.train.datasets import load_records, write_records
from tests.support.labelled_data import copper_frames, molecule_frames, write_frames
from tests.support.published_data import force_field_entries

FORCE_FIELD = {"name": "alignn_smooth", "alignn_layers": 1, "gcn_layers": 1, "hidden_features": 8}
CELL = 'Lattice="3 0 0 0 3 0 0 0 3"'


def one_frame(path: Path, comment: str) -> Path:
    path.write_text(f"1\n{CELL} Properties=species:S:1:pos:R:3:forces:R:3 {comment}\nCu 0 0 0 0 0 0.1\n")
    return path


def renamed(frames: list[Atoms], names: dict[str, str]) -> list[Atoms]:
    """Frames without results, whose labels are under other names."""
    for frame in frames:
        results, frame.calc = frame.calc.results, None
        for kind, name in names.items():
            (frame.arrays if kind == "forces" else frame.info)[name] = results[kind]
    return frames


# Values that are not labels


@pytest.mark.parametrize("comment", ["energy -10.0", "energy=T", "energy=true", 'energy="T F"'])
def test_a_truth_value_is_not_an_energy(tmp_path: Path, comment: str) -> None:
    with pytest.raises(DataError, match=r"a\.extxyz:0: the label 'energy' is a truth value.*without ="):
        read_records(one_frame(tmp_path / "a.extxyz", comment))


@pytest.mark.parametrize("key", ["total_energy", "forces", "stresses", "atomwise", "additional"])
@pytest.mark.parametrize("spoil", [lambda value: True, lambda value: "1.5"], ids=["true", "word"])
def test_a_truth_value_or_a_word_is_refused_in_any_label(tmp_path: Path, key: str, spoil) -> None:
    entry = {**force_field_entries(copper_frames(1))[0], "atomwise": [1.0] * 4, "additional": [1.0]}

    def spoiled(value):
        return [spoiled(value[0]), *value[1:]] if isinstance(value, list) else spoil(value)

    entry[key] = spoiled(entry[key])
    (tmp_path / "id_prop.json").write_text(json.dumps([entry]))
    with pytest.raises(DataError, match=f"'{key}' is (a truth value|not numeric)"):
        read_records(tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("labels.traj", "energy"), ("labels.db", "energy"), ("labels.db", "forces"), ("labels.db", "stress")],
)
def test_truth_values_among_results_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    (frame,) = copper_frames(1)
    labels = {**frame.calc.results, kind: np.ones_like(frame.calc.results[kind], dtype=bool)}
    if name.endswith(".db"):
        frame.calc = None
        with ase.db.connect(tmp_path / name) as database:
            database.write(frame, data={k: v.tolist() if kind == k else v for k, v in labels.items()})
    else:
        frame.calc = SinglePointCalculator(frame, **labels)
        ase.io.write(tmp_path / name, frame)
    with pytest.raises(DataError, match=f"the label '{kind}' is a truth value"):
        read_records(tmp_path / name)


@pytest.mark.parametrize(
    ("stress", "hint"),
    [
        ("1 2 3 4 5 6 7 8 9", "not symmetric"),
        ("1 0 0 0.5 1 0 0 0 1", "not symmetric"),
        ("1 2 3 4 5 6", "frame 1"),
    ],
)
def test_a_stress_that_is_no_tensor_is_refused_with_its_frame(tmp_path: Path, stress: str, hint: str) -> None:
    good = one_frame(tmp_path / "good.extxyz", 'energy=1 stress="1 0 0 0 1 0 0 0 1"').read_text()
    bad = one_frame(tmp_path / "bad.extxyz", f'energy=1 stress="{stress}"')
    bad.write_text(good + bad.read_text())
    with pytest.raises(DataError, match=rf"{hint}|bad\.extxyz:1: .*{hint}"):
        read_records(bad)


# Names


def test_labels_under_other_names_are_named_with_the_option_that_reads_them(tmp_path: Path, caplog) -> None:
    frames = copper_frames(4)
    others = renamed(frames[2:], {"energy": "Energy", "forces": "force"})
    for frame in others:
        frame.info |= {"energy": -1.0, "virial": np.eye(3)}
    path = write_frames(tmp_path / "mixed.extxyz", [*frames[:2], *others])
    records = read_records(path)
    assert [record.forces is None for record in records] == [False, False, True, True]
    said = "\n".join(caplog.messages)
    assert "'force' in 2 of 4 records (the first is mixed.extxyz:2) is not read; --forces-key force" in said
    assert "'virial' in 2 of 4 records" in said
    assert "−virial/volume" in said
    assert "'Energy' in 2 of 4 records" in said
    assert len(caplog.messages) == 3


def test_nothing_is_said_about_labels_that_the_user_did_not_choose(tmp_path: Path, caplog) -> None:
    frames = copper_frames(2)
    for frame in frames:
        frame.info |= {"REF_energy": -1.0, "max_force": 3.0, "energy_of_what": "words"}
        frame.arrays["REF_forces"] = np.zeros((4, 3))
    path = write_frames(tmp_path / "cu.extxyz", frames)
    read_records(path, DataKeys(target="REF_energy", forces="REF_forces"))
    assert caplog.messages == []
    read_records(path)
    assert len(caplog.messages) == 2


def test_records_without_labels_are_one_problem_with_the_names_that_are_there(tmp_path: Path) -> None:
    frames = renamed(copper_frames(12), {"energy": "REF_energy", "forces": "REF_forces"})
    with pytest.raises(DataError) as caught:
        read_records(write_frames(tmp_path / "cu.extxyz", frames))
    said = str(caught.value)
    assert said.count("no labels") == 1
    assert "(12 records)" in said
    assert "the records hold REF_energy, REF_forces" in said
    assert "--target-key REF_energy" in said
    assert "--forces-key REF_forces" in said


@pytest.mark.parametrize("keys", [{}, {"target": "REF_energy", "forces": "REF_forces", "stress": "REF_stress"}])
@pytest.mark.parametrize("form", ["cu.extxyz", "cu.db"])
def test_a_record_may_lack_any_label(tmp_path: Path, keys: dict[str, str], form: str) -> None:
    frames = [*copper_frames(3), *molecule_frames(1)]
    frames[1].calc.results.pop("energy")
    frames[2].calc.results.pop("forces")
    for frame in frames if keys else ():
        results, frame.calc = frame.calc.results, None
        for kind, value in results.items():
            (frame.arrays if kind == "forces" else frame.info)[f"REF_{kind}"] = value
    if form.endswith(".db"):
        with ase.db.connect(tmp_path / form) as database:
            for frame in frames:
                database.write(frame, data={**frame.info, **{k: v for k, v in frame.arrays.items() if "REF" in k}})
    else:
        write_frames(tmp_path / form, frames)
    records = read_records(tmp_path / form, DataKeys(**keys))
    assert [record.energy is None for record in records] == [False, True, False, False]
    assert [record.forces is None for record in records] == [False, False, True, False]
    assert [record.stress is None for record in records] == [False, False, False, True]
    given = {"target": "target", "forces": "forces_key", "stress": "stress_key"}
    config = {"data": str(tmp_path / form), "model": FORCE_FIELD, **{given[k]: name for k, name in keys.items()}}
    assert len(load_records(validate_config(config))) == 4


@pytest.mark.parametrize("form", ["json", "extxyz"])
def test_a_key_that_no_record_has_is_one_error_with_the_names_that_are_there(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"cu.{form}"
    if form == "json":
        path.write_text(json.dumps(force_field_entries(copper_frames(3))))
    else:
        write_frames(path, copper_frames(3))
    for kind in ("target", "forces", "stress", "atomwise", "additional"):
        with pytest.raises(DataError, match=rf"no 'DFT_x', which {kind}(_key names| names|.*is the target)|no 'DFT_x'"):
            read_records(path, DataKeys(**{kind: "DFT_x"}))


@pytest.mark.parametrize("holder", ["key_value_pairs", "data"])
@pytest.mark.parametrize("prefix", ["", "REF_"])
def test_databases_hold_labels_in_columns_in_pairs_and_in_data(tmp_path: Path, holder: str, prefix: str) -> None:
    frames = copper_frames(2)
    with ase.db.connect(tmp_path / "cu.db") as database:
        for frame in frames:
            labels, frame.calc = frame.calc.results, None
            energy = {f"{prefix or 'total_'}energy": float(labels["energy"])}
            data = {f"{prefix}forces": labels["forces"].tolist(), f"{prefix}stress": labels["stress"]}
            pairs = energy if holder == "key_value_pairs" else {}
            more = {} if pairs else {f"{prefix}energy": np.array([labels["energy"]])}
            database.write(frame, key_value_pairs=pairs, data={**data, **more})
    names = {kind: f"REF_{kind}" for kind in ("forces", "stress")} if prefix else {}
    keys = DataKeys(**names, **({"target": "REF_energy"} if prefix else {}))
    for record, frame in zip(read_records(tmp_path / "cu.db", keys), copper_frames(2), strict=True):
        assert record.energy == pytest.approx(frame.calc.results["energy"])
        assert_allclose(record.forces, frame.calc.results["forces"])
        assert_allclose(record.stress, frame.get_stress(voigt=False))


# Stresses


def test_a_virial_that_is_chosen_becomes_a_stress(tmp_path: Path) -> None:
    frames = copper_frames(2)
    stresses = [frame.get_stress(voigt=False) for frame in frames]
    for frame, stress in zip(frames, stresses, strict=True):
        frame.calc.results.pop("stress")
        frame.info["virial"] = -stress * frame.get_volume()
    records = read_records(write_frames(tmp_path / "v.extxyz", frames), DataKeys(stress="virial"))
    for record, stress in zip(records, stresses, strict=True):
        assert_allclose(record.stress, stress, atol=1e-9)


@pytest.mark.parametrize("keys", [DataKeys(), DataKeys(stress="virial")])
def test_a_stress_without_a_volume_is_ignored_by_name(tmp_path: Path, caplog, keys: DataKeys) -> None:
    path = tmp_path / "atom.extxyz"
    zeros = '"0 0 0 0 0 0 0 0 0"'
    lone = f'1\nProperties=species:S:1:pos:R:3 energy=-1.0 stress={zeros} virial={zeros} pbc="F F F"\nCu 0 0 0\n'
    path.write_text(lone + one_frame(tmp_path / "cu.extxyz", f"energy=-2.0 stress={zeros} virial={zeros}").read_text())
    first, second = read_records(path, keys)
    assert first.stress is None
    assert second.stress is not None
    assert any("the stress of 1 of 2 records is ignored" in m and "atom.extxyz:0" in m for m in caplog.messages)


# Identifiers


@pytest.mark.parametrize("form", ["out.db", "out.extxyz", "out.json"])
@pytest.mark.parametrize("name", ["123", "007", "1e5", "True", "T", "nan", "mp-1", "-1.5", "a b", "1_0", '"'])
def test_identifiers_and_groups_survive_every_format(tmp_path: Path, form: str, name: str) -> None:
    (record,) = read_records(write_frames(tmp_path / "cu.extxyz", copper_frames(1)))
    write_records(tmp_path / form, [record._replace(identifier=name, group=name)])
    (again,) = read_records(tmp_path / form)
    assert (again.identifier, again.group) == (name, name)


def test_passes_over_a_file_warn_once(tmp_path: Path, caplog) -> None:
    from alignn_ff.train.datasets import records_source

    caplog.set_level(logging.WARNING)
    frames = copper_frames(2)
    frames[1].arrays["DFT_forces"] = np.zeros((4, 3))
    source = records_source(validate_config({"data": str(write_frames(tmp_path / "cu.extxyz", frames))}))
    for _ in range(2):
        assert len(list(source)) == 2
    assert len(caplog.messages) == 1
