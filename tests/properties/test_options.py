"""Options of the property commands reach the fields of their configs."""

from pathlib import Path

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff.errors import ConfigError
from alignn_ff.properties import PROPERTIES, PropertyResult, compute
from alignn_ff.properties.conductivity.config import KappaConfig
from alignn_ff.properties.config import PropertySettings
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


@pytest.mark.parametrize("name", PROPERTIES)
def test_fields_of_every_property_are_given_by_name_in_a_config_or_both(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = PROPERTIES[name]
    seen: list[PropertySettings] = []

    def record(*arguments: object) -> PropertyResult:
        seen.append(arguments[-2])
        raise StopIteration

    monkeypatch.setitem(PROPERTIES, name, row._replace(compute=lambda: record))
    atoms = bulk("Cu")
    atoms.calc = EMT()
    given = [atoms] * len(row.inputs)
    needed = {field: 1000.0 for field, info in row.config().model_fields.items() if info.is_required()}
    whole = {**needed, "outside": "stop"}
    for config, fields in ((needed, {"outside": "stop"}), (whole, {}), (row.config()(**whole), {})):
        with pytest.raises(StopIteration):
            compute(name, *given, config=config, calculator=EMT(), **fields)
    assert [settings.outside for settings in seen] == ["stop"] * 3
    with pytest.raises(ConfigError, match="outsid is not a setting"):
        compute(name, *given, calculator=EMT(), outsid="stop")
    with pytest.raises(ConfigError, match="outside: given in config and by name"):
        compute(name, *given, config={"outside": "warn"}, calculator=EMT(), outside="stop")


def test_a_property_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'vacancy'"):
        compute("vacancies", bulk("Cu"))
