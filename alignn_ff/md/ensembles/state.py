"""State of an integrator between two steps in addition to its atoms: read and restored bit for bit."""

from collections.abc import Mapping

import numpy as np
from ase.md.md import MolecularDynamics
from numpy.typing import NDArray

from alignn_ff.md.ensembles.table import Ensemble
from alignn_ff.runs import object_state


def take_state(ensemble: Ensemble, integrator: MolecularDynamics) -> dict[str, NDArray[np.float64]]:
    """The state of an integrator, as arrays."""
    found = object_state.take(integrator, ensemble.state(integrator))
    return {name: np.array(value, dtype=np.float64) for name, value in found.items()}


def put_state(integrator: MolecularDynamics, state: Mapping[str, NDArray[np.float64]]) -> None:
    """Set the state of an integrator to what :func:`take_state` returned."""
    copies = {name: value.copy(order="K") if value.ndim else np.float64(value) for name, value in state.items()}
    object_state.put(integrator, copies)
