"""``alignn-ff relax``: move atoms, and the cell if asked, until the forces vanish."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alignn_ff.cli.console import errors, results, stoppable
from alignn_ff.cli.options import (
    Backend,
    BackendOption,
    DeviceOption,
    Dtype,
    ModelOption,
    OverwriteOption,
    StructureArgument,
)

if TYPE_CHECKING:
    from alignn_ff.md import RelaxFiles, RelaxResult, RelaxStep

NOT_CONVERGED = 3
"""Exit code of a relaxation that ran out of steps; its files are written all the same."""

ROUNDING_EV = 1e-6
RISEN = "The energy ROSE: the optimiser left the valley it started in. Try --optimizer fire, and look at the structure."


def relax(
    structure: StructureArgument,
    model: ModelOption = "auto",
    device: DeviceOption = "auto",
    dtype: Annotated[
        Dtype,
        typer.Option(help="Precision of the network. float64: so that tight --fmax are reached; float32 is faster."),
    ] = Dtype.float64,
    backend: BackendOption = Backend.auto,
    fmax: Annotated[float, typer.Option(help="Converged when no force exceeds this, eV/Å.")] = 0.01,
    steps: Annotated[int, typer.Option(help="Most steps of the optimiser.")] = 500,
    optimizer: Annotated[str, typer.Option(help="lbfgs or fire.")] = "lbfgs",
    cell: Annotated[bool, typer.Option("--cell/--no-cell", help="Relax the cell too, along periodic axes.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Relaxed structure; the JSON result goes beside it (default <stem>-relaxed.*)."
        ),
    ] = None,
    trajectory: Annotated[Path | None, typer.Option(help="Write every step to this extended XYZ file.")] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Relax a structure; exits with 3 if it did not converge, the files written all the same."""
    from alignn_ff.cli.inputs import load_calculator
    from alignn_ff.io import read_structure
    from alignn_ff.md import RelaxConfig, check_format, claim, relax_files, write_relaxation
    from alignn_ff.md import relax as run

    config = RelaxConfig(fmax_eV_per_A=fmax, max_steps=steps, optimizer=optimizer, relax_cell=cell)
    atoms = read_structure(structure)
    files = relax_files(structure, atoms, output=output, trajectory=trajectory)
    check_format(files.structure, atoms)
    claim(files.all, source=structure, overwrite=overwrite)
    calculator = load_calculator(atoms, model=model, device=device, dtype=dtype.value, backend=backend.value)
    with stoppable("nothing was written but the steps of --trajectory, if that was given"), _progress(steps) as show:
        result = run(atoms, calculator, config=config, trajectory=files.trajectory, on_step=show)
    write_relaxation(files, result)
    _print(result, files)
    if not result.after.converged:
        raise typer.Exit(NOT_CONVERGED)


@contextmanager
def _progress(max_steps: int) -> Iterator[Callable[["RelaxStep"], None]]:
    """A line on stderr that shows the latest step."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task("relaxing", total=None)

        def show(step: "RelaxStep") -> None:
            progress.update(
                task,
                description=f"step {step.step}/{max_steps}  energy {step.energy_eV:.5f} eV  "
                f"largest force {step.max_force_eV_per_A:.5f} eV/Å",
            )

        yield show


def _print(result: "RelaxResult", files: "RelaxFiles") -> None:
    from alignn_ff.cli.summary import print_files, print_title, summary_table

    print_title(f"{result.atoms.get_chemical_formula()}, {len(result.atoms)} atoms", result.model)
    results.print(summary_table(_rows(result), header=("", "before", "after")))
    outcome = "converged" if result.after.converged else "NOT CONVERGED"
    results.print(
        f"{outcome} after {result.after.step} steps (limit {result.config.fmax_eV_per_A:g} eV/Å) "
        f"in {result.wall_time_s:.1f} s",
        style="green" if result.after.converged else "bold red",
    )
    if not result.after.converged:
        results.print(
            "More --steps, --optimizer fire, or a start from the structure written here may help.", soft_wrap=True
        )
    if result.after.energy_eV > result.before.energy_eV + ROUNDING_EV:
        results.print(RISEN, style="bold red", soft_wrap=True)
    if result.held_strains:
        results.print(f"The structure is not periodic there, so strains were held: {', '.join(result.held_strains)}")
    written = [("structure", files.structure), ("result", files.result)]
    print_files(written if files.trajectory is None else [*written, ("trajectory", files.trajectory)])


def _rows(result: "RelaxResult") -> list[tuple[str, str, str]]:
    before, after, n_atoms = result.before, result.after, len(result.atoms)
    rows = [
        ("energy, eV", f"{before.energy_eV:.6f}", f"{after.energy_eV:.6f}"),
        ("energy per atom, eV", f"{before.energy_eV / n_atoms:.6f}", f"{after.energy_eV / n_atoms:.6f}"),
        ("largest force, eV/Å", f"{before.max_force_eV_per_A:.6f}", f"{after.max_force_eV_per_A:.6f}"),
    ]
    if before.stress_GPa is not None and after.stress_GPa is not None:
        largest = [max(map(abs, step)) for step in (before.stress_GPa, after.stress_GPa)]
        rows.append(("largest stress, GPa", f"{largest[0]:.4f}", f"{largest[1]:.4f}"))
    if result.config.relax_cell and result.volume_before_A3 is not None and result.volume_after_A3 is not None:
        change = 100.0 * (result.volume_after_A3 / result.volume_before_A3 - 1.0)
        rows.append(("volume, Å³", f"{result.volume_before_A3:.3f}", f"{result.volume_after_A3:.3f}"))
        rows.append(("volume change", "", f"{change:+.3f} %"))
    return rows
