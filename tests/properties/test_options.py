"""Options of the property commands reach the fields of their configs."""

from pathlib import Path

import pytest
from ase.build import bulk

from alignn_ff.properties.conductivity.config import KappaConfig
from alignn_ff.properties.quasi_harmonic import QHAConfig
from tests.support.command_line import CommandLine


@pytest.mark.parametrize(
    "words",
    [
        ("qha", "--range", "0.97:1.2:3"),
        ("qha", "--pressure", "0:5:high"),
        ("kappa", "--meshes", "40"),
        ("phonon", "--supercell", "0,1,1"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, command_line: CommandLine, words: tuple[str, ...]) -> None:
    bulk("Si").write(tmp_path / "si.vasp")
    found = command_line(words[0], str(tmp_path / "si.vasp"), *words[1:])
    assert found.code == 2
    assert found.stderr.startswith("error: ")


def test_ranges_and_lists_of_numbers_are_written_with_colons(tmp_path: Path, command_line: CommandLine) -> None:
    """The options are accepted: the run stops at the supercell, which comes after the config."""
    bulk("Si").write(tmp_path / "si.vasp")
    few = ("--max-atoms", "1", "--no-relax")
    for words in (("qha", "--range", "0.97:1.02", "--pressure", "0:1"), ("kappa", "--meshes", "12:16")):
        found = command_line(words[0], str(tmp_path / "si.vasp"), *words[1:], *few, "-o", str(tmp_path / words[0]))
        assert "more than --max-atoms 1" in found.stderr
    assert QHAConfig().volume_range == (0.96, 1.06)
    assert KappaConfig().meshes_A == (40.0, 50.0)
