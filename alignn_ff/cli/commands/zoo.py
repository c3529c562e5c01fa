"""``alignn-ff zoo``: the shipped models, the user's models, and those of the published package."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from alignn_ff.cli.checking import CheckOption, check_quickly
from alignn_ff.cli.console import errors, plain_table, results, shows_bars
from alignn_ff.cli.options import JsonOption, OverwriteOption, StructureArgument

if TYPE_CHECKING:
    from alignn_ff.zoo import KindErrors, ModelCard, Recommendation
    from alignn_ff.zoo.download import Progress

app = typer.Typer(
    help="Models by name: shipped, your own, and those to download.", no_args_is_help=True, add_completion=False
)

ZooOption = Annotated[
    Path | None,
    typer.Option(
        "--zoo",
        metavar="FOLDER",
        file_okay=False,
        help="Folder of the zoo, instead of the one in your data folder.",
        show_default=False,
    ),
]
NameOption = Annotated[str | None, typer.Option("--name", help="Name of the model.", show_default=False)]


@app.command("list")
def list_models(
    elements: Annotated[str | None, typer.Option(help="Only models that cover all of these, such as Si,Ge.")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Names that the published package offers for download.")
    ] = False,
    zoo: ZooOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the shipped models and your own."""
    import json

    from alignn_ff.cli.parsing import parse_elements
    from alignn_ff.zoo import cards, cards_in

    if published:
        _print_published(as_json=as_json)
        return
    wanted = frozenset[str]() if elements is None else parse_elements(elements)
    known_cards = cards() if zoo is None else cards_in(zoo)
    found = [card for card in known_cards if wanted <= frozenset(card.elements)]
    if as_json:
        typer.echo(json.dumps([card.model_dump(mode="json") for card in found], allow_nan=False))
    elif found:
        _print_list(found)
    else:
        results.print(_nothing_found(known_cards, wanted, zoo), markup=False, soft_wrap=True)


def _nothing_found(known: "list[ModelCard]", wanted: frozenset[str], zoo: Path | None) -> str:
    where = "The zoo" if zoo is None else f"The zoo {zoo}"
    if not known:
        there = "" if zoo is None or zoo.is_dir() else ", and there is no such folder"
        options = "" if zoo is None else f" --zoo {zoo}"
        return f"{where} has no models{there}; `alignn-ff zoo add FOLDER{options}` adds one"
    there = ", ".join(f"{card.name} ({' '.join(card.elements)})" for card in known)
    return (
        f"No model covers {', '.join(sorted(wanted))}. {where} has: {there}. Use your own with --model PATH, or "
        "train one: alignn-ff train config.json --data your.extxyz"
    )


@app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(help="A name from `alignn-ff zoo list`.", show_default=False)],
    zoo: ZooOption = None,
    as_json: JsonOption = False,
    plots: Annotated[
        Path | None,
        typer.Option(
            "--plots", metavar="FOLDER", file_okay=False, help="Draw how well its standard deviations fit its errors."
        ),
    ] = None,
) -> None:
    """Show the card of one model."""
    import json

    from alignn_ff.errors import ModelNotFoundError
    from alignn_ff.zoo import cards, cards_in, nearest_name, replaced

    known = {card.name: card for card in (cards() if zoo is None else cards_in(zoo))}
    if name not in known:
        unknown = f"the zoo has no model {name!r}; it has {', '.join(known) or 'no models'}"
        raise ModelNotFoundError(replaced(name) or f"{unknown}{nearest_name(name, known)}")
    if plots is not None:
        _draw_calibration(known[name], plots)
    if as_json:
        typer.echo(json.dumps(known[name].model_dump(mode="json"), allow_nan=False))
    else:
        _print_card(known[name])


def _draw_calibration(card: "ModelCard", folder: Path) -> None:
    from alignn_ff import checkpoint
    from alignn_ff.errors import ConfigError
    from alignn_ff.plots import calibration_of_models, save_figure

    header, _ = checkpoint.read(card.file)
    figure = calibration_of_models({card.name: header.uncertainty.groups})
    if figure is None:
        raise ConfigError(
            f"the model {card.name} holds no calibration to draw. Draw it with held-out data: alignn-ff uncertainty "
            f"{card.name} HELD_OUT.extxyz --plots {folder}"
        )
    save_figure(figure, folder / f"{card.name}-calibration.png")


