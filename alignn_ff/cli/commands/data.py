"""``alignn-ff data``: describe, convert and split labelled data."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignn_ff.cli.console import results
from alignn_ff.cli.options import (
    DATA_KEYS,
    DATA_READING,
    DATA_READING_BESIDE_FORMAT,
    USUAL,
    JsonOption,
    OverwriteOption,
)
from alignn_ff.cli.parsing import check_data, data_keys
from alignn_ff.cli.schema import options_of
from alignn_ff.train.config.data import DataFields
from alignn_ff.train.config.splitting import SplitFields

if TYPE_CHECKING:
    from alignn_ff.data_checks import Description
    from alignn_ff.train import Record

app = typer.Typer(help="Labelled data: describe, convert, split.", no_args_is_help=True, add_completion=False)

DATA_HELP = (
    "extended XYZ or another format that ASE reads, ASE database, id_prop.json, or a folder with id_prop.json or .csv"
)


@app.command("describe")
@options_of(DataFields, "keys", panel="Labels", names=DATA_KEYS, defaults=USUAL, only=tuple(DATA_KEYS))
@options_of(DataFields, "reading", panel="Data", names=DATA_READING, only=tuple(DATA_READING))
def describe(
    data: Annotated[list[Path], typer.Argument(metavar="DATA…", help=f"Data sets: {DATA_HELP}.", show_default=False)],
    plots: Annotated[Path | None, typer.Option("--plots", file_okay=False, help="Folder for figures.")] = None,
    as_json: JsonOption = False,
    *,
    keys: Mapping[str, str],
    reading: Mapping[str, Any],
) -> None:
    """Contents and possible errors of data: units, signs, outliers, duplicates, leaks between the sets."""
    check_data(*data)
    from alignn_ff.data_checks import describe as survey
    from alignn_ff.train import read_records

    names = data_keys({**keys, **reading})
    sets = {name: read_records(path, names) for name, path in _names(data).items()}
    found = survey(sets)
    if plots is not None:
        from alignn_ff.plots import data_figures, save_figure

        shortest = {name: contents.shortest_distance_A for name, contents in found.contents.items()}
        for name, figure in data_figures(sets, shortest).items():
            save_figure(figure, plots / f"{name}.png")
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2, allow_nan=False))
    else:
        _print_description(found)


@app.command("convert")
@options_of(DataFields, "keys", panel="Labels", names=DATA_KEYS, defaults=USUAL, only=tuple(DATA_KEYS))
@options_of(DataFields, "reading", panel="Data", names=DATA_READING, only=tuple(DATA_READING))
def convert(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE…", help=f"{DATA_HELP.capitalize()}; several are combined.", show_default=False),
    ],
    target: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="File to write: .extxyz, .json (id_prop.json) or .db."),
    ],
    overwrite: OverwriteOption = False,
    *,
    keys: Mapping[str, str],
    reading: Mapping[str, Any],
) -> None:
    """Convert labelled data: outputs of DFT codes (OUTCAR, vasprun.xml, …) and data sets into one file."""
    from alignn_ff.io import claimed

    check_data(*sources)
    with claimed([target], overwrite=overwrite):
        from alignn_ff.train import read_records
        from alignn_ff.train.datasets import write_records

        names = data_keys({**keys, **reading})
        records = [record for source in sources for record in read_records(source, names)]
        write_records(target, records)
    results.print(f"{len(records)} structures in {target}", markup=False, soft_wrap=True)


@app.command("split")
@options_of(DataFields, "keys", panel="Labels", names=DATA_KEYS, defaults=USUAL, only=tuple(DATA_KEYS))
@options_of(DataFields, "reading", panel="Data", names=DATA_READING_BESIDE_FORMAT, only=tuple(DATA_READING))
@options_of(SplitFields, "splitting", panel="Options", names={"random_seed": ("--seed",)}, only=("random_seed",))
def split(
    data: Annotated[Path, typer.Argument(metavar="DATA", help=f"Data set: {DATA_HELP}.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", file_okay=False, help="Folder of the parts.")
    ],
    ratios: Annotated[str, typer.Option(help="Fractions of training, validation and test.")] = "0.8,0.1,0.1",
    keep_together: Annotated[
        str | None,
        typer.Option(
            "--keep-together",
            metavar="KEY",
            help="formula, config_type or a key: structures with the same value are in one part.",
        ),
    ] = None,
    stratify_by: Annotated[
        str | None,
        typer.Option("--stratify-by", metavar="KEY", help="Distribute the values of a key equally over the parts."),
    ] = None,
    suffix: Annotated[str, typer.Option("--format", help="Format of the parts: extxyz, json or db.")] = "extxyz",
    overwrite: OverwriteOption = False,
    *,
    keys: Mapping[str, str],
    reading: Mapping[str, Any],
    splitting: Mapping[str, int],
) -> None:
    """Split data without leaks: equal structures, also rotated or as supercells, are in the same part."""
    from alignn_ff.io import claimed

    check_data(data)
    files = {name: output / f"{name}.{suffix}" for name in ("train", "val", "test")}
    fractions, seed = _ratios(ratios), SplitFields.model_validate(splitting).random_seed
    identifiers = output / "ids_train_val_test.json"
    with claimed([*files.values(), identifiers], overwrite=overwrite):
        from alignn_ff.data_checks import split_without_leaks
        from alignn_ff.train import read_records

        records = read_records(data, data_keys({**keys, **reading}))
        parts = split_without_leaks(
            records, fractions, keep_together=keep_together, stratify_by=stratify_by, seed=seed
        )._asdict()
        _write_parts(parts, records, files, identifiers)


def _write_parts(
    parts: "Mapping[str, Sequence[int]]", records: "Sequence[Record]", files: Mapping[str, Path], identifiers: Path
) -> None:
    from alignn_ff.io import write_json
    from alignn_ff.train.datasets import write_records

    for name, indices in parts.items():
        if indices:
            write_records(files[name], [records[i] for i in indices])
            results.print(f"{name:<5} {len(indices):>6} structures in {files[name]}", markup=False, soft_wrap=True)
    write_json(identifiers, {name: [records[i].identifier for i in indices] for name, indices in parts.items()})


def _names(paths: list[Path]) -> dict[str, Path]:
    """A name per data set: its file name, or its path if several files have the same name."""
    short = [path.name or str(path) for path in paths]
    return {str(path) if short.count(name) > 1 else name: path for name, path in zip(short, paths, strict=True)}


def _ratios(text: str) -> tuple[float, float, float]:
    from alignn_ff.errors import ConfigError

    try:
        train, val, test = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--ratios is {text!r}; it takes three numbers, such as 0.8,0.1,0.1") from error
    if min(train, val, test) < 0 or not 0 < train + val + test <= 1 + 1e-9:
        raise ConfigError(f"--ratios is {text!r}; they must not be negative, and their sum must be at most 1")
    return train, val, test


def _print_description(found: "Description") -> None:
    from alignn_ff.cli.summaries.summary import summary_table

    for name, contents in found.contents.items():
        what = "structure" if contents.n_structures == 1 else "structures"
        results.print(f"{name}: {contents.n_structures} {what}, {contents.n_atoms} atoms", style="bold")
        elements = " ".join(f"{symbol} {n}" for symbol, n in contents.elements.items())
        labels = ", ".join(f"{kind} {n}" for kind, n in contents.labels.items())
        kinds = ", ".join(f"{kind} {n}" for kind, n in contents.periodicity.items())
        results.print(f"  elements: {elements}\n  formulas: {contents.formulas} · {kinds}\n  labels: {labels}")
        if contents.groups:
            results.print("  groups: " + ", ".join(f"{g} {n}" for g, n in contents.groups.items()), markup=False)
        rows = [
            (quantity, f"{r.lowest:.4g}", f"{r.mean:.4g}", f"{r.highest:.4g}", f"{r.rms:.4g}")
            for quantity, r in {"atoms per structure": contents.sizes, **contents.ranges}.items()
        ]
        results.print(summary_table(rows, header=("", "lowest", "mean", "highest", "RMS")))
        nearest = sorted(contents.shortest_distance_A.items(), key=lambda item: item[1])[:8]
        results.print("  shortest distances: " + ", ".join(f"{pair} {d:.3f} Å" for pair, d in nearest))
        consistency = found.consistency[name]
        if consistency.explained is not None:
            explained = consistency.explained
            results.print(
                f"  energies of {consistency.n_pairs} close pairs ({consistency.n_strained} of them strained): "
                "forces and stresses "
                + (f"explain {100 * explained:.1f} % of their differences" if explained > 0 else "contradict them")
            )
        elif contents.labels.keys() & {"forces", "stress"}:
            few = "too few pairs of close structures" if "energy" in contents.labels else "there are no energies"
            results.print(f"  units and signs of forces and stresses could not be checked: {few}")
        results.print()
    for pair, n in found.shared_formulas.items():
        results.print(f"{pair}: {n} structures of the second have a formula that is also in the first", markup=False)
    if not found.findings:
        results.print("no problems found")
    for finding in found.findings:
        results.print(f"{finding.kind}: ", style="bold yellow", end="")
        results.print(finding.sentence, markup=False, soft_wrap=True)
