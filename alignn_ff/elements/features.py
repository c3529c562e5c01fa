"""Element features by scheme: a row of numbers for each atomic number.

In: a scheme and atomic numbers. Out: rows of ``features.npz`` (provenance in ``features.toml``), or an error
that names the element without data.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from alignn_ff.errors import ConfigError, ElementNotCoveredError

FeatureScheme = Literal["cgcnn", "basic", "atomic_number", "cfid"]

SCHEME_WIDTHS: Final[dict[FeatureScheme, int]] = {"cgcnn": 92, "basic": 11, "atomic_number": 1, "cfid": 438}
"""Numbers that each scheme gives for an element."""

FloatArray = NDArray[np.float64]


def feature_rows(scheme: FeatureScheme, elements: Sequence[int]) -> FloatArray:
    """Features of elements.

    Args:
        scheme: which table.
        elements: atomic numbers, in any order.

    Returns:
        (n_elements, width of the scheme) float64, without unit.

    Raises:
        ElementNotCoveredError: the table has no data for an element; it is named.
    """
    table = _table(scheme)
    known = elements_with_features(scheme)
    missing = [z for z in elements if z not in known]
    if missing:
        names = ", ".join(chemical_symbols[z] if 0 < z < len(chemical_symbols) else f"Z = {z}" for z in missing)
        raise ElementNotCoveredError(
            f"atom_features {scheme!r} have no data for {names}; they cover Z = {min(known)} to {max(known)}. "
            "Families that learn an embedding per element (alignn_smooth) need no table"
        )
    return table[np.asarray(elements, dtype=np.int64)]


def elements_with_features(scheme: FeatureScheme) -> tuple[int, ...]:
    """Atomic numbers that a scheme has data for, ascending."""
    table = _table(scheme)
    return tuple(np.flatnonzero(np.isfinite(table).all(axis=1)).tolist())


def scheme_of_width(width: int) -> FeatureScheme:
    """The scheme with this many numbers per element.

    Raises:
        ConfigError: none does.
    """
    for scheme, known in SCHEME_WIDTHS.items():
        if known == width:
            return scheme
    allowed = ", ".join(f"{known} ({scheme})" for scheme, known in SCHEME_WIDTHS.items())
    raise ConfigError(f"atom_input_features is {width}; allowed are {allowed}")


def indistinguishable_elements(scheme: FeatureScheme, elements: Sequence[int]) -> tuple[tuple[str, ...], ...]:
    """Groups of elements that a scheme cannot tell apart, as chemical symbols.

    A model on such features gives these elements the same energy and forces.
    """
    groups: defaultdict[bytes, list[str]] = defaultdict(list)
    rows = feature_rows(scheme, sorted(set(elements)))
    for z, row in zip(sorted(set(elements)), rows, strict=True):
        groups[row.tobytes()].append(chemical_symbols[z])
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


@cache
def _table(scheme: FeatureScheme) -> FloatArray:
    with np.load(Path(__file__).with_name("features.npz"), allow_pickle=False) as tables:
        table: FloatArray = tables[scheme]
    table.setflags(write=False)
    return table
