"""``alignn-ff eval``: how good a model is on labelled data."""

import json
from pathlib import Path
from typing import Annotated

import typer

from alignn_ff.cli.console import results
from alignn_ff.cli.options import (
    Backend,
    BackendOption,
    DeviceOption,
    Dtype,
    DtypeOption,
    ForcesKeyOption,
    IdKeyOption,
    JsonOption,
    MemoryLimitOption,
    StressKeyOption,
    TargetKeyOption,
)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Zoo name, model file or folder.")],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Extended XYZ file, ASE database, id_prop.json, or a folder with id_prop.json or id_prop.csv.",
        ),
    ],
    as_json: JsonOption = False,
    plots: Annotated[Path | None, typer.Option("--plots", help="Folder for parity plots.")] = None,
    id_key: IdKeyOption = None,
    target_key: TargetKeyOption = None,
    forces_key: ForcesKeyOption = None,
    stress_key: StressKeyOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.float32,
    backend: BackendOption = Backend.auto,
    memory_limit: MemoryLimitOption = None,
) -> None:
    """Compare a model of any kind with labels, in all and by config_type."""
    from alignn_ff.cli.inputs import parse_limits
    from alignn_ff.train import evaluate_file, records_for, summarise

    named = {"identifier": id_key, "target": target_key, "forces": forces_key, "stress": stress_key}
    records = records_for(model, data, {kind: name for kind, name in named.items() if name is not None})
    limits = parse_limits(memory_limit)
    comparisons = evaluate_file(model, records, device=device, dtype=dtype.value, backend=backend.value, limits=limits)
    metrics = summarise(comparisons)
    if plots is not None:
        from alignn_ff.plots import parity_figures, save_figure

        for name, figure in parity_figures({data.stem: comparisons}).items():
            save_figure(figure, plots / f"parity_{name}.png")
    if as_json:
        typer.echo(json.dumps({"model": model, "data": str(data), "metrics": metrics}, indent=2))
    else:
        from alignn_ff.cli.tables import error_table

        results.print(error_table(f"{model} on {data.name}", metrics))
