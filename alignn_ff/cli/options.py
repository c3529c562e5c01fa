"""Options that several commands have in common."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from alignn_ff.cli.schema import with_default

MODEL_NAMES: Final = {"model": ("--model", "-m")}
"""Options of a model that are not named after their fields."""

StructureArgument = Annotated[
    Path,
    typer.Argument(
        metavar="STRUCTURE",
        help="Structure file in any format that ASE reads: POSCAR, .vasp, .cif, .xyz, .extxyz, …; "
        "if it has several structures, the last is used.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print only the result, as JSON, to stdout.")]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace existing output files.", rich_help_panel="Output"),
]

DATA_KEYS: Final = {
    "id_tag": ("--id-key",),
    "target": ("--target-key",),
    "forces_key": ("--forces-key", "--force-key"),
    "stress_key": ("--stress-key", "--stresswise-key"),
    "atomwise_key": ("--atomwise-key",),
    "additional_key": ("--additional-key", "--additional-output-key"),
}
"""Fields of the training config that name labels, and their options."""

DATA_READING: Final = {
    "data_format": ("--format", "--input-format"),
    "data_index": ("--index",),
    "data_elements": ("--elements",),
}
"""Fields of the training config that tell how a file of data is read, and their options."""

DATA_READING_BESIDE_FORMAT: Final = {**DATA_READING, "data_format": ("--input-format",)}
"""The same for commands whose ``--format`` is that of their output."""

USUAL: Final = dict.fromkeys(DATA_KEYS, "the usual names")
"""Default of each without a training config."""

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="Change a field of the config, such as epochs=10 or model.use_zbl=false."
    ),
]


def output_option(words: str, default: str | None = None, *, metavar: str = "PREFIX") -> Any:
    """The option --output, -o: what is written, and where without it; None: nowhere.

    Where a name is used without it, the option takes a folder too: its value goes to ``alignn_ff.io.named_output``.
    """
    return typer.Option(
        "--output",
        "-o",
        metavar=metavar,
        help=words if default is None else f"{words} FOLDER/: that name in a folder.{with_default(default)}",
        show_default=False,
        rich_help_panel="Output",
    )
