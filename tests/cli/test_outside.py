"""Commands tell where a structure is unlike the training data of the model, and stop where the user asks for it."""

import json
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk

from tests.support.command_line import CommandLine
from tests.support.line_graph import LINE_GRAPH_MODEL

ON_CPU = ("--device", "cpu")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Atoms("Si2", [[0, 0, 0], [0, 0, 0.7]]).write("close.xyz")
    Atoms("Si").write("lone.xyz")
    bulk("Si", cubic=True).write("diamond.extxyz")
    return tmp_path


def test_energy_warns_and_its_json_has_the_findings(folder: Path, command_line: CommandLine) -> None:
    done = command_line("energy", "close.xyz", "--json", *ON_CPU, "--allow-close-atoms")
    checks = {finding["check"]: finding["message"] for finding in json.loads(done.stdout)["outside"]}
    assert {"distance", "dimer"} <= checks.keys()
    assert "0.700 Å apart" in checks["distance"]
    inside = command_line("energy", "diamond.extxyz", "--json", *ON_CPU)
    assert json.loads(inside.stdout)["outside"] == []


def test_energy_stops_where_the_numbers_are_no_predictions(folder: Path, command_line: CommandLine) -> None:
    stopped = command_line("energy", "close.xyz", "--outside", "stop", *ON_CPU, "--allow-close-atoms")
    assert (stopped.code, stopped.stdout) == (4, "")
    assert "outside of the training data of si: atom(s) 0 (Si), 1 (Si) are 0.700 Å apart" in stopped.stderr
    assert command_line("energy", "lone.xyz", "--outside", "stop", *ON_CPU).code == 0
    wrong = command_line("energy", "lone.xyz", "--outside", "never", *ON_CPU)
    assert wrong.code == 2
    assert "'warn', 'stop' or 'ignore'" in wrong.stderr


def test_a_lone_atom_is_not_a_prediction(folder: Path, command_line: CommandLine, caplog) -> None:  # type: ignore[no-untyped-def]
    command_line("energy", "lone.xyz", *ON_CPU)
    assert "hold no lone atom of Si, so its energy is not a prediction (nor are cohesive energies" in caplog.text
    shown = " ".join(command_line("zoo", "show", "si").stdout.split())
    assert "no lone atoms of Si: their energy is not a prediction" in shown


def test_predict_names_the_structures(folder: Path, command_line: CommandLine) -> None:
    files = ("diamond.extxyz", "close.xyz", "lone.xyz", "--allow-close-atoms")
    done = command_line("predict", "si", *files, *ON_CPU)
    assert done.code == 0
    assert "warning: close.xyz is outside of the training data: atom(s) 0 (Si), 1 (Si) are 0.700 Å" in done.stderr
    assert "diamond.extxyz is outside" not in done.stderr
    stopped = command_line("predict", "si", *files, "--outside", "stop", "--json", *ON_CPU)
    rows = json.loads(stopped.stdout)["predictions"]
    assert [bool(row["outside"]) for row in rows] == [False, True, True]
    assert stopped.code == 4
    assert "1 of 3 structures are outside: close.xyz" in stopped.stderr
    silent = command_line("predict", "si", *files, "--outside", "ignore", *ON_CPU)
    assert "warning" not in silent.stderr


def test_dynamics_of_a_dense_crystal_stops_at_the_start(folder: Path, command_line: CommandLine) -> None:
    bulk("Si", cubic=True, a=4.7).write("dense.extxyz")
    words = ("md", "dense.extxyz", "--model", LINE_GRAPH_MODEL, "--steps", 2, *ON_CPU)  # without data of dense phases
    stopped = command_line(*words)
    assert stopped.code == 4
    assert "by the guard 'domain': the volume is 12.98 Å³/atom" in stopped.stderr
    assert command_line(*words, "--outside", "warn", "--overwrite").code == 0
    assert json.loads(Path("dense-md.json").read_text())["outside"]
