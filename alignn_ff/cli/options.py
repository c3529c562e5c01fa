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
    blocked = "blocked"
    native = "native"
    scatter = "scatter"


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
        "--backend",
        help="native: C++ kernels on the CPU; blocked: published models within a limit of memory; "
        "scatter: sums by torch-scatter; auto takes what is fastest and at hand.",
    ),
]
MemoryLimitOption = Annotated[
    str | None,
    typer.Option(
        "--memory-limit",
        metavar="SIZE",
        help="Most that an evaluation of a published model may hold, e.g. 4GB or 500MB; slower where it is tight.",
        show_default="none",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else, to stdout.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace output files that are there already.")]

IdKeyOption = Annotated[
    str | None, typer.Option("--id-key", metavar="KEY", help="Column or key of the identifier (id_tag).")
]
TargetKeyOption = Annotated[
    str | None, typer.Option("--target-key", metavar="KEY", help="Column or key of what is learned (target).")
]
ForcesKeyOption = Annotated[
    str | None, typer.Option("--forces-key", "--force-key", metavar="KEY", help="Key of the forces, eV/Å.")
]
StressKeyOption = Annotated[
    str | None,
    typer.Option(
        "--stress-key",
        "--stresswise-key",
        metavar="KEY",
        help="Key of the stress: GPa in id_prop.json, eV/Å³ in frames; tension positive.",
    ),
]
AtomwiseKeyOption = Annotated[
    str | None, typer.Option("--atomwise-key", metavar="KEY", help="Key of a property of each atom.")
]
AdditionalKeyOption = Annotated[
    str | None,
    typer.Option(
        "--additional-key", "--additional-output-key", metavar="KEY", help="Key of a further property of a structure."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="Change a field of the config, such as epochs=10 or model.use_zbl=false."
    ),
]
