"""Rows of a printed summary: what, and the value with its unit."""

from collections.abc import Mapping
from typing import Any, Final

Row = tuple[str, str]
Summary = Mapping[str, Any]
OF_PAIRS: Final = ("longest_bond_A", "not_bonded_but_behind")
"""Entries of a summary of bonds that belong to pairs of elements."""


def with_error(mean: float, error: float | None, unit: str = "", digits: int = 3) -> str:
    """A number, its error and its unit."""
    return f"{mean:.{digits}f}{'' if error is None else f' ± {error:.{digits}f}'}{' ' if unit else ''}{unit}"


def by_element(summary: Summary) -> list[tuple[str, Any]]:
    """Entries of a summary that belong to elements: symbol, values."""
    return [(name, value) for name, value in summary.items() if isinstance(value, dict) and name not in OF_PAIRS]
