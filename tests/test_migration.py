"""What docs/migration.md says is true."""

import json
import re
from pathlib import Path

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose

from alignn_ff.models import FAMILIES
from alignn_ff.train import TrainingConfig
from alignn_ff.zoo import published_models
from tests.conftest import CommandLine

PAGE = (Path(__file__).parents[1] / "docs" / "migration.md").read_text(encoding="utf-8")
PUBLISHED_FIELDS = json.loads((Path(__file__).parent / "data" / "published_fields.json").read_text())


def test_every_field_of_the_published_reference_is_taken() -> None:
    assert set(PUBLISHED_FIELDS["training"]) <= set(TrainingConfig.model_fields)


@pytest.mark.parametrize("name", ["alignn_atomwise", "alignn_atomwise_pure"])
def test_every_model_field_of_the_published_reference_is_taken(name: str) -> None:
    assert set(PUBLISHED_FIELDS["model"]) <= set(FAMILIES[name].config.model_fields)


def test_commands_and_options_exist(command_line: CommandLine) -> None:
    known: dict[str, str] = {}
    for line in re.findall(r"alignn-ff ([a-z][^`\n]*)", PAGE):
        words = line.split("#")[0].split()
        command = " ".join(words[: 2 if words[0] == "zoo" else 1])
        if command not in known:
            known[command] = command_line(*command.split(), "--help").stdout
        for option in re.findall(r"--[a-z-]+", line.split("#")[0]):
            assert option in known[command] or option == "--help", f"{command} has no {option}"
    assert len(known) >= 6


def test_python_names_exist() -> None:
    from alignn_ff import AlignnCalculator, load_potential, md, zoo
    from alignn_ff.graph import AtomicGraph, GraphRecipe, build_graph, edge_vectors, system_from_atoms
    from alignn_ff.predictor import load_predictor

    for name in (AlignnCalculator, load_potential, load_predictor, AtomicGraph, GraphRecipe, build_graph, edge_vectors):
        assert name.__name__ in PAGE
    assert system_from_atoms.__name__ in PAGE
    for room, word in ((zoo, "fetch"), (md, "relax"), (md, "run_md")):
        assert hasattr(room, word)
        assert f"{word}" in PAGE


def test_the_model_that_is_fetched_for_example_is_listed() -> None:
    (name,) = set(re.findall(r"zoo fetch ([\w.]+)", PAGE))
    assert name in published_models()


def test_the_conversion_of_data_keeps_structures_and_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stress = np.diag([1.0, 2.0, 3.0]) + 0.5 * (1 - np.eye(3))
    atoms = {"elements": ["Si", "Ge"], "lattice_mat": [[4, 0, 0], [1, 4, 0], [0, 0, 5]]}
    records = [
        {"atoms": {**atoms, "coords": [[0, 0, 0], [0.5, 0.5, 0.5]], "cartesian": False}},
        {"atoms": {**atoms, "coords": [[0, 0, 0], [2.5, 2.0, 2.5]], "cartesian": True}, "stresses": stress.tolist()},
        {"atoms": {**atoms, "coords": [[0, 0, 0], [2.5, 2.0, 2.5]], "cartesian": True}, "stresses": [1, 2, 3, 4, 5, 6]},
    ]
    forces = [[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]]
    content = [{**record, "jid": "x", "total_energy": -3.5, "forces": forces} for record in records]
    (tmp_path / "id_prop.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"test_migration.py -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL).group(1), {})
    frames = ase.io.read("data.extxyz", ":")
    for frame in frames:
        assert_allclose(frame.positions[1], [2.5, 2.0, 2.5])
        assert frame.get_potential_energy() == -7.0
        assert_allclose(frame.get_forces(), forces)
    assert "stress" not in frames[0].calc.results
    assert_allclose(frames[1].get_stress() * 160.21766208, [1, 2, 3, 0.5, 0.5, 0.5])
    assert_allclose(frames[2].get_stress() * 160.21766208, [1, 2, 3, 4, 5, 6])
