"""``alignn-ff energy``: energy, forces and stress of a structure, without relaxing it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from alignn_ff.cli.console import results
from alignn_ff.cli.model_choice import ModelChoice
from alignn_ff.cli.options import MODEL_NAMES, JsonOption, StructureArgument
from alignn_ff.cli.schema import options_of
from alignn_ff.cli.structure_choice import STRUCTURE_NAMES, StructureChoice
from alignn_ff.runs.domain import OutsideChoice

if TYPE_CHECKING:
    from alignn_ff.runs import SinglePoint

SHOWN_FORCES = 20


@options_of(ModelChoice, "model_options", panel="Model", names=MODEL_NAMES)
@options_of(OutsideChoice, "outside_options", panel="Model")
@options_of(StructureChoice, "reading", panel="Structure", names=STRUCTURE_NAMES)
def energy(
    structure: StructureArgument,
    as_json: JsonOption = False,
    *,
    outside_options: Mapping[str, Any],
    reading: Mapping[str, Any],
    model_options: Mapping[str, Any],
) -> None:
    """Energy, forces and stress of a structure, without relaxing it."""
    import json

    choice = ModelChoice.model_validate(model_options)
    atoms = StructureChoice.model_validate(reading).one(structure).atoms
    from alignn_ff.runs import single_point

    outside = OutsideChoice.model_validate(outside_options).outside
    result = single_point(atoms, choice.calculator(atoms, outside=outside))
    if as_json:
        typer.echo(json.dumps(result.to_json(), allow_nan=False))
    else:
        _print(result)


def _print(result: "SinglePoint") -> None:
    import numpy as np

    from alignn_ff.cells import VOIGT
    from alignn_ff.cli.summaries.summary import count, print_title, summary_table
    from alignn_ff.runs.uncertainty import summary_rows
    from alignn_ff.units import GPA_PER_EV_PER_A3

    n_atoms = len(result.atoms)
    lengths = np.linalg.norm(result.forces_eV_per_A, axis=1)
    largest = int(lengths.argmax())
    rows = [
        ("energy", f"{result.energy_eV:.6f} eV"),
        ("per atom", f"{result.energy_eV / n_atoms:.6f} eV"),
        ("largest force", f"{lengths[largest]:.6f} eV/Å"),
        ("on atom", f"{largest} ({result.atoms.symbols[largest]})"),
        ("RMS force", f"{np.sqrt(np.square(lengths).mean()):.6f} eV/Å"),
    ]
    if result.stress_eV_per_A3 is None:
        rows.append(("stress", "none: the cell has no volume"))
    else:
        stress = result.stress_eV_per_A3 * GPA_PER_EV_PER_A3
        rows += [(f"stress {name}", f"{s:z.5f} GPa") for name, s in zip(VOIGT, stress, strict=True)]
    rows += summary_rows(result.deviations, n_atoms)
    print_title(f"{result.atoms.get_chemical_formula()}, {count(n_atoms, 'atom')}", result.model)
    results.print(summary_table(rows))
    if n_atoms <= SHOWN_FORCES:
        forces = [
            (f"{i} {symbol}", *(f"{f:z.6f}" for f in force))
            for i, (symbol, force) in enumerate(zip(result.atoms.symbols, result.forces_eV_per_A, strict=True))
        ]
        results.print(summary_table(forces, header=("forces, eV/Å", "x", "y", "z")))
