"""What a calculator compares: a structure with that of its results, its arguments with a loaded potential."""

from collections.abc import Callable
from typing import Final

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import ConfigError
from alignn_ff.execution import BackendName, Limits
from alignn_ff.loading import Precision, UncertaintyWord, select_device, select_dtype
from alignn_ff.potential import Potential

DECISIVE: Final[dict[str, Callable[[Atoms], NDArray[np.generic]]]] = {
    "positions": lambda atoms: atoms.positions,
    "cell": lambda atoms: atoms.cell.array,
    "numbers": lambda atoms: atoms.numbers,
    "pbc": lambda atoms: atoms.pbc,
}
"""Properties that an energy depends on, by their names in ASE."""


def differ(one: NDArray[np.generic], other: NDArray[np.generic], tol: float) -> bool:
    """Whether two arrays differ by more than a tolerance; integers and booleans must be equal."""
    if tol > 0 and one.dtype.kind == "f" and one.shape == other.shape:
        return not np.allclose(one, other, rtol=0, atol=tol)
    return not np.array_equal(one, other)


def refuse_contradictions(
    potential: Potential,
    *,
    device: str | None,
    dtype: Precision | None,
    backend: BackendName | None,
    limits: Limits | None,
    uncertainty: UncertaintyWord | None,
) -> None:
    """Check that no argument differs from the loaded potential, which cannot be moved, cast or rebuilt here.

    Raises:
        ConfigError: an argument differs from the potential.
    """
    own = {
        "device": potential.device,
        "dtype": potential.dtype,
        "backend": potential.backend,
        "limits": potential.limits,
        "uncertainty": potential.uncertainty,
    }
    asked = {
        "device": None if device is None else select_device(device),
        "dtype": None if dtype is None else select_dtype(dtype),
        "backend": None if backend == "auto" else backend,
        "limits": limits,
        "uncertainty": uncertainty,
    }
    differing = [name for name, wanted in asked.items() if wanted not in (None, own[name])]
    if differing:
        told = "; ".join(f"{name} {asked[name]} was requested, but it has {own[name]}" for name in differing)
        raise ConfigError(
            f"the potential {potential.name} is already loaded: {told}. Leave these out, or pass them to load_potential"
        )
