"""What an integrator remembers between two steps beside its atoms: taken out and put back bit for bit."""

from collections.abc import Mapping
from functools import reduce
from typing import Final

import numpy as np
from ase.md.bussi import Bussi
from ase.md.md import MolecularDynamics
from ase.md.nose_hoover_chain import MTKNPT, IsotropicMTKNPT, MaskedMTKNPT, NoseHooverChainNVT
from ase.md.nptberendsen import NPTBerendsen
from ase.md.nvtberendsen import NVTBerendsen
from ase.md.verlet import VelocityVerlet
from numpy.typing import NDArray

from alignn_ff.md.ensembles.colliding_verlet import CollidingVerlet
from alignn_ff.md.ensembles.counting_langevin import CountingLangevin

_THERMOSTAT: Final = ("_q", "_p", "_thermostat._eta", "_thermostat._p_eta")
_BAROSTAT: Final = ("_barostat._xi", "_barostat._p_xi")
_CELL: Final = ("p_eps", "force_eps")

STATE: Final[dict[type[MolecularDynamics], tuple[str, ...]]] = {
    VelocityVerlet: (),
    CountingLangevin: ("heat_eV", "accel", "gamma_mod", *_CELL),
    Bussi: ("transferred_energy",),
    NoseHooverChainNVT: _THERMOSTAT,
    CollidingVerlet: ("heat_eV",),
    IsotropicMTKNPT: (*_THERMOSTAT, *_BAROSTAT, "_eps", "_p_eps", "_cell0", "_volume0"),
    MTKNPT: (*_THERMOSTAT, *_BAROSTAT, "_h", "_p_g"),
    MaskedMTKNPT: (*_THERMOSTAT, *_BAROSTAT, "_h", "_h0_basis", "_p_c"),
    NVTBerendsen: (),
    NPTBerendsen: (),
}
"""Integrator → names of its attributes that change from step to step, those of its parts with a dot."""


def take_state(integrator: MolecularDynamics) -> dict[str, NDArray[np.float64]]:
    """The state of an integrator, as arrays; what an integrator without barostat lacks is left out."""
    names = (name for name in STATE[type(integrator)] if name not in _CELL or hasattr(integrator, name))
    return {name: np.array(reduce(getattr, name.split("."), integrator), dtype=np.float64) for name in names}


def put_state(integrator: MolecularDynamics, state: Mapping[str, NDArray[np.float64]]) -> None:
    """Give an integrator the state that :func:`take_state` found."""
    for name, value in state.items():
        *path, attribute = name.split(".")
        owner = reduce(getattr, path, integrator)
        setattr(owner, attribute, value.copy(order="K") if value.ndim else np.float64(value))
