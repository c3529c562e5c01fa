"""``alignn-ff predict`` and the predictor: every kind of output, with the numbers of the published models."""

import csv
import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from numpy.testing import assert_allclose

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Header
from alignn_ff.errors import StructureError
from alignn_ff.graph import GraphRecipe
from alignn_ff.models import AlignnAtomwiseConfig
from alignn_ff.predictor import load_predictor
from tests.support.command_line import CommandLine
from tests.support.recorded import FOLDERS, recorded
from tests.support.tiny_models import tiny_header, tiny_model


@pytest.fixture
def ethanol(tmp_path: Path) -> Path:
    path = tmp_path / "ethanol.extxyz"
    ase.io.write(path, recorded("alignn-log")["ethanol_box"].atoms)
    return path


def predictions(command_line: CommandLine, *words: object) -> list[dict]:
    result = command_line("predict", *words, "--dtype", "float64", "--device", "cpu", "--json")
    assert result.code == 0, result.stderr
    return json.loads(result.stdout)["predictions"]


@pytest.mark.parametrize("case", ["alignn-log", "pure-cfid-multi"])
def test_scalar_and_vector_are_the_published_ones(command_line: CommandLine, ethanol: Path, case: str) -> None:
    (row,) = predictions(command_line, FOLDERS / case, ethanol)
    published = np.ravel(recorded(case)["ethanol_box"].numbers["out"])
    assert_allclose(row["values"], published, rtol=0, atol=1e-5)


def test_class_comes_with_probabilities(command_line: CommandLine, tmp_path: Path) -> None:
    case = recorded("classification")["MoS2_slab"]
    ase.io.write(tmp_path / "slab.extxyz", case.atoms)
    (row,) = predictions(command_line, FOLDERS / "classification", tmp_path / "slab.extxyz")
    published = np.exp(np.ravel(case.numbers["out"]))
    assert_allclose(row["probabilities"], published, rtol=0, atol=1e-5)
    assert_allclose(sum(row["probabilities"]), 1.0)
    assert row["predicted_class"] == int(np.argmax(published))


def test_force_field_gives_energy_values_of_atoms_and_further_outputs(
    command_line: CommandLine, ethanol: Path, tmp_path: Path
) -> None:
    case = recorded("atomwise-charges")["ethanol_box"]
    table = tmp_path / "table.csv"
    (row,) = predictions(command_line, FOLDERS / "atomwise-charges", ethanol, "--csv", table)
    assert_allclose(row["atomwise"], case.numbers["atomwise_pred"], rtol=0, atol=1e-5)
    assert_allclose(row["additional"], case.numbers["additional"].ravel(), rtol=0, atol=1e-5)
    (written,) = csv.DictReader(table.read_text().splitlines())
    assert float(written["energy_eV"]) == row["energy_eV"]
    assert float(written["additional_2"]) == row["additional"][2]
    assert [float(v) for v in written["atomwise_1"].split()] == [v[1] for v in row["atomwise"]]


def test_summary_names_every_structure(command_line: CommandLine, ethanol: Path) -> None:
    result = command_line("predict", FOLDERS / "classification", ethanol, "--device", "cpu")
    assert result.code == 0
    assert "ethanol.extxyz  C2H6O" in result.stdout
    assert "probability_1" in result.stdout


def test_predictions_do_not_depend_on_the_batch() -> None:
    predictor = load_predictor(FOLDERS / "alignn-log", device="cpu", dtype="float64")
    structures = [item.atoms for item in recorded("alignn-log").values()]
    for one, many in zip(predictor.predict(structures, batch_size=1), predictor.predict(structures), strict=True):
        assert_allclose(one.values, many.values, rtol=0, atol=1e-12)


def test_unknown_element_is_named(command_line: CommandLine, tmp_path: Path) -> None:
    atoms = bulk("Si")
    atoms.numbers[0] = 110
    ase.io.write(tmp_path / "ds.extxyz", atoms)
    result = command_line("predict", FOLDERS / "alignn-log", tmp_path / "ds.extxyz")
    assert result.code == 2
    assert "Ds" in result.stderr


def test_fingerprints_of_atoms_are_read_and_their_absence_is_named(tmp_path: Path) -> None:
    config = AlignnAtomwiseConfig(
        alignn_layers=1,
        gcn_layers=1,
        hidden_features=8,
        embedding_features=8,
        edge_input_features=6,
        triplet_input_features=4,
        extra_features=3,
        calculate_gradient=False,
    )
    header = Header(
        model=config, graph=GraphRecipe(cutoff=4.5), elements=(14,), statistics=tiny_header((14,)).statistics
    )
    path = tmp_path / "fingerprints.pt"
    checkpoint.save(path, header, tiny_model(header).state_dict())
    predictor = load_predictor(path, device="cpu", dtype="float64")
    atoms = [bulk("Si", cubic=True), bulk("Si", a=5.5)]
    with pytest.raises(StructureError, match=r"reads 3 extra_features per atom, but the structure has none"):
        predictor.predict(atoms)
    for index, structure in enumerate(atoms):
        structure.arrays["extra_features"] = np.full((len(structure), 3), 0.5 * (index + 1))
    together = predictor.predict(atoms)
    alone = predictor.predict(atoms[1:])
    assert_allclose(together[1].values, alone[0].values, rtol=0, atol=1e-12)
    atoms[1].arrays["extra_features"] = np.full((2, 3), -1.0)
    assert np.abs(predictor.predict(atoms[1:])[0].values - alone[0].values).max() > 1e-6


def test_energy_comes_from_the_requested_backend_within_its_limit(command_line: CommandLine, ethanol: Path) -> None:
    folder = FOLDERS / "atomwise-charges"
    (reference,) = predictions(command_line, folder, ethanol, "--backend", "eager")
    (row,) = predictions(command_line, folder, ethanol, "--backend", "blocked", "--memory-limit", "1GB")
    assert_allclose(row["energy_eV"], reference["energy_eV"], rtol=0, atol=1e-8)
    assert_allclose(row["atomwise"], reference["atomwise"], rtol=0, atol=1e-12)
    refused = command_line("predict", folder, ethanol, "--memory-limit", "1kB")
    assert refused.code == 2
    assert "memory_limit is 0.00 GB; allow more" in refused.stderr


def test_property_model_refuses_backends_and_limits(command_line: CommandLine, ethanol: Path) -> None:
    for words in (("--backend", "blocked"), ("--memory-limit", "1GB")):
        refused = command_line("predict", FOLDERS / "alignn-log", ethanol, *words)
        assert refused.code == 2
        assert "is a property model (alignn), to which backend and memory_limit do not apply" in refused.stderr
