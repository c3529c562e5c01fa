"""``alignn-ff zoo``: the models that ship."""

from typing import TYPE_CHECKING, Annotated

import typer

from alignn_ff.cli.console import results
from alignn_ff.cli.options import JsonOption

if TYPE_CHECKING:
    from alignn_ff.zoo import ModelCard

app = typer.Typer(help="The models that ship: what they know, and how well.", no_args_is_help=True)


@app.command("list")
def list_models(
    elements: Annotated[str | None, typer.Option(help="Only models that know all of these, such as Si,Ge.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the models that ship."""
    import json

    from alignn_ff.cli.inputs import parse_elements
    from alignn_ff.zoo import cards

    wanted = frozenset[str]() if elements is None else parse_elements(elements)
    found = [card for card in cards() if wanted <= frozenset(card.elements)]
    if as_json:
        typer.echo(json.dumps([card.model_dump(mode="json") for card in found], allow_nan=False))
    elif found:
        _print_list(found)
    else:
        known = ", ".join(f"{card.name} ({' '.join(card.elements)})" for card in cards()) or "none"
        results.print(
            f"No model that ships covers {', '.join(sorted(wanted)) or 'anything'}. At hand: {known}. "
            "Bring your own with --model PATH, or train one: alignn-ff train config.json --data your.extxyz",
            markup=False,
            soft_wrap=True,
        )


@app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="A name from `alignn-ff zoo list`.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show the card of one model."""
    import json

    from alignn_ff.errors import ModelNotFoundError
    from alignn_ff.zoo import cards

    known = {card.name: card for card in cards()}
    if name not in known:
        raise ModelNotFoundError(f"the zoo has no model {name!r}; it has {', '.join(known) or 'no models'}")
    if as_json:
        typer.echo(json.dumps(known[name].model_dump(mode="json"), allow_nan=False))
    else:
        _print_card(known[name])


def _print_list(found: "list[ModelCard]") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("name", "elements", "level of theory", "parameters", "summary"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "parameters" else "left")
    for card in found:
        table.add_row(card.name, " ".join(card.elements), card.level_of_theory, f"{card.n_parameters:,}", card.summary)
    results.print(table)


def _print_card(card: "ModelCard") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for field, value in card.model_dump(mode="json").items():
        if isinstance(value, dict):
            for metric, number in value.items():
                table.add_row(escape(metric), f"{number:g}")
        else:
            table.add_row(field, escape(" ".join(value) if isinstance(value, list) else str(value)))
    results.print(table)
