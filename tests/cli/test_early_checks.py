"""What needs no model is checked before torch is imported, which takes seconds; each test in a new interpreter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ase.build import bulk
from ase.io import write

PROGRAM = """
import json, sys
from alignn_ff.cli import main
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as stop:
        print(json.dumps([words, stop.code, "torch" in sys.modules]))
"""


def outcomes(*commands: str, folder: Path) -> list[tuple[list[str], int, bool]]:
    """Words, exit code, and whether torch has been imported by then, of each command."""
    words = json.dumps([command.split() for command in commands])
    program = [sys.executable, "-c", PROGRAM, words]
    finished = subprocess.run(program, capture_output=True, text=True, cwd=folder, check=True)
    return [json.loads(line) for line in finished.stdout.splitlines() if line.startswith("[[")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "si.extxyz", bulk("Si"))
    for name in (
        "si-md.csv",
        "si-relaxed.extxyz",
        "si-analysis.json",
        "junk.restart",
        "junk-restart.json",
        "si-elastic.json",
    ):
        (tmp_path / name).write_text("taken")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "taken").mkdir()
    return tmp_path


def test_errors_that_need_no_model_come_before_torch(folder: Path) -> None:
    commands = [
        *(f"{name} missing.extxyz" for name in ("energy", "relax", "analyze", "md --steps 1", "predict si")),
        *("relax", "md", "md si.extxyz", "eval si missing.extxyz"),
        *(f"{name} si.extxyz" for name in ("relax", "analyze", "md --steps 1")),  # their outputs exist already
        *("relax si.extxyz -o out.json", "md si.extxyz --steps 1 --ensemble nvt", "relax si.extxyz --fmax -1"),
        *("relax si.extxyz -o si.extxyz --overwrite", "md si.extxyz --steps 1 --frobnicate"),
        *("md --restart missing.restart", "md --restart junk.restart", "relax --restart missing-restart.json"),
        "relax --restart junk-restart.json",
        *("eos missing.vasp", "phonon", "vacancy si.extxyz --fmax -1", "hull missing.extxyz", "elastic si.extxyz"),
        "qha --restart junk-restart.json",
        *("train missing.json", "train config.json --data missing.extxyz", "data describe missing.extxyz"),
        *("data convert missing.extxyz -o all.db", "data split missing.extxyz -o parts"),
        *("energy si.extxyz --dtype float16", "relax si.extxyz -o out.vasp --device gpu", "eos si.extxyz --dtype half"),
    ]
    found = outcomes(*commands, folder=folder)
    assert [" ".join(words) for words, _, _ in found] == commands
    assert [words for words, code, _ in found if code != 2] == []
    assert [words for words, _, torch_is_there in found if torch_is_there] == []
