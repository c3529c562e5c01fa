"""Tables that several commands print."""

from collections.abc import Mapping

from rich.table import Table

from alignn_ff.cli.console import plain_table

COLUMNS: Mapping[str, tuple[str, str]] = {
    "energy_MAE_meV_per_atom": ("E MAE\nmeV/atom", ".2f"),
    "energy_RMSE_meV_per_atom": ("E RMSE\nmeV/atom", ".2f"),
    "force_MAE_eV_per_A": ("F MAE\neV/Å", ".4f"),
    "force_RMSE_eV_per_A": ("F RMSE\neV/Å", ".4f"),
    "stress_MAE_GPa": ("S MAE\nGPa", ".3f"),
    "stress_RMSE_GPa": ("S RMSE\nGPa", ".3f"),
    "target_MAE": ("target MAE", ".4g"),
    "target_RMSE": ("target RMSE", ".4g"),
    "accuracy": ("accuracy", ".4f"),
    "ROC_AUC": ("ROC AUC", ".4f"),
    "atomwise_MAE": ("atomwise MAE", ".4g"),
    "atomwise_RMSE": ("atomwise RMSE", ".4g"),
    "additional_MAE": ("additional MAE", ".4g"),
    "additional_RMSE": ("additional RMSE", ".4g"),
}


def error_table(title: str, metrics: Mapping[str, Mapping[str, float]]) -> Table:
    """Errors of all structures and per group, one row each."""
    shown = [name for name in COLUMNS if any(name in row for row in metrics.values())]
    numbers = ["structures", *(COLUMNS[name][0] for name in shown)]
    table = plain_table(["config_type", *numbers], numbers=numbers)
    table.title, table.title_justify = title, "left"
    for group, row in metrics.items():
        cells = [format(row[name], COLUMNS[name][1]) if name in row else "–" for name in shown]
        table.add_row(group, str(int(row["n_structures"])), *cells, style="bold" if group == "all" else None)
    return table
