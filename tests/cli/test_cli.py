"""The command line: energy, relax and md end to end, exit codes, and messages instead of tracebacks."""

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

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.cli.parsing import parse_supercell
from alignn_ff.errors import ConfigError
from alignn_ff.trajectory import read_trajectory
from tests.support.command_line import CommandLine

PROGRAM = [sys.executable, "-c", "from alignn_ff.cli import main; main()"]


@pytest.fixture
def structure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Silicon, slightly displaced, in the current folder."""
    monkeypatch.chdir(tmp_path)
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.03, seed=0)
    path = tmp_path / "si.vasp"
    ase.io.write(path, atoms)
    return path


# energy


def test_energy_as_json_is_that_of_the_calculator(
    structure: Path, si_model_file: Path, command_line: CommandLine
) -> None:
    result = command_line("energy", structure, "-m", si_model_file, "--json", "--dtype", "float64")
    content = json.loads(result.stdout)
    atoms = ase.io.read(structure)
    assert isinstance(atoms, Atoms)
    atoms.calc = AlignnCalculator(si_model_file, dtype="float64")
    assert result.code == 0
    assert result.stderr == ""
    assert content["energy_eV"] == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
    np.testing.assert_allclose(content["forces_eV_per_A"], atoms.get_forces(), atol=1e-10)
    np.testing.assert_allclose(content["stress_eV_per_A3"], atoms.get_stress(), atol=1e-12)
    assert (content["n_atoms"], content["elements"]) == (8, ["Si"])
    assert len(content["model"]["sha256"]) == 64


def test_stress_without_a_volume_is_null(structure: Path, si_model_file: Path, command_line: CommandLine) -> None:
    structure.with_name("pair.xyz").write_text("2\n\nSi 0 0 0\nSi 0 0 2.3\n")
    content = json.loads(command_line("energy", "pair.xyz", "-m", si_model_file, "--json").stdout)
    assert content["stress_eV_per_A3"] is None


def test_energy_for_people_has_units(structure: Path, si_model_file: Path, command_line: CommandLine) -> None:
    result = command_line("energy", structure, "-m", si_model_file)
    assert all(unit in result.stdout for unit in (" eV", "eV/Å", "GPa"))


# relax


def test_relax_writes_structure_and_result(structure: Path, si_model_file: Path, command_line: CommandLine) -> None:
    result = command_line("relax", structure, "-m", si_model_file, "--fmax", 0.2, "--optimizer", "fire")
    content = json.loads(Path("si-relaxed.json").read_text())
    assert result.code == 0, result.stderr
    assert content["converged"] is True
    assert content["energy_after_eV"] < content["energy_before_eV"]
    assert "si-relaxed.vasp" in result.stdout
    relaxed = ase.io.read("si-relaxed.vasp")
    assert isinstance(relaxed, Atoms)
    relaxed.calc = AlignnCalculator(si_model_file, dtype="float64")
    assert np.linalg.norm(relaxed.get_forces(), axis=1).max() < 0.2


def test_relax_that_does_not_converge_writes_all_and_exits_with_3(
    structure: Path, si_model_file: Path, command_line: CommandLine
) -> None:
    words = ("relax", structure, "-m", si_model_file, "--cell", "--steps", 1, "--fmax", 1e-9)
    result = command_line(*words, "-o", "out/r.cif", "--trajectory", "out/t.extxyz")
    assert result.code == 3
    assert "NOT CONVERGED" in result.stdout
    assert json.loads(Path("out/r.json").read_text())["converged"] is False
    assert len(read_trajectory(Path("out/t.extxyz"))) == 2
    assert Path("out/r.cif").exists()


# md


def test_md_writes_its_four_files(structure: Path, si_model_file: Path, command_line: CommandLine) -> None:
    words = ("md", structure, "-m", si_model_file, "--steps", 12, "--supercell", "2x1x1", "--write-every", 4)
    result = command_line(*words, "--ensemble", "nvt_langevin", "--thermostat-time", 50, "-o", "out/run")
    summary = json.loads(Path("out/run.json").read_text())
    assert result.code == 0, result.stderr
    assert (summary["n_steps"], summary["n_atoms"]) == (12, 16)
    assert summary["config"]["thermostat_time_fs"] == 50
    assert summary["stages"][0]["n_steps"] == 12
    assert [frame.info["step"] for frame in read_trajectory(Path("out/run.extxyz"))] == [0, 4, 8, 12]
    assert Path("out/run.csv").read_text().startswith("step,time_fs,potential_eV,")
    assert ase.io.read("out/run-final.extxyz").has("momenta")


def test_md_starts_from_the_last_frame_of_a_run(
    structure: Path, si_model_file: Path, command_line: CommandLine
) -> None:
    model = ("-m", si_model_file, "--dtype", "float64", "--temperature", 300)
    command_line("md", structure, *model, "--steps", 10, "-o", "whole")
    command_line("md", structure, *model, "--steps", 4, "-o", "first")
    result = command_line("md", "first-final.extxyz", *model, "--steps", 6, "--keep-velocities", "-o", "second")
    assert result.code == 0, result.stderr
    whole, second = (ase.io.read(f"{name}-final.extxyz") for name in ("whole", "second"))
    np.testing.assert_allclose(second.positions, whole.positions, atol=1e-6)


def test_nothing_is_overwritten_unless_allowed(structure: Path, si_model_file: Path, command_line: CommandLine) -> None:
    for words in (("md", structure, "--steps", 1), ("relax", structure, "--fmax", 5)):
        words = (*words, "-m", si_model_file)
        assert command_line(*words).code == 0
        refused = command_line(*words)
        assert refused.code == 2
        assert "already; nothing was written" in refused.stderr
        assert command_line(*words, "--overwrite").code == 0


def test_ctrl_c_ends_with_130_and_one_sentence(
    structure: Path, si_model_file: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(snapshot: object) -> None:
        if snapshot.step == 3:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGINT)
        return snapshot.temperature_K  # type: ignore[attr-defined]

    monkeypatch.setattr("alignn_ff.md.run.record.RunRecord.add", lambda record, snapshot: press(snapshot))
    result = command_line("md", structure, "-m", si_model_file, "--steps", 10, "--write-every", 1)
    assert result.code == 130
    assert result.stderr.count("\n") == 2  # the line at the start, and the reason of the end
    assert "after step 3; everything is saved" in result.stderr
    assert len(read_trajectory(Path("si-md.extxyz"))) == 4


def test_a_killed_run_leaves_readable_files(structure: Path, si_model_file: Path) -> None:
    words = ["md", str(structure), "-m", str(si_model_file), "--steps", "1000000", "--write-every", "1"]
    words += ["--backend", "eager"]  # without a wait for the compiler
    log = Path("si-md.csv")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([*PROGRAM, *words], stderr=subprocess.PIPE, env=environment) as process:
        started = time.monotonic()
        while process.poll() is None and time.monotonic() - started < 120:
            if log.exists() and log.read_text().count("\n") > 3:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    frames = read_trajectory(Path("si-md.extxyz"))
    assert [frame.info["step"] for frame in frames] == list(range(len(frames)))
    assert len(frames) > 20
    assert log.read_text().endswith("\n")


# what is refused


@pytest.fixture
def bad_inputs(structure: Path) -> Path:
    """A folder of invalid input files."""
    folder = structure.parent
    lattice = 'Lattice="5 0 0 0 5 0 0 0 5"'
    (folder / "junk.vasp").write_text("junk")
    (folder / "junk").write_bytes(bytes(range(256)))
    (folder / "empty.xyz").write_text("")
    (folder / "ge.xyz").write_text(f"1\n{lattice}\nGe 0 0 0\n")
    (folder / "nan.xyz").write_text(f"2\n{lattice}\nSi 0 0 0\nSi nan 2 2\n")
    (folder / "twice.xyz").write_text(f"2\n{lattice}\nSi 0 0 0\nSi 5 0 0\n")
    (folder / "pair.xyz").write_text("2\n\nSi 0 0 0\nSi 0 0 2.3\n")
    (folder / "no-model").mkdir()
    (folder / "broken-model").mkdir()
    (folder / "broken-model" / "model.pt").write_text("junk")
    return folder


@pytest.mark.parametrize(
    "words, message",
    [
        ("energy missing.vasp", "no such structure file: missing.vasp"),
        ("energy junk.xzy", "no such structure file: junk.xzy; did you mean"),
        ("energy junk.vasp", "cannot read junk.vasp"),
        ("energy junk", "junk"),
        ("energy empty.xyz", "empty.xyz"),
        ("energy ge.xyz", "covers Si, but the structure has Ge"),
        ("energy nan.xyz", "atom(s) 1 are not finite"),
        ("md nan.xyz --steps 1", "atom(s) 1 are not finite"),
        ("relax twice.xyz", "atoms at one place: 0 and 1"),
        ("energy si.vasp -m ./no-model", "holds no model"),
        ("energy si.vasp -m broken-model", "broken-model"),
        ("energy si.vasp -m nope", "no model 'nope'"),
        ("energy si.vasp --device cuda:77", "cuda:77"),
        ("energy si.vasp --dtype float16", "float16"),
        ("md si.vasp", "--steps"),
        ("md si.vasp --steps -3", "steps is -3"),
        ("md si.vasp --steps many", "--steps"),
        ("md si.vasp --steps 1 --timestep 0", "timestep_fs is 0.0"),
        ("md si.vasp --steps 1 --temperature -1", "temperature_K is -1.0"),
        ("md si.vasp --steps 1 --ensemble npt", "ensemble is 'npt'"),
        ("md si.vasp --steps 1 --thermostat-time 10", "nvt_langevin"),
        ("md si.vasp --steps 1 --thermostat-time 0 --ensemble nvt_bussi", "thermostat_time_fs is 0.0"),
        ("md si.vasp --steps 1 --temperature 300:hot", "--temperature: '300:hot'"),
        ("md si.vasp --steps 1 --temperature 300:600", "no thermostat"),
        ("md si.vasp --steps 1 --pressure 1", "npt_mtk"),
        ("md si.vasp --steps 1 --ensemble npt_mtk --cell-motion sideways", "'isotropic', 'full' or 'axes'"),
        ("md si.vasp --steps 1 --ensemble npt_mtk --cell-motion axes --cell-axes ba", "cell_axes is 'ba'"),
        ("md pair.xyz --steps 1 --ensemble npt_mtk", "valid here: nve"),
        ("md si.vasp --steps 1 --guard hot=3", "allowed are max_temperature_K"),
        ("md si.vasp --steps 1 --guard max_temperature_K=warm", "neither a number nor off"),
        ("md si.vasp --steps 1 --guard max_temperature_K=-1", "max_temperature_K is -1.0"),
        ("md si.vasp --steps 1 --format xtc", "formats.0 is 'xtc'"),
        ("md si.vasp --steps 1 --quantities spin", "quantities.0 is 'spin'"),
        ("md si.vasp --steps 1 --checkpoint-every 0", "checkpoint_every is 0"),
        ("md si.vasp", "--steps, or a file of stages with --stages"),
        ("md si.vasp --steps 1 --stages si.vasp", "--steps, or a file of stages with --stages"),
        ("md si.vasp --stages si.vasp", "as JSON"),
        ("md si.vasp --stages none.json", "no such file of stages"),
        ("md", "--restart FILE"),
        ("md --restart none.restart", "no such restart file"),
        ("md --restart si.vasp", "not a restart file"),
        ("md si.vasp --steps 1 --supercell 3,3", "supercell is '3,3'"),
        ("md si.vasp --steps 1 --keep-velocities", "--keep-velocities"),
        ("md pair.xyz --steps 1 --supercell 2,1,1", "not periodic"),
        ("md si.vasp --steps 1 -o junk/run", "junk"),
        ("relax si.vasp --steps -1", "max_steps is -1"),
        ("relax si.vasp --fmax -1", "fmax_eV_per_A is -1.0"),
        ("relax si.vasp --optimizer bfgs", "optimizer is 'bfgs'"),
        ("relax pair.xyz --cell", "leave out --cell"),
        ("relax si.vasp -o si.vasp --overwrite", "replace the input"),
        ("relax si.vasp -o out.nonsense", "out.nonsense"),
        ("frobnicate", "frobnicate"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    words: str, message: str, bad_inputs: Path, si_model_file: Path, command_line: CommandLine
) -> None:
    before = sorted(bad_inputs.iterdir())
    model = () if "-m" in words.split() or words == "frobnicate" else ("-m", si_model_file)
    result = command_line(*words.split(), *model)
    assert result.code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert sorted(bad_inputs.iterdir()) == before


# words and defaults


@pytest.mark.parametrize("text", ["3,2,1", "3x2x1", "3 2 1", "3×2×1", " 3, 2, 1 "])
def test_a_supercell_may_be_written_in_several_ways(text: str) -> None:
    assert parse_supercell(text) == (3, 2, 1)


def test_one_number_is_a_supercell_in_all_directions() -> None:
    assert parse_supercell("3") == (3, 3, 3)


@pytest.mark.parametrize("text", ["", "3,3", "1,1,1,1", "0,1,1", "-1,1,1", "a,b,c", "1.5,1,1", "1,,1", "1.5", "0"])
def test_a_supercell_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="such as 3,3,3"):
        parse_supercell(text)


def test_the_command_line_starts_without_heavy_imports() -> None:
    code = "import sys, alignn_ff.cli; print({'torch', 'ase', 'numpy', 'matplotlib', 'pydantic'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


# the example


def test_the_example_is_a_silicon_vacancy_that_is_not_relaxed() -> None:
    atoms = ase.io.read(Path(__file__).parents[2] / "examples" / "si_vacancy.vasp")
    assert isinstance(atoms, Atoms)
    assert atoms.get_chemical_formula() == "Si63"
    np.testing.assert_allclose(atoms.cell.array, np.eye(3) * 2 * 5.469, atol=1e-9)
    assert atoms.get_all_distances(mic=True)[np.triu_indices(63, 1)].min() > 2.0


def test_an_empty_model_name_and_an_unknown_symbol_are_named(tmp_path: Path, command_line: CommandLine) -> None:
    strange = tmp_path / "strange.xyz"
    strange.write_text("1\n\nQq 0 0 0\n")
    unreadable = command_line("energy", strange)
    assert unreadable.code == 2
    assert "'Qq' is not a chemical symbol" in unreadable.stderr
    nameless = command_line("eval", "", strange)
    assert nameless.code == 2
    assert "name of the model is empty" in nameless.stderr
