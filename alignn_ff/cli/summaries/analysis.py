"""How the end of an analysis looks."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alignn_ff.cli.console import results
from alignn_ff.cli.summaries.summary import count, summary_table

if TYPE_CHECKING:
    from alignn_ff.analysis import Analysis

Row = tuple[str, str]
Summary = Mapping[str, Any]


def print_analysis(analysis: "Analysis", written: Sequence[Path]) -> None:
    """The main numbers, what was left out and why, and where things are."""
    clock, n_atoms = analysis.clock, len(analysis.atoms)
    spacing = "" if clock.frame_time_fs is None else f", {clock.frame_time_fs:g} fs apart from {clock.first_fs:g} fs on"
    results.print(
        f"{analysis.atoms.get_chemical_formula()}, {count(n_atoms, 'atom')} · "
        f"{count(len(clock.chosen), 'frame')}{spacing}",
        markup=False,
        soft_wrap=True,
    )
    rows = [row for name, finding in analysis.findings.items() for row in ROWS[name](finding.summary)]
    if rows:
        results.print(summary_table(rows))
    for name, reason in analysis.left_out.items():
        results.print(f"no {name}: {reason}", style="yellow", markup=False, soft_wrap=True)
    folder = {path.parent for path in written}
    shown = ", ".join(path.name for path in written) if len(folder) == 1 else ", ".join(map(str, written))
    results.print(
        f"written to {next(iter(folder))}: {shown}" if len(folder) == 1 else shown, markup=False, soft_wrap=True
    )


def with_error(mean: float, error: float | None, unit: str = "", digits: int = 3) -> str:
    """A number, its error and its unit."""
    return f"{mean:.{digits}f}{'' if error is None else f' ± {error:.{digits}f}'}{' ' if unit else ''}{unit}"


UNITS: Final = {"eV": "eV", "K": "K", "GPa": "GPa", "A3": "Å³", "g_per_cm3": "g/cm³"}


def _thermo(summary: Summary) -> list[Row]:
    rows = []
    for name, value in summary.items():
        quantity, unit = name.split("_", 1)
        mark = "" if value["error_is_reliable"] else " (error uncertain: the run is short)"
        rows.append((quantity, with_error(value["mean"], value["stderr"], UNITS.get(unit, unit)) + mark))
    return rows


def _rdf(summary: Summary) -> list[Row]:
    rows = []
    for pair, peaks in summary.items():
        if peaks["first_peak_A"] is None:
            rows.append((f"g(r) {pair}", "no peak"))
            continue
        rows.append((f"g(r) {pair}, first peak", f"{peaks['first_peak']:.2f} at {peaks['first_peak_A']:.2f} Å"))
        within = f"{peaks['coordination_to_minimum']:.2f} within {peaks['first_minimum_A']:.2f} Å"
        rows.append((f"g(r) {pair}, neighbours", within))
    return rows


def _coordination(summary: Summary) -> list[Row]:
    rows = []
    for symbol, value in _elements(summary):
        shares = sorted(value["shares"].items(), key=lambda item: -item[1])[:3]
        inside = ", ".join(f"{n}: {100 * share:.1f} %" for n, share in shares)
        rows.append((f"coordination {symbol}", f"{with_error(value['mean'], value['stderr'])} ({inside})"))
    return rows


def _angles(summary: Summary) -> list[Row]:
    return [
        (
            f"angles {symbol}",
            f"{value['mean_deg']:.1f}° ± {value['std_deg']:.1f}° (width), peak {value['peak_deg']:.1f}°",
        )
        for symbol, value in _elements(summary)
        if value["n_angles"]
    ]


def _msd(summary: Summary) -> list[Row]:
    rows = []
    for symbol, value in _elements(summary):
        if not value["is_diffusive"]:
            rows.append((f"diffusion {symbol}", _why_no_diffusion(value, summary["fit_to_fs"])))
            continue
        error = value["D_stderr_cm2_per_s"]
        mean = with_error(1e5 * value["D_cm2_per_s"], None if error is None else 1e5 * error, "10⁻⁵ cm²/s")
        rows.append((f"diffusion {symbol}", mean))
    return rows


def _why_no_diffusion(value: Summary, fit_to_fs: float) -> str:
    if value["msd_at_end_A2"] < 1.0:
        return f"none: MSD of {value['msd_at_end_A2']:.2f} Å² after {fit_to_fs:g} fs"
    exponent = value["exponent"] or 0.0
    return f"not seen: MSD grows as t^{exponent:.2f} up to {fit_to_fs:g} fs; a longer run, or fewer --blocks"


def _vdos(summary: Summary) -> list[Row]:
    if not summary["n_windows"]:
        return []
    mark = "" if summary["frames_are_dense_enough"] else " (frames too far apart: the spectrum is folded)"
    text = f"peak {summary['peak_THz']:.2f} THz, mean {summary['mean_THz']:.2f} THz, resolution "
    return [("vibrations", f"{text}{summary['resolution_THz']:.2f} THz{mark}")]


def _mean(summary: Summary) -> list[Row]:
    return [
        (f"RMS displacement {symbol}", f"{value:.3f} Å about the mean")
        for symbol, value in summary["rms_displacement_A"].items()
    ]


def _elements(summary: Summary) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in summary.items() if isinstance(value, dict) and name != "longest_bond_A"]


ROWS: Final[dict[str, Callable[[Summary], list[Row]]]] = {
    "thermo": _thermo,
    "rdf": _rdf,
    "coordination": _coordination,
    "angles": _angles,
    "msd": _msd,
    "vdos": _vdos,
    "mean": _mean,
}
