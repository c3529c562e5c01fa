"""``alignn-ff config``: complete, check and explain training configs."""

import json
from pathlib import Path
from typing import Annotated

import typer

from alignn_ff.cli.console import results
from alignn_ff.cli.options import SetOption
from alignn_ff.cli.parsing import parse_changes

app = typer.Typer(
    help="Training configs: complete, check and explain them.", no_args_is_help=True, add_completion=False
)

ConfigArgument = Annotated[Path, typer.Argument(metavar="CONFIG.json", help="Training config.", show_default=False)]


@app.command("show")
def show(config: ConfigArgument, changes: SetOption = None) -> None:
    """Print a config with all defaults filled in."""
    from alignn_ff.train import load_config

    typer.echo(json.dumps(load_config(config, parse_changes(changes or [])).model_dump(mode="json"), indent=2))


@app.command("validate")
def validate(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG.json", help="Training configs.", show_default=False)],
) -> None:
    """Check configs: print all problems (exit code 2), or advice for a valid config."""
    from alignn_ff.train import load_config
    from alignn_ff.train.config.advice import advice, unused_advice

    for path in configs:
        settings = load_config(path)
        said = advice(settings) + unused_advice(settings)
        results.print(f"{path}: valid", markup=False, soft_wrap=True)
        for sentence in said:
            results.print(f"  - {sentence}", markup=False, soft_wrap=True)


@app.command("reference")
def reference(
    field: Annotated[
        str | None,
        typer.Argument(help="A field, such as cutoff or model.exponent; without one, all fields as Markdown."),
    ] = None,
) -> None:
    """Explain one field, or print the whole reference."""
    from alignn_ff.train.config.reference import field_names, field_reference, markdown_reference

    if field is None:
        typer.echo(markdown_reference())
        return
    found = field_reference(field)
    if not found:
        raise _unknown(field, field_names())
    for place, values, default, meaning in found:
        results.print(f"{field} ({place})", style="bold", markup=False, soft_wrap=True)
        results.print(f"  values: {values}\n  default: {default}\n  {meaning}", markup=False, soft_wrap=True)


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema, for completion and checks in editors."""
    from alignn_ff.train.config.reference import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def _unknown(field: str, names: list[str]) -> Exception:
    import difflib

    from alignn_ff.errors import ConfigError

    near = difflib.get_close_matches(field, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known fields: {', '.join(names)}"
    return ConfigError(f"unknown field {field!r}; {hint}")
