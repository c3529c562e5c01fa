"""Velocity Verlet and Langevin dynamics of many structures as tensors on a device, without a word from the host.

The steps are those of ASE's ``VelocityVerlet`` and ``LangevinBAOAB`` (B. Leimkuhler and C. Matthews, J. Chem. Phys.
138, 174102 (2013)): half a step of the momenta, half a step of the positions, the thermostat, and both halves
backwards; forces are computed between one step and the next. Units are ASE's: eV, Å, amu.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.md.many.noise import keys_of_atoms, normals
from alignn_ff.resident_many import Found


class Thermostat(NamedTuple):
    """Langevin's, of one structure.

    Attributes:
        kT_eV: target temperature, times Boltzmann's constant.
        keeps: part of the momenta that a step keeps, exp(−Δt/τ).
        seed: with the number of a step it decides the random numbers.
        step: number of the next step.
        heat_eV: that the thermostat has given before.
    """

    kT_eV: float
    keeps: float
    seed: int
    step: int = 0
    heat_eV: float = 0.0


class Seen(NamedTuple):
    """Structures at a step, on the host.

    Attributes:
        energy, heat: (n_systems,) eV: potential energy, and what the thermostat has given so far.
        looks: (n_systems,) whether pairs of atoms call for a look.
        stopped: (n_systems,) whether a structure moves no longer.
        stress: (n_systems, 3, 3) eV/Å³.
        positions, momenta, forces: (n_atoms, 3).
    """

    energy: NDArray[np.float64]
    heat: NDArray[np.float64]
    looks: NDArray[np.float64]
    stopped: NDArray[np.float64]
    stress: NDArray[np.float64]
    positions: NDArray[np.float64]
    momenta: NDArray[np.float64]
    forces: NDArray[np.float64]


class ResidentVerlet:
    """Structures that move on a device; a motion of :class:`~alignn_ff.resident_many.ResidentMany`.

    A structure whose energy or forces are not finite moves no longer.

    Args:
        structures: with momenta.
        timestep: in ASE's unit.
        thermostats: of each structure; None: constant energy.
        device: where they move.
    """

    def __init__(
        self,
        structures: Sequence[Atoms],
        timestep: float,
        thermostats: Sequence[Thermostat] | None,
        device: torch.device,
    ) -> None:
        def tensor(rows: NDArray[np.float64]) -> Tensor:
            return torch.from_numpy(rows).to(device)

        self._timestep = timestep
        n_atoms = [len(atoms) for atoms in structures]
        self._sizes = (len(structures), sum(n_atoms))
        self._x = tensor(np.concatenate([atoms.positions for atoms in structures]))
        self._p = tensor(np.concatenate([atoms.get_momenta() for atoms in structures]))
        self._mass = tensor(np.concatenate([atoms.get_masses() for atoms in structures])[:, None])
        self._cell = tensor(np.stack([atoms.cell.array for atoms in structures]))
        self._owner = torch.from_numpy(np.repeat(np.arange(len(structures)), n_atoms)).to(device)
        self._started, self._heat = torch.zeros_like(self._x[:1, :1]), torch.zeros_like(self._cell[:, 0, 0])
        self._stopped = torch.zeros_like(self._heat, dtype=torch.bool)
        self._bath = None if thermostats is None else _Bath(thermostats, n_atoms, self._mass, device)
        if thermostats is not None:
            self._heat += tensor(np.array([thermostat.heat_eV for thermostat in thermostats]))
        per_system = [torch.zeros_like(self._heat) for _ in range(3)]
        self._seen = [*per_system, torch.zeros_like(self._cell), *(torch.zeros_like(self._x) for _ in range(3))]

    def place(self) -> tuple[Tensor, Tensor]:
        """See :class:`~alignn_ff.resident_many.Motion`."""
        return self._x, self._cell

    def begin(self, step: int) -> None:
        """See :class:`~alignn_ff.resident_many.Motion`; random numbers follow from seeds and steps of structures."""

    def stop(self, place: int) -> None:
        """Leave a structure where it is."""
        self._stopped[place] = True

    def report(self) -> Tensor:
        """Structures at the last step that was evaluated, see :meth:`seen`."""
        energy, heat, looks, *rest = self._seen
        fields = (energy, heat, looks, self._stopped.double(), *rest)
        return torch.cat([field.flatten() for field in fields])

    def seen(self, report: NDArray[np.float64]) -> Seen:
        """What a report holds."""
        n_systems, n_atoms = self._sizes
        ends = np.cumsum([n_systems] * 4 + [9 * n_systems] + [3 * n_atoms] * 2)
        energy, heat, looks, stopped, stress, *rows = np.split(report, ends)
        positions, momenta, forces = (row.reshape(-1, 3) for row in rows)
        return Seen(energy, heat, looks, stopped, stress.reshape(-1, 3, 3), positions, momenta, forces)

    @torch.no_grad()
    def move(self, found: Found) -> None:
        """See :class:`~alignn_ff.resident_many.Motion`."""
        finite = found.energy.isfinite() & ~self._any(~found.forces.isfinite().all(1))
        self._stopped |= found.valid & ~finite
        active = found.valid & ~self._stopped
        kick = 0.5 * self._timestep * found.forces
        momenta = self._p + self._started * kick
        numbers = (found.energy, self._heat, found.looks.double(), found.stress, self._x, momenta, found.forces)
        for kept, now in zip(self._seen, numbers, strict=True):
            self._keep(kept, now, active)
        momenta = momenta + kick
        half = self._x + 0.5 * self._timestep * momenta / self._mass
        momenta, heat = self._thermostatted(momenta, active)
        self._keep(self._heat, self._heat + heat, active)
        self._keep(self._x, half + 0.5 * self._timestep * momenta / self._mass, active)
        self._keep(self._p, momenta, active)
        self._started.masked_fill_(found.valid, 1.0)

    def _thermostatted(self, momenta: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        """Momenta after the thermostat, and the heat that it gives to each structure."""
        if self._bath is None:
            return momenta, torch.zeros_like(self._heat)
        after = self._bath.keeps * momenta + self._bath.drawn()
        self._bath.steps += active[self._owner].long()
        gained = ((after.square() - momenta.square()) / (2.0 * self._mass)).sum(1)
        return after, torch.zeros_like(self._heat).index_add_(0, self._owner, gained)

    def _keep(self, kept: Tensor, now: Tensor, active: Tensor) -> None:
        """Take new numbers, (n_systems, …) or (n_atoms, …), of the structures that move."""
        rows = active[self._owner] if kept.shape == self._x.shape else active
        kept.copy_(torch.where(rows.view(-1, *(1,) * (now.ndim - 1)), now, kept))

    def _any(self, rows: Tensor) -> Tensor:
        """(n_systems,) whether any atom of a structure has it."""
        return torch.zeros_like(self._heat).index_add_(0, self._owner, rows.double()) > 0.0


class _Bath:
    """Thermostats of structures, atom by atom on their device.

    Attributes:
        keeps: (n_atoms, 1) part of the momenta that a step keeps.
        steps: (n_atoms,) int64 number of the next step.
    """

    def __init__(
        self, thermostats: Sequence[Thermostat], n_atoms: Sequence[int], mass: Tensor, device: torch.device
    ) -> None:
        kT_eV, keeps = (
            torch.from_numpy(np.repeat(np.array([one[k] for one in thermostats]), n_atoms)[:, None]).to(device)
            for k in (0, 1)
        )
        self.keeps, self._width = keeps, (mass * kT_eV * (1.0 - keeps.square())).sqrt()
        self._keys = keys_of_atoms([one.seed for one in thermostats], n_atoms).to(device)
        self.steps = torch.from_numpy(np.repeat([one.step for one in thermostats], n_atoms)).to(device)

    def drawn(self) -> Tensor:
        """(n_atoms, 3) random momenta of the next step."""
        return self._width * normals(self._keys, self.steps)
