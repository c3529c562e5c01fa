"""Where only some energies count, as for a process beside others, layers evaluate the rows that these depend on."""

import ctypes
from typing import NamedTuple

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from torch import Tensor

from alignn_ff.checkpoint import Header
from alignn_ff.execution.smooth import native
from alignn_ff.execution.smooth.weights import pack
from alignn_ff.graph import AtomicGraph, edge_vectors
from alignn_ff.models import AlignnSmooth
from alignn_ff.native import Kernels
from alignn_ff.potential import Potential
from tests.support.exports import SMOOTH, eager

N_LOCAL = 10


class Evaluated(NamedTuple):
    """Readouts and pair forces of the kernels, and the rows that all layers evaluated together."""

    local: Tensor
    pair_forces: Tensor
    rows: int


def crystal(order: str) -> Atoms:
    """A long crystal; ``order`` says whether rows far from the first ones come last."""
    atoms = bulk("Si", cubic=True).repeat((1, 1, 9))
    rng = np.random.default_rng(5)
    atoms.positions += rng.normal(scale=0.08, size=(len(atoms), 3))
    atoms.numbers[1::3] = 8
    depth = np.abs(atoms.positions[:, 2] - atoms.cell[2, 2] / 2)
    return atoms[np.argsort(depth) if order == "by depth" else rng.permutation(len(atoms))]


def by_kernels(kernels: Kernels, potential: Potential, atoms: Atoms, n_local: int, threads: int = 1) -> Evaluated:
    model = potential.model
    assert isinstance(model, AlignnSmooth)
    system, graph, _ = potential.prepare(atoms)
    vectors, packed = edge_vectors(system, graph), pack(model)
    rows, gradient = model.table.rows(graph.atomic_numbers), torch.full_like(vectors, torch.nan)
    local, distance = vectors.new_full((len(atoms),), torch.nan), vectors.new_empty(vectors.shape[0])
    bounds = model.bounds_of_readout()
    arrays = (bounds, graph, rows, vectors, local, distance, gradient)
    arguments = native._arguments(native._sizes(model, packed), packed, *arrays)
    evaluated = ctypes.c_int64()
    arguments.n_local, arguments.threads, arguments.evaluated = n_local, threads, ctypes.addressof(evaluated)
    kernels.call("smooth", torch.float64, arguments)
    return Evaluated(local[:n_local], pair_forces(graph, gradient), evaluated.value)


def by_autograd(potential: Potential, atoms: Atoms, n_local: int) -> Tensor:
    """Pair forces of the sum of the first readouts."""
    model = potential.model
    assert isinstance(model, AlignnSmooth)
    system, graph, _ = potential.prepare(atoms)
    vectors = edge_vectors(system, graph).requires_grad_()
    energies = model(graph, vectors)
    (gradient,) = torch.autograd.grad(energies[:n_local].sum() / model.scale, vectors)
    return pair_forces(graph, gradient)


def pair_forces(graph: AtomicGraph, gradient: Tensor) -> Tensor:
    """The derivative of an edge less that of its reverse: how the two share it is up to the kernels."""
    there = torch.stack([graph.edge_dst, graph.edge_src, *graph.edge_shift.long().T])
    back = torch.stack([graph.edge_src, graph.edge_dst, *-graph.edge_shift.long().T])
    places = {tuple(row): place for place, row in enumerate(there.T.tolist())}
    return gradient - gradient[[places[tuple(row)] for row in back.T.tolist()]]


WITHOUT_ZBL: dict[str, Header] = {
    name: header.model_copy(update={"model": header.model.model_copy(update={"use_zbl": False, **layers})})
    for name, header, layers in (
        ("smooth", SMOOTH["smooth"], {}),
        ("moments", SMOOTH["smooth, moments"], {}),
        ("bounded", SMOOTH["smooth, bounded"], {}),
        ("moments, no angles", SMOOTH["smooth, moments of order 1, no angles"], {"gcn_layers": 3}),
        ("one angle layer, moments", SMOOTH["smooth, moments"], {"alignn_layers": 1, "gcn_layers": 3}),
        ("angles only", SMOOTH["smooth"], {"alignn_layers": 2, "gcn_layers": 0}),
    )
}


@pytest.mark.parametrize("order", ["by depth", "at random"])
@pytest.mark.parametrize("name", WITHOUT_ZBL)
def test_energies_and_derivatives_are_those_of_all_rows(name: str, order: str, kernels: Kernels) -> None:
    potential, atoms = eager(WITHOUT_ZBL[name]), crystal(order)
    everything = by_kernels(kernels, potential, atoms, len(atoms))
    for n_local, threads in ((N_LOCAL, 1), (N_LOCAL, 2), (1, 1), (0, 1)):
        some = by_kernels(kernels, potential, atoms, n_local, threads)
        assert torch.equal(some.local, everything.local[:n_local])
        expected = by_autograd(potential, atoms, n_local) if n_local else torch.zeros_like(some.pair_forces)
        torch.testing.assert_close(some.pair_forces, expected, rtol=0, atol=1e-11)


def test_few_rows_are_evaluated_if_those_that_are_far_come_last(kernels: Kernels) -> None:
    potential, layers = eager(SMOOTH["smooth"]), 3
    atoms = crystal("by depth")
    everything = by_kernels(kernels, potential, atoms, len(atoms)).rows
    assert everything == layers * len(atoms)
    sorted_rows = by_kernels(kernels, potential, atoms, N_LOCAL).rows
    assert layers * N_LOCAL < sorted_rows < 0.6 * everything
    assert by_kernels(kernels, potential, crystal("at random"), N_LOCAL).rows > 0.6 * everything
