"""Restart files of version 0.1.0 resume to the same numbers; damaged ones are errors with the reason."""

import json
import shutil
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from numpy.testing import assert_allclose

from alignn_ff.errors import CheckpointError
from alignn_ff.md import resume_md
from alignn_ff.md.run.restart import read_restart
from alignn_ff.relax import read_state, resume

OLD = Path(__file__).parents[1] / "data" / "written_by_0.1.0"
ENSEMBLES = sorted(folder.name for folder in (OLD / "md").iterdir())
OPTIMIZERS = sorted(path.name.split(".")[0] for path in (OLD / "relax").iterdir())


def potential():
    return LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0, smooth=True)


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return Path(shutil.copytree(OLD / "md" / request.param, tmp_path / "run"))


@pytest.mark.parametrize("folder", ENSEMBLES, indirect=True)
def test_dynamics_of_0_1_0_resumes_to_its_end(folder: Path):
    expected = ase.io.read(folder / "argon-final.extxyz")
    log = np.genfromtxt(folder / "argon.csv", delimiter=",", names=True)
    result = resume_md(folder / "argon-previous.restart", calculator=potential())
    assert_allclose(result.atoms.positions, expected.positions, rtol=0, atol=1e-6)
    assert_allclose(result.atoms.cell.array, expected.cell.array, rtol=0, atol=1e-6)
    again = np.genfromtxt(folder / "argon.csv", delimiter=",", names=True)
    for name in log.dtype.names:
        assert_allclose(again[name], log[name], rtol=1e-6, atol=1e-6, err_msg=name)
    assert read_restart(folder / "argon.restart").head.versions["alignn-ff"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_relaxation_of_0_1_0_resumes(name: str):
    state = read_state(OLD / "relax" / f"{name}.restart.json")
    result = resume(state, potential(), max_steps=12)
    assert [step.step for step in result.steps][:5] == [0, 1, 2, 3, 4]
    assert result.steps[-1].energy_eV < state.steps[-1].energy_eV


def rewritten(path: Path, change) -> Path:
    with np.load(path) as archive:
        arrays = dict(archive)
    head = json.loads(str(arrays["head"]))
    change(head)
    with path.open("wb") as file:
        np.savez(file, **{**arrays, "head": np.array(json.dumps(head))})
    return path


@pytest.mark.parametrize("folder", ["nvt_bussi"], indirect=True)
@pytest.mark.parametrize(
    "change, words",
    [
        (lambda head: head.pop("rng"), "entry 'rng' is missing"),
        (lambda head: head.pop("place"), "entry 'place' is missing"),
        (lambda head: head["place"].update(step="many"), "'progress.step' is 'many'"),
        (lambda head: head.update(prefix=3), "'prefix' is 3"),
        (lambda head: head["config"].update(ensemble="nvt"), "nvt"),
        (lambda head: head.update(version=0), "version 0"),
        (lambda head: head.update(version=9), "version 9.*written by alignn-ff 0.1.0"),
        (lambda head: head.update(version="1"), "version '1'"),
        (lambda head: head.update(format="something"), "its format is 'something'"),
    ],
)
def test_a_damaged_head_is_named(folder: Path, change, words: str):
    path = rewritten(folder / "argon-previous.restart", change)
    with pytest.raises(CheckpointError, match=f"(?s){words}"):
        read_restart(path)


@pytest.mark.parametrize("folder", ["nve"], indirect=True)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_restart_file_that_is_cut_is_refused(folder: Path, part: float):
    path = folder / "argon-previous.restart"
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(CheckpointError, match="damaged or not a restart file"):
        read_restart(path)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda content: content.pop("config"), "entry 'config' is missing"),
        (lambda content: content.pop("positions"), "positions"),
        (lambda content: content.update(version=0), "version 0"),
        (lambda content: content.update(version=7), "version 7"),
        (lambda content: content["config"].update(optimizer="newton"), "newton"),
        (lambda content: content["steps"][0].pop("energy_eV"), "energy_eV"),
    ],
)
def test_a_damaged_state_of_a_relaxation_is_named(tmp_path: Path, change, words: str):
    content = json.loads((OLD / "relax" / "fire.restart.json").read_text())
    change(content)
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=words):
        read_state(path)
