"""The command ``alignn-ff relax``: cell modes, stopping by a signal, resuming, figures, and refused input."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.constraints import FixAtoms

from alignn_ff import checkpoint
from alignn_ff.relax import read_state
from alignn_ff.trajectory import read_trajectory
from tests.support.command_line import CommandLine
from tests.support.tiny_models import tiny_header, tiny_model

PROGRAM = [sys.executable, "-c", "from alignn_ff.cli import main; main()"]


@pytest.fixture
def structure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Silicon, slightly displaced, with a fixed atom, in the current folder."""
    monkeypatch.chdir(tmp_path)
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.03, seed=0)
    atoms.set_constraint(FixAtoms([2]))
    path = tmp_path / "POSCAR"
    ase.io.write(path, atoms, format="vasp", direct=True)
    return path


@pytest.mark.parametrize(
    "words, mode",
    [
        ("--cell {}", "free"),
        ("{} --cell", "free"),
        ("{} --cell --steps 2", "free"),
        ("--cell hydrostatic {}", "hydrostatic"),
        ("{} --cell=fixed-volume", "fixed-volume"),
        ("--cell {} --no-cell", "none"),
        ("{}", "none"),
    ],
)
def test_cell_needs_no_value_or_names_a_mode(
    words: str, mode: str, structure: Path, si_model_file: Path, command_line: CommandLine
) -> None:
    result = command_line(
        "relax", *words.format(structure.name).split(), "-m", si_model_file, "--fmax", 9, "--overwrite"
    )
    assert result.code == 0, result.stderr
    assert json.loads(Path("POSCAR-relaxed.json").read_text())["config"]["relax_cell"] == mode


def test_selective_dynamics_of_a_poscar_is_obeyed_and_kept(
    structure: Path, si_model_file: Path, command_line: CommandLine
) -> None:
    command_line("relax", structure, "-m", si_model_file, "--steps", 3, "--fmax", 1e-9)
    before, after = ase.io.read(structure), ase.io.read("POSCAR-relaxed.vasp")
    assert isinstance(before, Atoms)
    assert isinstance(after, Atoms)
    np.testing.assert_allclose(after.positions[2], before.positions[2], atol=1e-9)
    assert after.constraints[0].index.tolist() == [2]


def test_a_relaxation_out_of_steps_resumes_from_its_restart_file(
    structure: Path, si_model_file: Path, command_line: CommandLine
) -> None:
    words = ("relax", structure, "-m", si_model_file, "--cell", "--fmax", 1e-9, "--trajectory", "t.extxyz")
    first = command_line(*words, "--steps", 2, "-o", "a.extxyz")
    whole = command_line(*words[:-1], "whole.extxyz", "--steps", 5, "-o", "whole/a.extxyz")
    assert (first.code, whole.code) == (3, 3)
    assert "--restart" in first.stdout
    second = command_line("relax", "--restart", "a-restart.json", "--steps", 5)
    assert second.code == 3, second.stderr
    assert Path("a.extxyz").read_text() == Path("whole/a.extxyz").read_text()
    assert Path("t.extxyz").read_text() == Path("whole.extxyz").read_text()


def test_a_restart_with_another_model_is_refused(
    structure: Path, si_model_file: Path, tmp_path_factory: pytest.TempPathFactory, command_line: CommandLine
) -> None:
    model = tmp_path_factory.mktemp("m") / "m.pt"
    model.write_bytes(si_model_file.read_bytes())
    command_line("relax", structure, "-m", model, "--steps", 1, "--fmax", 1e-9)
    header = tiny_header((14, 32))
    checkpoint.save(model, header, tiny_model(header).state_dict())
    result = command_line("relax", "--restart", "POSCAR-relaxed-restart.json")
    assert result.code == 2
    assert "different model" in result.stderr


def test_after_a_signal_all_files_are_written_and_marked(structure: Path, si_model_file: Path) -> None:
    words = [
        "relax",
        "POSCAR",
        "-m",
        str(si_model_file),
        "--fmax",
        "1e-12",
        "--steps",
        "1000000",
        "--optimizer",
        "fire",
    ]
    words += ["--trajectory", "t.extxyz"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, env=environment, text=True) as process:
        started = time.monotonic()
        while process.poll() is None and time.monotonic() - started < 120:
            if Path("t.extxyz").exists() and Path("t.extxyz").stat().st_size > 5000:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        printed = process.communicate()[0]
    content = json.loads(Path("POSCAR-relaxed.json").read_text())
    assert process.returncode == 128 + signal.SIGTERM
    assert (content["converged"], content["ended_by"]) == (False, "SIGTERM")
    assert "NOT CONVERGED" in printed
    frames = read_trajectory(Path("t.extxyz"))
    last = ase.io.read("POSCAR-relaxed.vasp")
    assert isinstance(last, Atoms)
    np.testing.assert_allclose(last.positions, frames[-1].positions, atol=1e-6)
    assert read_state(Path("POSCAR-relaxed-restart.json")).steps[-1].step == content["n_steps"] == len(frames) - 1


def test_a_figure_is_drawn_on_request(structure: Path, si_model_file: Path, command_line: CommandLine) -> None:
    result = command_line("relax", structure, "-m", si_model_file, "--cell", "--steps", 3, "--plot", "c.png")
    assert "c.png" in result.stdout
    assert Path("c.png").read_bytes().startswith(b"\x89PNG")


def test_one_atom_is_one_atom(structure: Path, si_model_file: Path, command_line: CommandLine) -> None:
    ase.io.write("one.vasp", Atoms("Si", cell=[3, 3, 3], pbc=True))
    for words in (("relax", "one.vasp"), ("energy", "one.vasp")):
        printed = command_line(*words, "-m", si_model_file).stdout
        assert "1 atom " in printed.splitlines()[0]


def test_a_folder_that_cannot_be_written_to_is_named_not_a_temporary_file(
    structure: Path, si_model_file: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_open = os.open

    def refuse(path: object, *words: object, **more: object) -> int:
        if "r-" in Path(str(path)).name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return really_open(path, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    result = command_line("relax", structure, "-m", si_model_file, "-o", "r.vasp", "--fmax", 9)
    assert result.code == 2
    assert "r.vasp" in result.stderr
    assert ".r-" not in result.stderr


@pytest.mark.parametrize(
    "words, message",
    [
        ("relax", "give the STRUCTURE"),
        ("relax POSCAR --cell=sideways", "relax_cell is 'sideways'"),
        ("relax POSCAR --cell sideways", "relax_cell is 'sideways'"),
        ("relax POSCAR --cell slab", "not a slab"),
        ("relax POSCAR --pressure 3", "needs a volume"),
        ("relax POSCAR --symmetry", "FixAtoms"),
        ("relax POSCAR --symprec 0", "symmetry_tolerance_A is 0.0"),
        ("relax --restart POSCAR", "not a restart file"),
        ("relax --restart missing.json", "no such restart file"),
        ("relax POSCAR --restart missing.json", "STRUCTURE cannot be given with --restart"),
        ("relax POSCAR --plot c.nonsense", "c.nonsense"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    words: str, message: str, structure: Path, si_model_file: Path, command_line: CommandLine
) -> None:
    before = sorted(structure.parent.iterdir())
    result = command_line(*words.split(), "-m", si_model_file)
    assert (result.code, result.stdout) == (2, "")
    assert message in result.stderr
    assert sorted(structure.parent.iterdir()) == before
