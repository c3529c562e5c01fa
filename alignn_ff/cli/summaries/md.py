"""The printed summary of a dynamics run."""

from typing import TYPE_CHECKING

from alignn_ff.cli.console import results
from alignn_ff.cli.summaries.summary import count, print_files, print_title, summary_table

if TYPE_CHECKING:
    from alignn_ff.md import MDFiles, MDResult, StageResult


def print_md(result: "MDResult", files: "MDFiles") -> None:
    """Print the title, a table per stage, the speed and the files."""
    ensembles = " → ".join(dict.fromkeys(stage.ensemble for stage in result.stages))
    print_title(f"{result.atoms.get_chemical_formula()}, {count(len(result.atoms), 'atom')}, {ensembles}", result.model)
    for number, stage in enumerate(result.stages, start=1):
        if len(result.stages) > 1:
            results.print(f"stage {number}{': ' + stage.name if stage.name else ''} ({stage.ensemble})", markup=False)
        results.print(summary_table(_rows(result, stage)))
        results.print(f"conserved quantity: {stage.conserved_quantity}", soft_wrap=True)
    results.print(summary_table(_totals(result)))
    print_files(
        [
            *(("frames", path) for path in files.frames.values()),
            ("log", files.log),
            ("last frame", files.final),
            ("summary", files.summary),
            ("restart", files.restart),
            *((("harvest", files.harvest),) if files.harvest is not None else ()),
        ]
    )


def _rows(result: "MDResult", stage: "StageResult") -> list[tuple[str, str]]:
    from alignn_ff.md import ENSEMBLES

    config = result.config.schedule[result.stages.index(stage)]
    rows = [
        ("steps", f"{stage.n_steps} × {config.timestep_fs:g} fs"),
        ("mean temperature", _number(stage.mean_temperature_K, ".1f", "K")),
        ("final temperature", _number(stage.final_temperature_K, ".1f", "K")),
    ]
    if stage.mean_pressure_GPa is not None:
        rows.append(("mean pressure", _number(stage.mean_pressure_GPa, ".3f", "GPa")))
    if stage.ensemble.startswith("np") and stage.mean_volume_A3 is not None:
        rows.append(
            ("mean volume", f"{stage.mean_volume_A3:.3f} Å³, {stage.mean_volume_A3 / len(result.atoms):.4f} Å³/atom")
        )
    drifting = "conserved quantity" if ENSEMBLES[stage.ensemble].is_conserved else "total energy"
    return [*rows, (f"drift of the {drifting}", _drift_in_words(stage))]


def _totals(result: "MDResult") -> list[tuple[str, str]]:
    rows = [
        ("total energy, first", f"{result.total_energy_first_eV:.6f} eV"),
        ("total energy, last", f"{result.total_energy_last_eV:.6f} eV"),
        ("wall time", f"{result.wall_time_s:.1f} s"),
        ("speed", _number(result.ns_per_day, ".4g", "ns/day")),
    ]
    watch = result.uncertainty
    if watch.largest is not None:
        rows.append(("largest std", f"{watch.largest:.3g} {watch.unit}"))
        above = f"{watch.n_above} of {watch.n_checked} checked, {watch.n_harvested} harvested"
        rows.append((f"steps above {result.config.uncertain_above:g}", above))
    return [*rows, ("restarts at steps", ", ".join(map(str, result.restarts)))] if result.restarts else rows


def _number(value: float | None, form: str, unit: str) -> str:
    return "–" if value is None else f"{value:{form}} {unit}"


def _drift_in_words(stage: "StageResult") -> str:
    drift, error = stage.drift_meV_per_atom_per_ps, stage.drift_stderr_meV_per_atom_per_ps
    if drift is None:
        return "– (too few steps)"
    return f"{drift:+.4f} {'' if error is None else f'± {error:.4f} '}meV/atom/ps"
