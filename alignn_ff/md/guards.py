"""Guards: reasons to stop a run because going on would give wrong results. One table; a new guard is a new row."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alignn_ff.errors import SimulationError
from alignn_ff.md.snapshot import Snapshot

HOTTEST_K: Final = 1e5
"""A run hotter than this has exploded: no condensed matter is described by a force field there."""

NAMED_ATOMS: Final = 5


def finite(snapshot: Snapshot) -> str | None:
    """Energies and forces must be numbers."""
    broken = np.flatnonzero(~np.isfinite(snapshot.forces_eV_per_A).all(axis=1))
    if broken.size:
        return f"forces are no finite numbers on {atoms_in_words(snapshot, broken)}"
    if not np.isfinite([snapshot.potential_eV, snapshot.kinetic_eV]).all():
        return f"the energy is no finite number (potential {snapshot.potential_eV}, kinetic {snapshot.kinetic_eV} eV)"
    return None


def not_exploded(snapshot: Snapshot) -> str | None:
    """The temperature must stay below anything a force field can describe."""
    if snapshot.temperature_K <= HOTTEST_K:
        return None
    kinetic = np.square(snapshot.atoms.get_momenta()).sum(axis=1) / snapshot.atoms.get_masses()
    return (
        f"the temperature is {snapshot.temperature_K:.3g} K (limit {HOTTEST_K:.0e}); the fastest atoms are "
        f"{atoms_in_words(snapshot, np.argsort(-kinetic)[:NAMED_ATOMS])}"
    )


Guard = Callable[[Snapshot], str | None]
"""A snapshot in; out comes what is wrong with it, or None."""

GUARDS: Final[dict[str, Guard]] = {"finite": finite, "not_exploded": not_exploded}


def check(snapshot: Snapshot) -> None:
    """Let every guard look at a snapshot.

    Raises:
        SimulationError: naming the step, the atoms, and what to try.
    """
    for guard in GUARDS.values():
        complaint = guard(snapshot)
        if complaint is not None:
            raise SimulationError(
                f"stopped at step {snapshot.step} ({snapshot.time_fs:g} fs): {complaint}. "
                "Relax the structure first, take a shorter time step, or train the model on such structures"
            )


def atoms_in_words(snapshot: Snapshot, indices: NDArray[np.intp]) -> str:
    """Atoms by number and element, the first few of them."""
    named = ", ".join(f"{index} ({snapshot.atoms.symbols[index]})" for index in indices[:NAMED_ATOMS])
    more = f" and {indices.size - NAMED_ATOMS} more" if indices.size > NAMED_ATOMS else ""
    return f"atom(s) {named}{more}"
