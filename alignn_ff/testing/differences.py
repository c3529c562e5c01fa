"""Derivatives by finite differences of reported numbers, and limits of a quantity from both sides of a threshold."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from ase import Atoms

from alignn_ff.models import predict
from alignn_ff.potential import Potential
from alignn_ff.testing.subjects import FloatArray, PotentialSubject, Subject

STENCIL: Final = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
"""Central difference of fourth order: (steps, weight)."""


def energies(potential: Potential, structures: Sequence[Atoms]) -> FloatArray:
    """(n_structures,) reported energies of a potential, eV."""
    return PotentialSubject(potential).energies(structures)


def forces_by_differences(
    subject: Subject, atoms: Atoms, *, step_A: float = 2e-4, moved: Sequence[int] | None = None
) -> FloatArray:
    """(n_moved, 3) −ΔE/Δx of the reported energy, eV/Å.

    Args:
        subject: the force field.
        atoms: the structure.
        step_A: of the differences.
        moved: indices of the atoms; None means all.
    """
    directions = np.eye(3 * len(atoms)).reshape(-1, 3, len(atoms), 3)
    chosen = directions if moved is None else directions[list(moved)]
    flat = chosen.reshape(-1, len(atoms), 3)
    return -_slopes(subject, flat, lambda d: _moved(atoms, d), step_A).reshape(-1, 3)


def stress_by_differences(subject: Subject, atoms: Atoms, *, step: float = 5e-5) -> FloatArray:
    """(3, 3) ΔE/Δstrain/V of the reported energy under symmetric strains, eV/Å³."""
    units = np.eye(9).reshape(-1, 3, 3)
    strains = 0.5 * (units + units.transpose(0, 2, 1))
    volume = float(atoms.get_volume())
    return _slopes(subject, strains, lambda e: _strained(atoms, e), step).reshape(3, 3) / volume


def hessian_by_differences(subject: Subject, atoms: Atoms, *, step_A: float = 2e-4) -> FloatArray:
    """(3·n_atoms, 3·n_atoms) −ΔF/Δx of the reported forces, eV/Å²."""
    directions = np.eye(3 * len(atoms)).reshape(-1, len(atoms), 3)
    moved = [_moved(atoms, n * step_A * d) for d in directions for n, _ in STENCIL]
    forces = np.array([each.forces.ravel() for each in subject.results(moved)])
    weights = np.array([w for _, w in STENCIL])
    slopes: FloatArray = np.einsum("dsf,s->df", forces.reshape(len(directions), len(STENCIL), -1), weights)
    return -slopes / step_A


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
    matrix: FloatArray = torch.stack(rows).reshape(len(rows), -1).cpu().numpy()
    return matrix


class Sides(NamedTuple):
    """A quantity just below and just above a threshold.

    Attributes:
        gap: difference of the limits from both sides, each extrapolated linearly to the threshold itself.
        closing: |q(+δ) − q(−δ)| for δ = 1e-2, 1e-3, 1e-4 Å; it falls like δ for a smooth quantity.
        scale: largest magnitude of the quantity.
    """

    gap: float
    closing: tuple[float, float, float]
    scale: float


Quantities = Callable[[float], dict[str, FloatArray]]
"""t → named quantities of the structure at t."""


def approach(quantities: Quantities) -> dict[str, Sides]:
    """Each quantity as t goes to zero from both sides."""
    deltas = (1e-2, 1e-3, 1e-4)
    times = [sign * t for t in (*deltas, 2 * deltas[-1]) for sign in (1, -1)]
    found = {t: quantities(t) for t in times}
    sides = {}
    for name in found[times[0]]:
        value = {t: at[name] for t, at in found.items()}
        jumps = {t: float(np.abs(value[t] - value[-t]).max()) for t in deltas}
        near = deltas[-1]
        limits = [2.0 * value[t] - value[2 * t] for t in (near, -near)]
        sides[name] = Sides(
            gap=float(np.abs(limits[0] - limits[1]).max()),
            closing=(jumps[1e-2], jumps[1e-3], jumps[1e-4]),
            scale=float(np.abs(limits).max()),
        )
    return sides


def energy_forces_slope(potential: Potential, atoms: Atoms, direction: FloatArray) -> dict[str, FloatArray]:
    """Energy (eV), forces (eV/Å) and their slope dF/dt (eV/Å²) along a direction dx/dt, (n_atoms, 3)."""
    prepared = potential.prepare(atoms)
    positions = prepared.system.positions.clone().requires_grad_()
    system = prepared.system._replace(positions=positions)
    prediction = predict(potential.model, system, prepared.graph, create_graph=True)
    assert prediction.forces is not None
    along = (prediction.forces * torch.from_numpy(direction).to(positions)).sum()
    (slope,) = torch.autograd.grad(along, positions)  # of a gradient field, its transpose is the same
    tensors = {"energy": prediction.energy, "forces": prediction.forces, "dF/dt": slope}
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def _slopes(subject: Subject, directions: FloatArray, along: Callable[[FloatArray], Atoms], step: float) -> FloatArray:
    structures = [along(n * step * d) for d in directions for n, _ in STENCIL]
    weights = np.array([w for _, w in STENCIL])
    slopes: FloatArray = subject.energies(structures).reshape(len(directions), len(STENCIL)) @ weights / step
    return slopes


def _moved(atoms: Atoms, displacement: FloatArray) -> Atoms:
    moved: Atoms = atoms.copy()
    moved.positions += displacement
    return moved


def _strained(atoms: Atoms, strain: FloatArray) -> Atoms:
    strained: Atoms = atoms.copy()
    strained.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=False)
    strained.positions = atoms.positions @ (np.eye(3) + strain)
    return strained