@app.command("recommend")
def recommend_models(
    structure: StructureArgument,
    zoo: ZooOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rank the models for a structure, with the reasons; `--model auto` takes the first shipped one that covers it."""
    import json

    from alignn_ff.io import read_structure
    from alignn_ff.zoo import cards_in, recommend

    atoms = read_structure(structure)
    found = recommend(atoms.numbers, [atoms], among=None if zoo is None else cards_in(zoo))
    if as_json:
        typer.echo(json.dumps([one.to_json() for one in found], allow_nan=False))
        return
    _print_recommended(found)


@app.command("add")
def add_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER",
            help="Training output, model file, or folder of the published package.",
            show_default=False,
        ),
    ],
    name: NameOption = None,
    summary: Annotated[
        str | None, typer.Option(help="One sentence that describes the model.", show_default=False)
    ] = None,
    card_file: Annotated[
        Path | None,
        typer.Option(
            "--card",
            metavar="FILE",
            help="TOML with further fields of the card: data, level_of_theory, licence, good_for, properties, …",
            show_default=False,
        ),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="Labelled structures that are not in the training data; errors on each config_type go into the card.",
            show_default=False,
        ),
    ] = None,
    folds: Annotated[
        list[Path] | None,
        typer.Option(
            "--fold",
            metavar="OUTPUT",
            help="Training output of the same config that held out a part of DATA: its model predicts it. Repeat it.",
            show_default=False,
        ),
    ] = None,
    zoo: ZooOption = None,
    overwrite: OverwriteOption = False,
    check: CheckOption = True,
    as_json: JsonOption = False,
) -> None:
    """Add a model to your own zoo, so that --model finds it by name."""
    import json

    from alignn_ff.errors import ConfigError, PropertyModelError
    from alignn_ff.zoo import add, read_descriptions

    described = {} if card_file is None else read_descriptions(card_file)
    errors_of_kinds: tuple[KindErrors, ...] = ()
    if folds and held_out is None:
        raise ConfigError("--fold predicts a part of the data that --held-out names: give both")
    if held_out is not None:
        from alignn_ff.train.held_out import held_out_errors

        errors_of_kinds = held_out_errors(model, held_out, folds=folds or ())
    card = add(
        model, name=name, summary=summary, zoo=zoo, overwrite=overwrite, described=described, held_out=errors_of_kinds
    )
    if check:
        with suppress(PropertyModelError):  # has no forces to check
            check_quickly(card.file, card.folder, device="cpu", console=errors)
    if as_json:
        typer.echo(json.dumps(card.model_dump(mode="json"), allow_nan=False))
        return
    how = card.name if zoo is None else str(card.folder)
    results.print(f"{card.folder}\nuse it with --model {how}", markup=False, soft_wrap=True)


@app.command("remove")
def remove_model(
    name: Annotated[str, typer.Argument(help="A name of your own zoo.", show_default=False)], zoo: ZooOption = None
) -> None:
    """Remove a model from your own zoo."""
    from alignn_ff.zoo import remove

    results.print(f"removed {remove(name, zoo=zoo)}", markup=False, soft_wrap=True)


@app.command("fetch")
def fetch_model(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME|URL", help="A name from `zoo list --published`, or an https:// address.", show_default=False
        ),
    ],
    name: NameOption = None,
    sha256: Annotated[
        str | None, typer.Option(help="Expected SHA-256 of the downloaded file.", show_default=False)
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            help="Folder of the download, instead of your cache folder.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Download a model once; an interrupted download is resumed."""
    import json

    from alignn_ff.zoo import fetch, read_source

    with _progress_bar() as progress:
        folder = fetch(source, name=name, sha256=sha256, cache=cache, progress=progress)
    origin = read_source(folder)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), **origin.model_dump()}))
        return
    how = folder.name if cache is None else str(folder)
    results.print(f"{folder}\nSHA-256 {origin.sha256}\nuse it with --model {how}", markup=False, soft_wrap=True)
    if sha256 is None:
        errors.print("this file is not verified: no --sha256 was given", markup=False)


@contextmanager
def _progress_bar() -> "Iterator[Progress]":
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not shows_bars()) as bar:
        task = bar.add_task("download", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_published(*, as_json: bool) -> None:
    import json

    from alignn_ff.zoo import downloaded, published_models

    models = published_models()
    if as_json:
        typer.echo(json.dumps({name: model.model_dump() for name, model in models.items()}))
        return
    here = set(downloaded())
    table = plain_table(("name", "kind", "target", "unit", ""))
    for name, model in models.items():
        table.add_row(name, model.kind, model.target, model.unit, "downloaded" if name in here else "")
    results.print(table)
    errors.print("from the list of the published package; addresses and files are not verified", markup=False)


def _print_list(found: "list[ModelCard]") -> None:
    from alignn_ff.display import elements_in_words

    table = plain_table(("name", "elements", "level of theory", "parameters", "summary"), numbers=("parameters",))
    for card in found:
        elements = elements_in_words(card.elements)
        table.add_row(card.name, elements, card.level_of_theory, f"{card.n_parameters:,}", card.summary)
    results.print(table)


def _print_recommended(found: "list[Recommendation]") -> None:
    from rich.markup import escape

    table = plain_table(("", "model", "reasons"))
    for place, one in enumerate(found, start=1):
        table.add_row(str(place) if one.covers else "–", escape(one.name), escape("; ".join(one.reasons)))
    results.print(table)
    if not any(one.covers for one in found):
        results.print(
            "No model covers the structure. Use your own with --model PATH, or train one: alignn-ff train config.json "
            "--data your.extxyz",
            markup=False,
            soft_wrap=True,
        )


SENTENCES: Final = {"good_for": "good for", "not_for": "not for", "not_in_data": "not in the data"}
MOST_PAIRS: Final = 30


def _pairs(names: "list[str] | None") -> str:
    """Pairs of elements; of many, the first of them and their number."""
    if not names:
        return "not stated" if names is None else "none"
    more = f", … ({len(names)} in all)" if len(names) > MOST_PAIRS else ""
    return ", ".join(names[:MOST_PAIRS]) + more


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
        elif field == "uncertainty":
            table.add_row(field, escape("; ".join(value) or "none"))
        elif field in SENTENCES:
            table.add_row(SENTENCES[field], escape("; ".join(value) or "not stated"))
        elif field == "unseen_pairs":
            table.add_row("pairs never seen together", escape(_pairs(value)))
        elif field == "held_out":
            for kind in card.held_out:
                table.add_row("held out", escape(kind.in_words()))
        elif field == "properties":
            for row in card.properties:
                reference = "" if row.reference is None else f" (reference {row.reference:g}, {row.source})"
                table.add_row(escape(row.name), escape(f"{row.value:g} {row.unit}{reference}"))
        elif value is None:
            continue
        else:
            table.add_row(field, escape(" ".join(value) if isinstance(value, list) else str(value)))
    results.print(table)
