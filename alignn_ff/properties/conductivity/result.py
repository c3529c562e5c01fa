"""The result of a thermal conductivity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alignn_ff.properties.conductivity.config import KappaConfig
from alignn_ff.properties.result import Columns, PropertyResult, Remark

if TYPE_CHECKING:
    from alignn_ff.properties.conductivity.bridge import Conductivity

Array = NDArray[np.float64]
ROOM_K = 300.0


@dataclass(frozen=True, kw_only=True)
class KappaResult(PropertyResult):
    """A lattice thermal conductivity, in the Cartesian axes of ``atoms``, the primitive cell.

    Attributes:
        config: how it was computed.
        temperatures: (n,) K.
        meshes: the result on two meshes; the second is the finer one.
        n_evaluations: of displaced supercells.
        document: phono3py.yaml.
    """

    config: KappaConfig
    temperatures: Array
    meshes: tuple["Conductivity", "Conductivity"]
    n_evaluations: int
    document: str

    @property
    def kappa(self) -> Array:
        """(n, 3, 3) W/m/K, of the finer mesh."""
        return self.meshes[1].kappa

    @property
    def mean(self) -> Array:
        """(n,) W/m/K, a third of the trace."""
        return np.asarray(np.trace(self.kappa, axis1=1, axis2=2) / 3.0)

    @property
    def mesh_difference(self) -> float:
        """Relative difference of the two meshes at the temperature nearest to 300 K."""
        coarse = np.trace(self.meshes[0].kappa[self._room]) / 3.0
        return abs(float(coarse) / float(self.mean[self._room]) - 1.0)

    @property
    def _room(self) -> int:
        return int(np.argmin(np.abs(self.temperatures - ROOM_K)))

    def with_remarks(self, remarks: Sequence[Remark]) -> "KappaResult":
        """The same result with remarks in front."""
        return replace(self, remarks=(*remarks, *self.remarks))

    @property
    def summary(self) -> dict[str, float | int | str | None]:
        """At the temperature nearest to 300 K."""
        row, at = self._room, f"{self.temperatures[self._room]:g}_K"
        tensor = self.kappa[row]
        return {
            "solver": self.config.solver,
            f"conductivity_at_{at}_W_per_m_per_K": float(self.mean[row]),
            **{f"{name}_at_{at}_W_per_m_per_K": float(tensor[k, k]) for k, name in enumerate(("xx", "yy", "zz"))},
            "mesh": " × ".join(map(str, self.meshes[1].mesh)),
            "displaced_supercells": self.n_evaluations,
        }

    @property
    def checks(self) -> dict[str, float]:
        """The coarser mesh, and the symmetry of the tensor."""
        row = self._room
        return {
            f"conductivity_on_{'_'.join(map(str, self.meshes[0].mesh))}_W_per_m_per_K": float(
                np.trace(self.meshes[0].kappa[row]) / 3.0
            ),
            "mesh_difference_percent": 100.0 * self.mesh_difference,
        }

    @property
    def tables(self) -> dict[str, Columns]:
        """Conductivity over the temperature; modes at the temperature nearest to 300 K."""
        fine, names = self.meshes[1], ("xx", "yy", "zz", "yz", "xz", "xy")
        places = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
        with np.errstate(divide="ignore"):
            lifetime = 1.0 / (4.0 * np.pi * fine.modes.widths[self._room])
        return {
            "kappa": {
                "temperature_K": self.temperatures,
                "mean_W_per_m_per_K": self.mean,
                **{f"{n}_W_per_m_per_K": fine.kappa[:, i, j] for n, (i, j) in zip(names, places, strict=True)},
            },
            "modes": {
                "frequency_THz": fine.modes.frequencies.ravel(),
                "lifetime_ps": np.where(np.isfinite(lifetime), lifetime, np.nan).ravel(),
                "weight": np.repeat(fine.modes.weights, fine.modes.frequencies.shape[1]),
            },
        }

    @property
    def documents(self) -> dict[str, str]:
        """phono3py.yaml, which phono3py reads."""
        return {"phono3py.yaml": self.document}
