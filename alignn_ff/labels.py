"""Names of numbers as people read them: "bulk_modulus_GPa" → "bulk modulus", "GPa"."""

from typing import Final

UNITS: Final[dict[str, str]] = {
    "_meV_per_atom_per_ps": "meV/atom/ps",
    "_us_per_atom": "µs/atom",
    "_meV_per_atom": "meV/atom",
    "_eV_per_atom": "eV/atom",
    "_eV_per_formula": "eV/formula unit",
    "_A3_per_atom": "Å³/atom",
    "_kJ_per_mol": "kJ/mol",
    "_J_per_K_per_mol": "J/K/mol",
    "_eV_per_A3": "eV/Å³",
    "_eV_per_A2": "eV/Å²",
    "_eV_per_A": "eV/Å",
    "_J_per_m2": "J/m²",
    "_W_per_m_per_K": "W/m/K",
    "_kg_per_m3": "kg/m³",
    "_m_per_s": "m/s",
    "_1_per_K": "1/K",
    "_per_K": "1/K",
    "_meV": "meV",
    "_GPa": "GPa",
    "_THz": "THz",
    "_deg": "°",
    "_A3": "Å³",
    "_A2": "Å²",
    "_eV": "eV",
    "_A": "Å",
    "_K": "K",
    "_percent": "%",
    "_fs": "fs",
    "_s": "s",
}
"""End of a name → its unit, the longer ones first."""


def label_of(name: str) -> str:
    """The words of a name, and its unit after a comma."""
    words, unit = split_unit(name)
    return f"{words}, {unit}" if unit else words


def split_unit(name: str) -> tuple[str, str]:
    """Words and unit of a name; "" where it has none."""
    for end, unit in UNITS.items():
        if name.endswith(end):
            return name.removesuffix(end).replace("_", " "), unit
    return name.replace("_", " "), ""


def shown(value: float | int | str | None) -> str:
    """A number of a summary with a sensible number of digits."""
    if value is None:
        return "–"
    if isinstance(value, str | int):
        return str(value)
    if value != value:  # NaN
        return "–"
    size = abs(value)
    if size >= 1e5 or (0 < size < 1e-3):
        return f"{value:.3e}"
    return f"{value:.4f}" if size < 10 else f"{value:.3f}" if size < 1000 else f"{value:.1f}"
