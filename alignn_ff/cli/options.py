"""Options that several commands take, each said once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Dtype(StrEnum):
    """Precision of the network."""

    float32 = "float32"
    float64 = "float64"


class Backend(StrEnum):
    """How the network is executed."""

    auto = "auto"
    eager = "eager"
    native = "native"


StructureArgument = Annotated[
    Path,
    typer.Argument(
        metavar="STRUCTURE",
        help="Structure file in any format that ASE reads: POSCAR, .vasp, .cif, .xyz, .extxyz, …; "
        "of several structures the last.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model", "-m", metavar="NAME|PATH", help="Zoo name, model file or folder; auto takes the one that fits."
    ),
]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
DtypeOption = Annotated[
    Dtype, typer.Option("--dtype", help="Precision of the network; geometry and energy sums are float64.")
]
BackendOption = Annotated[
    Backend,
    typer.Option(
        "--backend", help="native: C++ kernels for smooth models on the CPU; auto takes what is fastest and at hand."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, to stdout.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace output files that are there already.")]
