"""Records, splits, statistics and batches."""

import random

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff.checkpoint import TrainingDomain
from alignn_ff.errors import ConfigError, DataError
from alignn_ff.graph import GraphRecipe
from alignn_ff.train import read_records, validate_config
from alignn_ff.train.records.batches import build_sample, epoch_order, join
from alignn_ff.train.records.split import split_records
from alignn_ff.train.records.statistics import (
    elements_of,
    fit_references,
    label_scales,
    measure_statistics,
    repulsion_ends,
    summarise_training_set,
    training_domain,
)
from alignn_ff.train.start.finetuning import merged_domain
from tests.support.labelled_data import copper_frames, labelled, molecule_frames, write_frames


def test_labels_survive_reading_in_ase_units(tmp_path):
    frame = copper_frames(1)[0]
    (record,) = read_records(write_frames(tmp_path / "cu.extxyz", [frame]))
    assert record.energy == pytest.approx(frame.get_potential_energy(), abs=1e-7)
    np.testing.assert_allclose(record.forces, frame.get_forces(), atol=1e-7)
    np.testing.assert_allclose(record.stress, frame.get_stress(voigt=False), atol=1e-9)
    assert record.group == "bulk"


def test_molecules_have_no_stress_label(tmp_path):
    (record,) = read_records(write_frames(tmp_path / "co.extxyz", molecule_frames(1)))
    assert record.stress is None


@pytest.mark.parametrize("label", ["energy", "forces", "stress"])
def test_a_nan_label_is_named_by_record(tmp_path, label):
    frames = copper_frames(3)
    value = frames[1].calc.results[label]
    frames[1].calc.results[label] = value * np.nan
    path = write_frames(tmp_path / "cu.extxyz", frames)
    with pytest.raises(DataError, match=rf"cu\.extxyz:1: the label '{label}' holds NaN"):
        read_records(path)


def test_a_frame_without_energy_is_named(tmp_path):
    frames = copper_frames(2)
    frames[1].calc = None
    with pytest.raises(DataError, match=r"cu\.extxyz:1: no labels"):
        read_records(write_frames(tmp_path / "cu.extxyz", frames))


def test_a_misshapen_label_is_named(tmp_path):
    path = tmp_path / "bad.extxyz"
    path.write_text(
        '1\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3:forces:R:2 energy=1.0\nCu 0 0 0 1 2\n'
    )
    with pytest.raises(DataError, match=r"bad\.extxyz"):
        read_records(path)


def test_missing_and_empty_data_are_errors(tmp_path):
    with pytest.raises(DataError, match="no such structure file"):
        read_records(tmp_path / "none.extxyz")
    (tmp_path / "empty.extxyz").write_text("")
    with pytest.raises(DataError, match="empty"):
        read_records(tmp_path / "empty.extxyz")


@pytest.fixture
def records(tmp_path):
    return read_records(write_frames(tmp_path / "cu.extxyz", copper_frames(12)))


@pytest.mark.config_field("cross_validation", "cross_validation.n_folds", "cross_validation.fold")
def test_folds_are_disjoint_stratified_and_cover_everything(records):
    held_out = []
    for fold in range(4):
        split = split_records(records, validate_config({"cross_validation": {"n_folds": 4, "fold": fold}}))
        assert set(split.train) | set(split.val) == set(range(12))
        assert not set(split.train) & set(split.val)
        assert sorted(records[i].group for i in split.val) == ["bulk", "hot", "strained"]
        held_out.extend(split.val)
    assert sorted(held_out) == list(range(12))


@pytest.mark.config_field("n_train", "n_val", "n_test", "train_ratio", "keep_data_order")
def test_counts_override_ratios_and_order_is_kept(records):
    split = split_records(records, validate_config({"n_train": 5, "n_val": 2, "n_test": 1}))
    assert (split.train, split.val, split.test) == ((0, 1, 2, 3, 4), (9, 10), (11,))
    shuffled = split_records(
        records, validate_config({"n_train": 5, "n_val": 2, "n_test": 1, "keep_data_order": False})
    )
    assert shuffled.train != split.train
    by_ratio = split_records(records, validate_config({}))
    assert by_ratio == (tuple(range(9)), (10,), (11,))
    rest = split_records(records, validate_config({"train_ratio": None, "n_val": 0}))
    assert rest == (tuple(range(11)), (), (11,))


def test_the_error_of_too_many_requested_records_has_their_number(records):
    with pytest.raises(DataError, match=r"11 \+ 2 \+ 1 records .* the data has 12"):
        split_records(records, validate_config({"n_train": 11, "n_val": 2}))
    with pytest.raises(DataError, match="no record is left to train on"):
        split_records(records, validate_config({"n_train": 0, "n_val": 12, "n_test": 0}))


