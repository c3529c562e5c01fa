"""The printed summary of a relaxation."""

from typing import TYPE_CHECKING, Final

from alignn_ff.cli.console import results
from alignn_ff.cli.summaries.summary import count, print_files, print_title, summary_table

if TYPE_CHECKING:
    from alignn_ff.relax import RelaxFiles, RelaxResult

Row = tuple[str, str, str]

RISEN: Final = (
    "The energy ROSE: the model's energy is not smooth here, or the forces are not its derivatives. Check the "
    "structure."
)


def print_relaxation(result: "RelaxResult", files: "RelaxFiles") -> None:
    """Print a table of before and after, the convergence, and the files."""
    n_atoms = len(result.atoms)
    print_title(f"{result.atoms.get_chemical_formula()}, {count(n_atoms, 'atom')}", result.model)
    results.print(summary_table(_rows(result), header=("", "before", "after")))
    converged = result.after.converged
    results.print(
        f"{'converged' if converged else 'NOT CONVERGED'} after {count(result.after.step, 'step')} "
        f"(limit {result.config.fmax_eV_per_A:g} eV/Å) in {result.wall_time_s:.1f} s"
        + ("" if result.ended_by is None else f": stopped, {result.ended_by}"),
        style="green" if converged else "bold red",
        soft_wrap=True,
    )
    if _has_risen(result):
        results.print(RISEN, style="bold red", soft_wrap=True)
    if result.held_strains:
        results.print(f"strains that were kept constant: {', '.join(result.held_strains)}", soft_wrap=True)
    _print_places(result, files)


def _print_places(result: "RelaxResult", files: "RelaxFiles") -> None:
    places = [("structure", files.structure), ("result", files.result)]
    places += [("trajectory", files.trajectory)] if files.trajectory else []
    places += [("figure", files.plot)] if files.plot else []
    print_files(places)
    if not result.after.converged and not result.stopped:
        out_of_steps = result.after.step >= result.config.max_steps
        longer = f" --steps {2 * max(result.after.step, 1)}" if out_of_steps else ""
        results.print(
            f"To resume: alignn-ff relax --restart {files.restart}{longer}   (or try another --optimizer)",
            markup=False,
            soft_wrap=True,
        )


def _has_risen(result: "RelaxResult") -> bool:
    from alignn_ff.relax.ase_optimizers import ENERGY_NOISE_EV

    noise = ENERGY_NOISE_EV * float(len(result.atoms)) ** 0.5
    return bool(result.after.enthalpy_eV > result.before.enthalpy_eV + noise)


def _rows(result: "RelaxResult") -> list[Row]:
    before, after, n_atoms = result.before, result.after, len(result.atoms)
    rows = [
        ("energy, eV", f"{before.energy_eV:.6f}", f"{after.energy_eV:.6f}"),
        ("energy per atom, eV", f"{before.energy_eV / n_atoms:.6f}", f"{after.energy_eV / n_atoms:.6f}"),
    ]
    if result.config.pressure_GPa != 0.0:
        title = f"enthalpy at {result.config.pressure_GPa:g} GPa, eV"
        rows.append((title, f"{before.enthalpy_eV:.6f}", f"{after.enthalpy_eV:.6f}"))
    rows.append(("largest force, eV/Å", f"{before.max_force_eV_per_A:.6f}", f"{after.max_force_eV_per_A:.6f}"))
    if before.max_cell_force_eV_per_A is not None and after.max_cell_force_eV_per_A is not None:
        forces = (before.max_cell_force_eV_per_A, after.max_cell_force_eV_per_A)
        rows.append(("largest force on the cell, eV/Å", *(f"{force:.6f}" for force in forces)))  # type: ignore[arg-type]
    from alignn_ff.runs.uncertainty import summary_rows

    uncertain = [(title, "", text) for title, text in summary_rows(result.deviations, n_atoms)]
    return [*rows, *uncertain, *_size_rows(result), *_symmetry_row(result)]


def _size_rows(result: "RelaxResult") -> list[Row]:
    before, after = result.before.size, result.after.size
    if before is None or after is None:
        return []
    rows: list[Row] = []
    if before.largest_stress is not None and after.largest_stress is not None:
        title = f"largest stress, {before.units.stress_unit}"
        rows.append((title, f"{before.largest_stress:.4f}", f"{after.largest_stress:.4f}"))
    if result.config.relax_cell != "none":
        units = before.units
        rows.append((f"{units.size}, {units.size_unit}", f"{before.size:.3f}", f"{after.size:.3f}"))
        rows.append((f"{units.size} change", "", f"{100.0 * (after.size / before.size - 1.0):+.3f} %"))
    return rows


def _symmetry_row(result: "RelaxResult") -> list[Row]:
    if result.space_group_before is None and result.space_group_after is None:
        return []
    groups = (result.space_group_before, result.space_group_after)
    return [("space group", *(group or "–" for group in groups))]  # type: ignore[list-item]
