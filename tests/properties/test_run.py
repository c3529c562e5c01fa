"""Properties as commands: files, restart after a kill, refusals."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT
from ase.io import write

from alignn_ff.errors import CheckpointError, ConfigError
from alignn_ff.plots import save_property_figures
from alignn_ff.properties import PROPERTIES, Work
from alignn_ff.properties.equation_of_state import EOSConfig
from alignn_ff.properties.files import restart_file, write_result
from alignn_ff.properties.run import PropertyRun, compute, stopped_run
from alignn_ff.relax import RelaxConfig
from tests.support.command_line import CommandLine


class Killed(BaseException):
    """Stands for a signal that nothing catches."""


class Mortal(EMT):
    """EMT that dies at its n-th evaluation, and counts them."""

    def __init__(self, lives: int) -> None:
        super().__init__()
        self.lives, self.count = lives, 0

    def calculate(
        self, atoms: Atoms | None = None, properties: object = ("energy",), changes: object = all_changes
    ) -> None:
        self.count += 1
        if self.count > self.lives:
            raise Killed
        super().calculate(atoms, properties, changes)


def run(folder: Path) -> PropertyRun:
    return PropertyRun("eos", (bulk("Cu", a=3.65),), EOSConfig(points=7), folder / "cu-eos", {"model": "emt"})


def test_a_killed_run_finishes_with_the_same_bits_and_repeats_little(tmp_path: Path) -> None:
    whole = Mortal(10_000)
    expected = compute(run(tmp_path), whole)
    for lives in (3, whole.count // 2, whole.count - 1):
        with pytest.raises(Killed):
            compute(run(tmp_path), Mortal(lives))
        file = restart_file(tmp_path / "cu-eos")
        file.write_text(file.read_text() + '["volume 1.05", {"cell": [[0.')  # a torn last line
        rest = Mortal(10_000)
        found = compute(stopped_run(file), rest, resume=True)
        np.testing.assert_array_equal(found.energies, expected.energies)
        assert found.summary == expected.summary
        assert rest.count < whole.count - lives + 40


def test_a_restart_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        compute(run(tmp_path), Mortal(10))
    other = run(tmp_path)
    other = PropertyRun(other.name, other.structures, EOSConfig(points=9), other.prefix, other.options)
    with pytest.raises(ConfigError, match="of another run: config differ"):
        compute(other, EMT(), resume=True)
    for content in ("", "{}", '{"format": 3}', "[1]"):
        (tmp_path / "junk").write_text(content)
        with pytest.raises(CheckpointError, match="is not the restart file of a property"):
            stopped_run(tmp_path / "junk")
    with pytest.raises(CheckpointError, match="cannot read"):
        stopped_run(tmp_path / "absent")


def test_files_hold_all_digits_and_units(tmp_path: Path) -> None:
    result = compute(run(tmp_path), EMT())
    files = write_result(tmp_path / "cu-eos", result) + save_property_figures(result, tmp_path / "cu-eos")
    assert all(file.is_file() for file in files)
    content = json.loads((tmp_path / "cu-eos.json").read_text())
    assert content["summary"]["bulk_modulus_GPa"] == result.summary["bulk_modulus_GPa"]
    table = np.genfromtxt(tmp_path / "cu-eos-eos.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(table["energy_eV"], result.energies)


def test_the_command_writes_refuses_and_names_the_restart(tmp_path: Path, command_line: CommandLine) -> None:
    bulk("Si", a=5.45).write(tmp_path / "si.vasp")
    prefix = tmp_path / "out"
    words = ["eos", str(tmp_path / "si.vasp"), "-o", str(prefix), "--points", "5", "--fmax", "0.01"]
    finished = command_line(*words)
    assert finished.code == 0, finished.stderr
    assert "bulk modulus, GPa" in finished.stdout
    assert not restart_file(prefix).exists()
    again = command_line(*words)
    assert again.code == 2
    assert "already; nothing was written" in again.stderr
    restart_file(prefix).write_text("")
    stopped = command_line(*words)
    assert f"--restart {restart_file(prefix)}" in stopped.stderr.replace("\n", "")
    failed = command_line(*words, "--overwrite", "--max-steps", "1", "--fmax", "1e-9")
    assert failed.code == 3
    assert "did not converge" in failed.stderr


EOS = ("eos", "si.vasp", "--points", "5", "--fmax", "0.05", "--no-figures")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bulk("Si", a=5.45).write(tmp_path / "si.vasp")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", [EOS, (*EOS, "--overwrite"), ("eos", "--restart", "si-eos-restart.jsonl")])
def test_of_two_runs_with_the_same_output_the_second_is_refused(
    words: tuple[str, ...], folder: Path, command_line: CommandLine
) -> None:
    with pytest.raises(Killed):
        compute(PropertyRun("eos", (bulk("Cu", a=3.65),), EOSConfig(), folder / "si-eos", {}), Mortal(10))
    before = (folder / "si-eos-restart.jsonl").read_bytes()
    writer = "import sys; from pathlib import Path; from alignn_ff.io import sole_writer\n"
    writer += "with sole_writer([Path('si-eos.json')]): print('held', flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", writer], stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        second = command_line(*words)
        other.communicate()
    assert second.code == 2
    assert "is being written by another run" in second.stderr
    assert (folder / "si-eos-restart.jsonl").read_bytes() == before


def test_a_finished_run_says_so_and_is_not_computed_again(folder: Path, command_line: CommandLine) -> None:
    assert command_line(*EOS).code == 0
    before = (folder / "si-eos.json").read_bytes()
    again = command_line("eos", "--restart", "si-eos-restart.jsonl")
    assert again.code == 0
    assert "the run is complete" in again.stdout
    assert "--overwrite" in again.stdout
    assert (folder / "si-eos.json").read_bytes() == before
    assert "add --overwrite" in command_line(*EOS).stderr


def test_properties_choose_format_structure_and_elements(folder: Path, command_line: CommandLine) -> None:
    write(folder / "two.extxyz", [bulk("Si", a=5.3), bulk("Si", a=5.5)])
    write(folder / "si.lmp", bulk("Si", a=5.43, cubic=True), format="lammps-data")
    (folder / "si.vasp").rename(folder / "si.txt")
    rest = ("--no-relax", "--points", "5", "--no-figures", "--outside", "ignore")
    first = command_line("eos", "two.extxyz", "--index", "0", *rest, "--json", "-o", "first")
    last = command_line("eos", "two.extxyz", *rest, "--json", "-o", "last")
    assert first.code == last.code == 0, first.stderr + last.stderr
    assert first.stdout != last.stdout
    assert "number 1, the last, is used (--index)" in last.stderr
    same = command_line("eos", "two.extxyz@0", *rest, "--json", "-o", "same")
    assert json.loads(same.stdout)["summary"] == json.loads(first.stdout)["summary"]
    assert command_line("eos", "si.txt", "--format", "vasp", *rest).code == 0
    assert command_line("eos", "si.lmp", "--format", "lammps-data", "--elements", "Si", *rest, "-o", "lmp").code == 0


def test_every_property_with_structures_has_the_options_of_the_reader(command_line: CommandLine) -> None:
    for name, row in PROPERTIES.items():
        shown = command_line(name, "--help").stdout
        assert ("--allow-close-atoms" in shown) == bool(row.inputs), name


def test_close_atoms_are_refused_and_can_be_allowed(folder: Path, command_line: CommandLine) -> None:
    write(folder / "close.extxyz", bulk("Si", a=1.5))
    refused = command_line("eos", "close.extxyz")
    assert refused.code == 2
    assert "--allow-close-atoms" in refused.stderr


def test_no_input_is_replaced(folder: Path, command_line: CommandLine) -> None:
    write(folder / "out-path.extxyz", bulk("Si"))
    refused = command_line("neb", "si.vasp", "out-path.extxyz", "-o", "out", "--overwrite")
    assert refused.code == 2
    assert "would replace the input" in refused.stderr


def test_damaged_lines_of_a_journal_are_computed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = compute(run(tmp_path), EMT())
    file = restart_file(tmp_path / "cu-eos")
    whole = file.read_text().splitlines(keepends=True)
    for place, change in ((2, ("7", "8")), (2, (", ", ",  ")), (len(whole) - 1, ("]", "")), (1, (whole[1], whole[0]))):
        lines = [line.replace(*change, 1) if k == place else line for k, line in enumerate(whole)]
        assert lines != whole
        file.write_text("".join(lines))
        found = compute(run(tmp_path), EMT(), resume=True)
        assert found.summary == expected.summary
        assert "that work is done again" in caplog.text
        caplog.clear()


def test_a_damaged_head_of_a_journal_is_refused(tmp_path: Path) -> None:
    compute(run(tmp_path), EMT())
    file = restart_file(tmp_path / "cu-eos")
    file.write_text(file.read_text().replace("1.825", "1.925", 1))
    with pytest.raises(CheckpointError, match="its first line has changed"):
        stopped_run(file)


def test_a_journal_of_version_1_has_no_checksums_and_is_read(tmp_path: Path) -> None:
    expected = compute(run(tmp_path), EMT())
    file = restart_file(tmp_path / "cu-eos")
    head, *lines = (json.loads(line) for line in file.read_text().splitlines())
    old = {**{name: value for name, value in head.items() if name != "checksum"}, "version": 1}
    file.write_text("".join(f"{json.dumps(line)}\n" for line in (old, *(line[:2] for line in lines))))
    calculator = Mortal(10_000)
    assert compute(stopped_run(file), calculator, resume=True).summary == expected.summary
    assert calculator.count < 40


def test_a_relaxed_structure_is_not_evaluated_again() -> None:
    calculator = Mortal(10_000)
    work = Work(calculator)
    crystal = bulk("Cu", a=3.65)
    settings = RelaxConfig(fmax_eV_per_A=1e-3, relax_cell="free")
    found = work.relax("crystal", crystal, settings)
    counted = calculator.count
    assert counted == found.n_steps + 1
    found.atoms.calc = EMT()
    assert found.energy == pytest.approx(found.atoms.get_potential_energy(), abs=1e-12)
    np.testing.assert_allclose(found.stress, found.atoms.get_stress(voigt=False), atol=1e-12)