def surveyed(records, cutoff=4.0):
    recipe = GraphRecipe(cutoff=cutoff)
    return summarise_training_set(((record, build_sample(record, recipe)) for record in records), elements_of(records))


def test_references_of_one_composition_have_minimum_norm(tmp_path):
    records = read_records(write_frames(tmp_path / "co.extxyz", molecule_frames(4)))
    references = fit_references(surveyed(records))
    assert references[0] == pytest.approx(references[1])
    assert references.sum() == pytest.approx(np.mean([record.energy for record in records]))


def test_given_references_must_cover_the_data(records):
    found = surveyed(records)
    with pytest.raises(ConfigError, match="lacks Cu"):
        measure_statistics(found, reference_energies={"C": 0.0})
    statistics = measure_statistics(found, reference_energies={"Cu": -1.0})
    assert statistics.exact_free_atoms
    assert statistics.reference_energies == (-1.0,)


def test_scales_are_the_rms_of_all_labels_at_once(records):
    scales = label_scales(surveyed(records), [-1.0])
    forces = np.concatenate([record.forces.ravel() for record in records])
    energies = np.array([record.energy / len(record.atoms) + 1.0 for record in records])
    assert scales.forces == pytest.approx(np.sqrt(np.mean(forces**2)), rel=1e-12)
    assert scales.energy == pytest.approx(np.sqrt(np.mean(energies**2)), rel=1e-12)


def test_the_training_domain_holds_the_shortest_distance_of_every_pair(tmp_path):
    atoms = Atoms("CuCuAu", positions=[[0, 0, 0], [2.2, 0, 0], [0, 2.9, 0]], cell=[9, 9, 9], pbc=True)
    records = read_records(write_frames(tmp_path / "x.extxyz", [labelled(atoms, "x")]))
    domain = training_domain(surveyed(records, cutoff=5.0), [0.0, 0.0])
    assert domain.shortest_distance_A == {"Cu-Cu": pytest.approx(2.2), "Cu-Au": pytest.approx(2.9)}
    assert domain.n_atoms == 3


def test_the_training_domain_holds_volumes_pairs_lone_atoms_and_dimers(tmp_path):
    """Vacuum has no density: the second crystal lies in a slab, the molecules in boxes."""
    crystal, layer = bulk("Cu", a=3.6, cubic=True), bulk("Cu", a=3.7, cubic=True)
    layer.center(vacuum=6.0, axis=2)
    cluster = Atoms("CuCuAuAu", positions=[[0, 0, 0], [2.2, 0, 0], [9, 9, 9], [0, 9, 0]], cell=[18] * 3, pbc=True)
    expanded = bulk("Cu", a=3.8, cubic=True)
    frames = [labelled(atoms, "x") for atoms in (crystal, layer, cluster, expanded)]
    domain = training_domain(surveyed(read_records(write_frames(tmp_path / "x.extxyz", frames))), [-1.0, -2.0])
    assert domain.volume_per_atom_A3 == (pytest.approx(3.6**3 / 4), pytest.approx(3.8**3 / 4))
    assert domain.n_structures_per_element == {"Au": 1, "Cu": 4}
    assert domain.n_structures_per_pair == {"Cu-Cu": 4}
    assert domain.n_lone_atoms == {"Au": 1}
    assert domain.n_dimers == {"Cu-Cu": 1}
    above = [f.get_potential_energy() / len(f) + (1.5 if f is frames[2] else 1.0) for f in frames]
    assert domain.energy_above_references_eV == (pytest.approx(min(above)), pytest.approx(max(above)))


def test_what_one_training_set_does_not_tell_stays_unknown():
    seen = TrainingDomain(
        volume_per_atom_A3=(10.0, 12.0), energy_above_references_eV=(-1.0, 0.5), n_lone_atoms={"Cu": 1}, n_dimers={}
    )
    more = seen.model_copy(update={"volume_per_atom_A3": (9.0, 11.0), "n_lone_atoms": {"Au": 2, "Cu": 1}})
    both = merged_domain(seen, more)
    assert both.volume_per_atom_A3 == (9.0, 12.0)
    assert (both.n_lone_atoms, both.n_dimers) == ({"Au": 2, "Cu": 2}, {})
    unknown = merged_domain(TrainingDomain(), seen)
    assert (unknown.volume_per_atom_A3, unknown.energy_above_references_eV) == (None, None)
    assert (unknown.n_lone_atoms, unknown.n_dimers) == (None, None)


