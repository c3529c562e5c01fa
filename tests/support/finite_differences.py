"""Derivatives measured from outside: what the reported numbers themselves say."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.models import predict
from alignn_ff.potential import Potential

FloatArray = NDArray[np.float64]

STENCIL: Final = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
"""Central difference of fourth order: (steps, weight)."""


def energies(potential: Potential, structures: Sequence[Atoms]) -> FloatArray:
    """Reported energies, eV."""
    predictions = potential.predict(structures, derivatives=False, batch_size=64)
    return np.array([float(p.energy) for p in predictions])


def forces_by_differences(potential: Potential, atoms: Atoms, *, step_A: float = 2e-4) -> FloatArray:
    """(n_atoms, 3) −ΔE/Δx of the reported energy, eV/Å."""
    directions = np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3)
    return -_slopes(potential, directions, lambda d: _moved(atoms, d), step_A).reshape(-1, 3)


def stress_by_differences(potential: Potential, atoms: Atoms, *, step: float = 5e-5) -> FloatArray:
    """(3, 3) ΔE/Δstrain/V of the reported energy under symmetric strains, eV/Å³."""
    units = np.eye(9).reshape(-1, 3, 3)
    strains = 0.5 * (units + units.transpose(0, 2, 1))
    return _slopes(potential, strains, lambda e: _strained(atoms, e), step).reshape(3, 3) / atoms.get_volume()


def hessian_by_differences(potential: Potential, atoms: Atoms, *, step_A: float = 2e-4) -> FloatArray:
    """(3·n_atoms, 3·n_atoms) −ΔF/Δx of the reported forces, eV/Å²."""
    directions = np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3)
    moved = [_moved(atoms, n * step_A * d) for d in directions for n, _ in STENCIL]
    forces = np.array([p.forces.numpy().ravel() for p in potential.predict(moved, batch_size=64)])
    weights = np.array([w for _, w in STENCIL])
    return -np.einsum("dsf,s->df", forces.reshape(len(directions), len(STENCIL), -1), weights) / step_A


def hessian(potential: Potential, atoms: Atoms) -> FloatArray:
    """(3·n_atoms, 3·n_atoms) by differentiating the forces, as training on forces does, eV/Å²."""
    prepared = potential.prepare(atoms)
    positions = prepared.system.positions.clone().requires_grad_()
    system = prepared.system._replace(positions=positions)
    forces = predict(potential.model, system, prepared.graph, create_graph=True).forces
    assert forces is not None
    rows = [
        torch.autograd.grad(-component, positions, retain_graph=True, materialize_grads=True, allow_unused=True)[0]
        for component in forces.flatten()
    ]
    return torch.stack(rows).reshape(len(rows), -1).numpy()


class Sides(NamedTuple):
    """A quantity just below and just above a threshold.

    Attributes:
        gap: difference of the limits from both sides, each extrapolated linearly to the threshold itself.
        closing: |q(+δ) − q(−δ)| for δ = 1e-2, 1e-3, 1e-4 Å; of a smooth quantity it falls like δ.
        scale: largest magnitude of the quantity.
    """

    gap: float
    closing: tuple[float, float, float]
    scale: float


def approach(potential: Potential, at: Callable[[float], Atoms], direction: FloatArray) -> dict[str, Sides]:
    """Energy, forces and dF/dt of the structures ``at(t)`` as t goes to zero from both sides.

    ``direction`` is dx/dt, (n_atoms, 3).
    """
    deltas = (1e-2, 1e-3, 1e-4)
    times = [sign * t for t in (*deltas, 2 * deltas[-1]) for sign in (1, -1)]
    seen = {t: energy_forces_slope(potential, at(t), direction) for t in times}
    sides = {}
    for kind, name in enumerate(("energy", "forces", "dF/dt")):
        value = {t: quantities[kind] for t, quantities in seen.items()}
        jumps = {t: float(np.abs(value[t] - value[-t]).max()) for t in deltas}
        near = deltas[-1]
        limits = [2.0 * value[t] - value[2 * t] for t in (near, -near)]
        sides[name] = Sides(
            gap=float(np.abs(limits[0] - limits[1]).max()),
            closing=(jumps[1e-2], jumps[1e-3], jumps[1e-4]),
            scale=float(np.abs(limits).max()),
        )
    return sides


def energy_forces_slope(potential: Potential, atoms: Atoms, direction: FloatArray) -> tuple[FloatArray, ...]:
    """Energy (eV), forces (eV/Å) and their slope along a direction, dF/dt (eV/Å²)."""
    prepared = potential.prepare(atoms)
    positions = prepared.system.positions.clone().requires_grad_()
    system = prepared.system._replace(positions=positions)
    prediction = predict(potential.model, system, prepared.graph, create_graph=True)
    along = (prediction.forces * torch.from_numpy(direction)).sum()
    (slope,) = torch.autograd.grad(along, positions)  # of a gradient field, its transpose is the same
    return tuple(t.detach().numpy() for t in (prediction.energy, prediction.forces, slope))


def _slopes(
    potential: Potential, directions: FloatArray, along: Callable[[FloatArray], Atoms], step: float
) -> FloatArray:
    structures = [along(n * step * d) for d in directions for n, _ in STENCIL]
    weights = np.array([w for _, w in STENCIL])
    return energies(potential, structures).reshape(len(directions), len(STENCIL)) @ weights / step


def _moved(atoms: Atoms, displacement: FloatArray) -> Atoms:
    moved = atoms.copy()
    moved.positions += displacement
    return moved


def _strained(atoms: Atoms, strain: FloatArray) -> Atoms:
    strained = atoms.copy()
    strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=False)
    strained.positions = atoms.positions @ (np.eye(3) + strain)
    return strained
