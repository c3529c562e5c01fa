"""``alignn-ff bound``: a model whose energies of atoms level off far beyond those of its training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from ase.data import chemical_symbols

from alignn_ff.cli.console import results
from alignn_ff.cli.model_choice import ModelChoice
from alignn_ff.cli.options import DATA_KEYS, DATA_READING, USUAL, OverwriteOption, output_option
from alignn_ff.cli.parsing import check_data, data_names
from alignn_ff.cli.schema import options_of
from alignn_ff.train.config.data import DataFields

SHOWN: Final = 6
"""Elements of which the bounds are printed; of more, those with the widest."""


@options_of(ModelChoice, "model_options", panel="Model", only=("device",))
@options_of(DataFields, "keys", panel="Labels", names=DATA_KEYS, defaults=USUAL, only=tuple(DATA_KEYS))
@options_of(DataFields, "reading", panel="Data", names=DATA_READING, only=tuple(DATA_READING))
def bound(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Zoo name, model file or folder.")],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="The structures that the model was trained on.")],
    output: Annotated[Path, output_option("Model file that is written.", metavar="FILE")],
    floor_structures: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            show_default="as many as its training had",
            help="Generated structures that count too, since the training held their energies above a floor.",
            rich_help_panel="Data",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    *,
    keys: Mapping[str, str],
    reading: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    """Write a model whose energies of atoms level off where they are far beyond those of its training.

    Training does so at its end (bound_energies); this is for models that were trained without it.
    """
    check_data(data)
    choice = ModelChoice.model_validate(model_options)
    from alignn_ff.io import claimed
    from alignn_ff.loading import find_source, select_device
    from alignn_ff.train import records_for
    from alignn_ff.train.bounds import bound_by_records

    device, file = select_device(choice.device), find_source(model).file
    records = records_for(model, data, data_names({**keys, **reading}))
    with claimed([output], overwrite=overwrite, source=file):
        header = bound_by_records(file, records, floor_structures=floor_structures, device=device, output=output)
    bounds = dict(zip(header.elements, header.statistics.energy_bounds, strict=True))
    widest = sorted(bounds, key=lambda z: bounds[z][0] - bounds[z][3])[:SHOWN]
    results.print(f"{output}: energies of atoms, less their references, stay as they are within")
    for z in sorted(widest):
        lowest, lower, upper, highest = bounds[z]
        inner, outer = f"{lower:8.2f} to {upper:8.2f} eV", f"{lowest:8.2f} to {highest:8.2f} eV"
        results.print(f"  {chemical_symbols[z]:2} {inner}, and never leave {outer}")
    if len(bounds) > len(widest):
        results.print(f"  and so on for {len(bounds) - len(widest)} further elements, whose bounds are narrower")