def test_the_repulsion_ends_at_the_shortest_distance_where_bonds_are_shorter_than_the_radii() -> None:
    ends = repulsion_ends({"N-O": 1.15, "Si-Si": 2.3, "Ti-O": 1.7})
    assert ends == ((7, 8, 1.15), (8, 22, 1.7))  # the radii of two Si add up to 2.22 Å


def test_missing_labels_are_masked_never_nan(tmp_path):
    crystal = read_records(write_frames(tmp_path / "cu.extxyz", copper_frames(1)))
    gas = read_records(write_frames(tmp_path / "co.extxyz", molecule_frames(1)))
    batch = join([build_sample(record, GraphRecipe(cutoff=4.0)) for record in (*crystal, *gas)])
    assert batch.targets.known["stress"].tolist() == [True, False]
    assert all(torch.isfinite(tensor).all() for tensor in batch.targets.values.values())


def test_an_epoch_sees_every_sample_once_in_an_order_that_seed_and_epoch_decide():
    order = epoch_order(11, 4, seed=1, epoch=3)
    assert sorted(i for batch in order for i in batch) == list(range(11))
    assert order == epoch_order(11, 4, seed=1, epoch=3)
    assert order != epoch_order(11, 4, seed=1, epoch=4)
    assert order != epoch_order(11, 4, seed=2, epoch=3)


@pytest.mark.config_field("train_ratio", "val_ratio", "test_ratio")
def test_ratios_are_rounded_down_and_taken_from_both_ends(records):
    fields = {"train_ratio": 0.5, "val_ratio": 0.25, "test_ratio": 0.25}
    assert split_records(records, validate_config(fields)) == ((0, 1, 2, 3, 4, 5), (6, 7, 8), (9, 10, 11))
    less = {"train_ratio": 0.3, "val_ratio": 0.1, "test_ratio": 0.2}
    assert split_records(records, validate_config(less)) == ((0, 1, 2), (9,), (10, 11))


@pytest.mark.config_field("keep_data_order", "random_seed")
def test_a_shuffled_split_is_that_of_the_published_package_and_its_seed(records):
    order = list(range(12))
    random.seed(123)
    random.shuffle(order)
    fields = {"keep_data_order": False, "n_train": 6, "n_val": 3, "n_test": 3}
    split = split_records(records, validate_config(fields))
    assert split == (tuple(order[:6]), tuple(order[6:9]), tuple(order[9:]))
    assert split_records(records, validate_config({**fields, "random_seed": 124})) != split


@pytest.mark.config_field("cross_validation.stratify_by")
def test_folds_are_stratified_by_the_requested_key(records):
    for index, record in enumerate(records):
        record.atoms.info["batch"] = "a" if index < 6 else "b"
    counts = {}
    for key in ("batch", None):
        choice = {"n_folds": 2, "fold": 0, "stratify_by": key}
        splits = [
            split_records(records, validate_config({"cross_validation": choice, "random_seed": seed}))
            for seed in range(9)
        ]
        counts[key] = {sum(records[i].atoms.info["batch"] == "a" for i in split.val) for split in splits}
    assert counts["batch"] == {3}
    assert len(counts[None]) > 1


@pytest.mark.config_field("cross_validation.keep_together")
def test_folds_keep_together_what_shares_a_value(records):
    for index, record in enumerate(records):
        record.atoms.info["trajectory"] = str(index // 3)
    parted = []
    for key in ("trajectory", None):
        choice = {"n_folds": 4, "fold": 1, "stratify_by": None, "keep_together": key}
        split = split_records(records, validate_config({"cross_validation": choice}))
        parted.append({records[i].atoms.info["trajectory"] for i in split.val} & {str(i // 3) for i in split.train})
    assert parted[0] == set()
    assert parted[1]
    formulas = {"n_folds": 2, "keep_together": "formula"}
    with pytest.raises(DataError, match="2 folds need as many values of 'formula', but there are 1"):
        split_records(records, validate_config({"cross_validation": formulas}))


@pytest.mark.parametrize("n", [0, 1])
def test_no_record_and_one_record_are_clear(tmp_path, n):
    path = tmp_path / "cu.extxyz"
    if n == 0:
        path.write_text("")
        with pytest.raises(DataError, match="is empty: it holds no records"):
            read_records(path)
        return
    only = read_records(write_frames(path, copper_frames(1)))
    with pytest.raises(DataError, match=r"no record is left to train on: 1 in all.*train_ratio"):
        split_records(only, validate_config({}))
    assert split_records(only, validate_config({"train_ratio": None})) == ((0,), (), ())
