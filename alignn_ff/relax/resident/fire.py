"""FIRE for many structures as tensors on a device: the steps of ``stepping/fire.py``, without a word from the host.

A structure that has converged, has no steps left, or calls for a look by the host stays where it is from then on.
Coordinates are those of :class:`~alignn_ff.relax.many.RelaxFlight`: rows of the strain, where the cell relaxes, then of
the atoms; the rows of all structures follow one another.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.domain import COLLAPSED
from alignn_ff.relax.many.member import Member
from alignn_ff.relax.resident.strain import exponential, strain_gradient
from alignn_ff.relax.stepping.fire import (
    FASTER,
    LESS_MIXING,
    LONGEST_STEP,
    MIXING,
    MOST_MOVED_A,
    SLOWER,
    STEPS_BEFORE,
    FireSlot,
)
from alignn_ff.resident_many import Found
from alignn_ff.units import GPA_PER_EV_PER_A3

GOING: Final = 0
CONVERGED: Final = 1
NO_STEPS_LEFT: Final = 2
LOOK: Final = 3
"""The host has to look: pairs of atoms, a volume, or numbers that are not finite."""

CELL_ROWS: Final = 3


class Aboard(NamedTuple):
    """A structure, as the host has it.

    Attributes:
        x: (n_rows, 3), its coordinates.
        fire: what the optimiser keeps between steps.
        n_steps: made so far.
        code: whether and why it stays where it is.
    """

    x: NDArray[np.float64]
    fire: FireSlot
    n_steps: int
    code: int = GOING


class _Deformed(NamedTuple):
    """(n_systems, 3, 3) each: strain, its exponential, and the cell, Å."""

    strain: Tensor
    matrix: Tensor
    cell: Tensor


class ResidentFire:
    """Structures that relax on a device; a motion of :class:`~alignn_ff.resident_many.ResidentMany`.

    Args:
        members: the relaxations.
        aboard: where each of them is.
        config: of all of them.
        device: where they move.
    """

    def __init__(
        self, members: Sequence[Member], aboard: Sequence[Aboard], config: RelaxConfig, device: torch.device
    ) -> None:
        def tensor(rows: object, dtype: torch.dtype = torch.float64) -> Tensor:
            return torch.as_tensor(np.array(rows), dtype=dtype).to(device)

        self._config, self._n_rows = config, [len(each.x) for each in aboard]
        fire = [each.fire for each in aboard]
        self._x = tensor(np.concatenate([each.x for each in aboard]))
        self._velocity = tensor(np.concatenate([each.velocity for each in fire]))
        self._time_step, self._mixing = tensor([e.time_step for e in fire]), tensor([e.mixing for e in fire])
        self._n_downhill = tensor([e.n_downhill for e in fire], torch.int64)
        self._moves = tensor([e.moves for e in fire], torch.bool)
        self._n_steps = tensor([each.n_steps for each in aboard], torch.int64)
        self._code = tensor([each.code for each in aboard], torch.int64)
        self._n_atoms = tensor([member.n_atoms for member in members])
        self._cell = tensor(np.stack([member.start.cell.array for member in members]))
        self._free = tensor(np.concatenate([member.free for member in members]))
        self._first_volume = _volumes(self._cell)
        self._rows = tensor(np.repeat(np.arange(len(aboard)), self._n_rows), torch.int64)
        first = np.cumsum(self._n_rows) - self._n_rows
        self._allowed: Tensor | None = None
        if members[0].space is not None:
            self._allowed = tensor(np.stack([_linear_map(member) for member in members]))
        self._cell_rows = tensor(first[:, None] + np.arange(CELL_ROWS), torch.int64)
        skipped = 0 if self._allowed is None else CELL_ROWS
        of_atoms = [
            np.arange(start + skipped, start + n_rows) for start, n_rows in zip(first, self._n_rows, strict=True)
        ]
        self._atom_rows = tensor(np.concatenate(of_atoms), torch.int64)
        self._of_atoms = self._rows[self._atom_rows]

    @torch.no_grad()
    def place(self) -> tuple[Tensor, Tensor]:
        """See :class:`~alignn_ff.resident_many.Motion`."""
        at = self._at()
        if at is None:
            return self._x[self._atom_rows], self._cell
        return torch.einsum("na,nab->nb", self._x[self._atom_rows], at.matrix[self._of_atoms]), at.cell

    def begin(self, step: int) -> None:
        """See :class:`~alignn_ff.resident_many.Motion`; nothing is drawn."""

    def report(self) -> Tensor:
        """(n_systems,) whether and why structures stay where they are."""
        return self._code.double()

    def aboard(self) -> list[Aboard]:
        """All structures on the host, by one copy."""
        n_systems, n_all = len(self._n_rows), sum(self._n_rows)
        per_structure = (self._time_step, self._mixing, self._n_downhill, self._moves, self._n_steps, self._code)
        flat = torch.cat([field.double().flatten() for field in (self._x, self._velocity, *per_structure)]).cpu()
        x, velocity = (part.view(-1, 3).numpy() for part in flat[: 6 * n_all].split(3 * n_all))
        found, ends = [], np.cumsum(self._n_rows)
        for numbers, end, n_rows in zip(
            flat[6 * n_all :].view(6, n_systems).T.tolist(), ends, self._n_rows, strict=True
        ):
            time_step, mixing, n_downhill, moves, n_steps, code = numbers
            rows = slice(end - n_rows, end)
            fire = FireSlot(velocity[rows].copy(), time_step, mixing, int(n_downhill), bool(moves))
            found.append(Aboard(x[rows].copy(), fire, int(n_steps), int(code)))
        return found

    @torch.no_grad()
    def move(self, found: Found) -> None:
        """See :class:`~alignn_ff.resident_many.Motion`."""
        at = self._at()
        force = self._force(found, at)
        longest = self._longest(force)
        looks = found.looks | ~(found.energy.isfinite() & longest.isfinite())
        if at is not None:
            looks = looks | (_volumes(at.cell) < COLLAPSED * self._first_volume)
        going = (self._code == GOING) & found.valid
        look = going & looks
        converged = going & ~look & (longest < self._config.fmax_eV_per_A)
        over = going & ~look & ~converged & (self._n_steps >= self._config.max_steps)
        for code, which in ((LOOK, look), (CONVERGED, converged), (NO_STEPS_LEFT, over)):
            self._code.masked_fill_(which, code)
        active = going & ~look & ~converged & ~over
        self._turn(force, active)
        self._step(force, active)
        self._n_steps += active

    def _at(self) -> _Deformed | None:
        """Strains, deformations and cells; None where no cell relaxes."""
        if self._allowed is None:
            return None
        strain = self._x[self._cell_rows] / self._n_atoms[:, None, None]
        matrix = exponential(strain)
        return _Deformed(strain, matrix, self._cell @ matrix)

    def _force(self, found: Found, at: _Deformed | None) -> Tensor:
        """(n_rows, 3) −∂(enthalpy)/∂(coordinates)."""
        forces = self._free * found.forces
        if at is None or self._allowed is None:
            return forces
        pressure = self._config.pressure_GPa / GPA_PER_EV_PER_A3
        unit = torch.eye(3, dtype=at.cell.dtype, device=at.cell.device)
        virial = -_volumes(at.cell)[:, None, None] * (found.stress + pressure * unit)
        along = strain_gradient(at.strain, virial).flatten(1)
        allowed = torch.einsum("nab,nb->na", self._allowed, along) / self._n_atoms[:, None]
        force = torch.zeros_like(self._x)
        force[self._cell_rows] = allowed.view(-1, 3, 3)
        force[self._atom_rows] = torch.einsum("na,nab->nb", forces, at.matrix[self._of_atoms])
        return force

    def _longest(self, rows: Tensor) -> Tensor:
        """(n_systems,) length of the longest row of each structure."""
        length = torch.linalg.vector_norm(rows, dim=1)
        return torch.zeros_like(self._time_step).scatter_reduce_(0, self._rows, length, "amax")

    def _dot(self, one: Tensor, other: Tensor) -> Tensor:
        """(n_systems,) inner product of each structure."""
        return torch.zeros_like(self._time_step).index_add_(0, self._rows, (one * other).sum(1))

    def _turn(self, force: Tensor, active: Tensor) -> None:
        """Turn velocities towards the forces where that leads downhill, and stop them elsewhere."""
        downhill = self._dot(force, self._velocity) > 0.0
        down, up = active & downhill, active & ~downhill & self._moves
        speed = (self._dot(self._velocity, self._velocity) / self._dot(force, force)).sqrt()
        mixing = self._mixing[self._rows, None]
        mixed = (1.0 - mixing) * self._velocity + mixing * speed[self._rows, None] * force
        turned = torch.where(down[self._rows, None], mixed, self._velocity)
        self._velocity.copy_(turned.masked_fill(up[self._rows, None], 0.0))
        faster = down & (self._n_downhill > STEPS_BEFORE)
        self._time_step.copy_(torch.where(faster, (self._time_step * FASTER).clamp(max=LONGEST_STEP), self._time_step))
        self._mixing.copy_(torch.where(faster, self._mixing * LESS_MIXING, self._mixing).masked_fill(up, MIXING))
        self._n_downhill.copy_((self._n_downhill + down).masked_fill(up, 0))
        self._time_step.copy_(torch.where(up, self._time_step * SLOWER, self._time_step))

    def _step(self, force: Tensor, active: Tensor) -> None:
        self._moves |= active
        time_step, rows = self._time_step[self._rows, None], active[self._rows, None]
        self._velocity.copy_(torch.where(rows, self._velocity + time_step * force, self._velocity))
        moved = time_step * self._velocity
        length = self._dot(moved, moved).sqrt()
        shorter = torch.where(length > MOST_MOVED_A, MOST_MOVED_A / length, 1.0)
        self._x.copy_(torch.where(rows, self._x + shorter[self._rows, None] * moved, self._x))


def _volumes(cell: Tensor) -> Tensor:
    """(n_systems,) Å³."""
    volumes: Tensor = (torch.linalg.cross(cell[:, 0], cell[:, 1]) * cell[:, 2]).sum(1).abs()
    return volumes


def _linear_map(member: Member) -> NDArray[np.float64]:
    """(9, 9), the strains that a relaxation may use, as a matrix on those of nine numbers."""
    assert member.space is not None
    units = np.eye(9).reshape(9, 3, 3)
    return np.stack([member.space.project(unit).ravel() for unit in units], axis=1)
