"""From what a user typed to objects of the library."""

import re
from typing import TYPE_CHECKING

from alignn_ff.errors import ConfigError

if TYPE_CHECKING:
    from ase import Atoms

    from alignn_ff.calculator import AlignnCalculator
    from alignn_ff.execution import BackendName
    from alignn_ff.potential import Precision


def load_calculator(
    atoms: "Atoms", *, model: str, device: str, dtype: "Precision", backend: "BackendName" = "auto"
) -> "AlignnCalculator":
    """The calculator for a structure.

    Raises:
        ModelNotFoundError, CheckpointError, ElementNotCoveredError, ConfigError, CompilerError
    """
    from alignn_ff.calculator import AlignnCalculator
    from alignn_ff.potential import load_potential

    return AlignnCalculator(load_potential(model, device=device, dtype=dtype, backend=backend, for_atoms=atoms))


def parse_supercell(text: str) -> tuple[int, int, int]:
    """Three whole numbers: "3,3,3", "3x3x3" or "3 3 3".

    Raises:
        ConfigError: anything else.
    """
    parts = re.split(r"\s*[\s,x×]\s*", text.strip())
    if len(parts) != 3 or not all(re.fullmatch(r"[1-9]\d{0,5}", part) for part in parts):
        raise ConfigError(f"supercell is {text!r}; it takes three whole numbers of at least 1, such as 3,3,3")
    first, second, third = (int(part) for part in parts)
    return first, second, third


def parse_elements(text: str) -> frozenset[str]:
    """Chemical symbols: "Si,Ge" or "Si Ge".

    Raises:
        ConfigError: a word that is no element.
    """
    from ase.data import atomic_numbers

    symbols = frozenset(re.split(r"[\s,]+", text.strip()))
    unknown = sorted(symbols - atomic_numbers.keys() | symbols & {"X", ""})
    if unknown:
        raise ConfigError(f"no chemical element: {', '.join(map(repr, unknown))}; --elements takes symbols like Si,Ge")
    return symbols
