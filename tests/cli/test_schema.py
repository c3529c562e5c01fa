"""Options are derived from the config models: names, defaults, help and allowed words."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from ase.build import bulk
from typer.main import get_command

import alignn_ff.cli
from alignn_ff.analysis.config import AnalysisConfig
from alignn_ff.cli.app import ALIASES, COMMANDS, _load
from alignn_ff.cli.model_choice import ModelChoice, PreciseModelChoice
from alignn_ff.cli.schema import UNITS, option_name, options_of
from alignn_ff.md import ENSEMBLES, MDConfig
from alignn_ff.relax import OPTIMIZERS, RelaxConfig
from tests.support.command_line import CommandLine

CONFIGS = {
    "md": (MDConfig, ModelChoice),
    "relax": (RelaxConfig, PreciseModelChoice),
    "analyze": (AnalysisConfig,),
    "energy": (ModelChoice,),
}
OTHERWISE = {"md": {"name", "stages", "guards"}}
"""Fields that have no option of their own."""


def subcommands(command: Any, name: str) -> list[tuple[str, Any]]:
    if hasattr(command, "commands"):
        return [pair for key, sub in command.commands.items() for pair in subcommands(sub, f"{name} {key}")]
    return [(name, command)]


EVERY_COMMAND = [pair[0] for name in COMMANDS for pair in subcommands(_load(name), name)]
GROUPS = ["", *(name for name in COMMANDS if hasattr(_load(name), "commands"))]


def parameters(command: str) -> dict[str, Any]:
    return {parameter.name: parameter for parameter in _load(command).params}


@pytest.mark.parametrize("command", CONFIGS)
def test_every_field_of_the_config_is_an_option_with_its_help_default_and_unit(command: str) -> None:
    options = list(parameters(command).values())
    for model in CONFIGS[command]:
        for field, info in model.model_fields.items():
            if field in OTHERWISE.get(command, ()):
                continue
            (option,) = [o for o in options if o.name.endswith(f"_{field}") and "alias" not in o.name]
            assert option.default is None, "the config model holds the default"
            described = info.description.rstrip(".")
            assert described[1:] in option.help.replace("\\", ""), option.help
            default = None if info.is_required() else info.default
            if isinstance(default, float | int) and not isinstance(default, bool):
                assert f"default: {default:g}" in option.help
            unit = next((unit for ending, unit in UNITS.items() if field.endswith(ending)), "")
            assert unit in option.help


@pytest.mark.parametrize(
    "field, option",
    [("timestep_fs", "--timestep"), ("max_steps", "--max-steps"), ("bin_A", "--bin"), ("pressure_GPa", "--pressure")],
)
def test_an_option_is_named_like_its_field_without_the_unit(field: str, option: str) -> None:
    assert option_name(field) == option


def test_no_command_repeats_a_default_of_a_config() -> None:
    """A parameter of a command is None, False, or is not a field of a config."""
    fields = {
        re.sub(f"({'|'.join(UNITS)})$", "", f) for models in CONFIGS.values() for m in models for f in m.model_fields
    }
    for path in (Path(alignn_ff.cli.__file__).parent / "commands").glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            names = function.args.args[len(function.args.args) - len(function.args.defaults) :]
            for name, default in zip(names, function.args.defaults, strict=True):
                unset = isinstance(default, ast.Constant) and default.value in (None, False)
                assert unset or name.arg not in fields, f"{path.name}: {name.arg}"


def test_help_names_every_ensemble_and_optimizer(command_line: CommandLine) -> None:
    assert all(name in command_line("md", "--help").stdout for name in ENSEMBLES)
    assert all(name in command_line("relax", "--help").stdout for name in OPTIMIZERS)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", [*EVERY_COMMAND, *GROUPS])
def test_help_is_readable_at_any_width(command: str, width: int, command_line: CommandLine) -> None:
    shown = command_line(*command.split(), "--help", columns=width).stdout
    assert max(len(line) for line in shown.splitlines()) <= width
    assert not re.findall(r"--[\w-]*…|[a-z]…\s", shown), "a word is cut"
    assert "<bool>" not in shown, "flags take no value"
    assert "--install-completion" not in shown
    for group in ("Model", "Output"):
        if command in ("md", "relax"):
            assert f"─ {group} ─" in shown


@pytest.mark.parametrize("command", ["predict", "eval", "check", "domain", "uncertainty", "batch energy"])
def test_commands_that_cannot_keep_a_structure_resident_do_not_offer_it(
    command: str, command_line: CommandLine
) -> None:
    assert "--resident" not in command_line(*command.split(), "--help").stdout


def test_a_field_whose_words_come_from_a_table_is_parsed_and_explained() -> None:
    found = {}

    @options_of(MDConfig, "settings", panel="Run", names={"formats": ("--format", "--formats")}, leave_out=("guards",))
    def toy(*, settings: dict[str, object]) -> None:
        found.update(settings)

    app = typer.Typer()
    app.command()(toy)
    words = ["--steps", "3", "--temperature", "300:600", "--formats", "traj,h5md", "--supercell", "2x1x1"]
    get_command(app)(words, standalone_mode=False)
    assert found == {"steps": 3, "temperature_K": (300.0, 600.0), "formats": ("traj", "h5md"), "supercell": (2, 1, 1)}


@pytest.mark.parametrize(
    "words, useless",
    [
        ("relax --restart x.json --fmax 0.1 --cell", "--fmax, --cell"),
        ("relax POSCAR --restart x.json --dtype float32", "STRUCTURE"),
        ("md --restart x.restart --timestep 2", "--timestep"),
        ("md POSCAR --restart x.restart --seed 3", "STRUCTURE"),
    ],
)
def test_options_that_a_restart_file_holds_are_refused(words: str, useless: str, command_line: CommandLine) -> None:
    result = command_line(*words.split())
    assert result.code == 2
    assert "cannot be given with --restart" in result.stderr
    assert all(word in result.stderr for word in useless.split(", "))


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["relx", "x.vasp"], "did you mean 'relax'?"),
        (["phonnon", "x.vasp"], "did you mean 'phonon'?"),
        (["nonsense"], "`alignn-ff --help` lists all"),
        (["zoo", "shw", "si"], "'show'"),
        (["relax", "{si}", "--fmx", "1"], "--fmax"),
        (["relax", "{si}", "--cell", "slabb"], "did you mean 'slab'?"),
        (["relax", "{si}", "--optimizer", "bfg"], "did you mean 'lbfgs'?"),
        (["md", "{si}", "--steps", "2", "--ensemble", "nvt_busi"], "did you mean 'nvt_bussi'?"),
        (["energy", "{si}", "--model", "unversal"], "did you mean 'universal'?"),
    ],
)
def test_a_word_that_is_nearly_right_is_answered_with_the_right_one(
    words: list[str], hint: str, command_line: CommandLine, tmp_path: Path
) -> None:
    bulk("Si").write(tmp_path / "si.vasp")
    answer = command_line(*(word.format(si=tmp_path / "si.vasp") for word in words))
    assert (answer.code, hint in " ".join(answer.stderr.replace("│", " ").split())) == (2, True), answer.stderr


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_a_command_may_be_called_as_elsewhere(alias: str, name: str, command_line: CommandLine) -> None:
    assert alias not in COMMANDS
    assert command_line(alias, "--help").stdout == command_line(name, "--help").stdout
