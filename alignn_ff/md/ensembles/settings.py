"""Inputs of the ensembles: targets, couplings, motions of a cell."""

from typing import Literal, NamedTuple, Protocol

import numpy as np

CellMotion = Literal["isotropic", "full", "axes"]


class Targets(NamedTuple):
    """Target temperature and pressure of thermostat and barostat for one step."""

    temperature_K: float
    pressure_GPa: float


class Coupling(NamedTuple):
    """Inputs of an integrator in addition to atoms and stage.

    Attributes:
        n_dof: degrees of freedom that share the energy.
        rng: source of all random numbers of the run.
    """

    n_dof: int
    rng: np.random.Generator


class StageSettings(Protocol):
    """The fields of a stage that ensembles read, with the same names and units."""

    @property
    def timestep_fs(self) -> float: ...  # noqa: D102
    @property
    def hottest_K(self) -> float: ...  # noqa: D102, N802
    @property
    def thermostat_time_fs(self) -> float: ...  # noqa: D102
    @property
    def barostat_time_fs(self) -> float: ...  # noqa: D102
    @property
    def cell_motion(self) -> CellMotion: ...  # noqa: D102
    @property
    def cell_axes(self) -> str | None: ...  # noqa: D102
    @property
    def compressibility_per_GPa(self) -> float: ...  # noqa: D102, N802
