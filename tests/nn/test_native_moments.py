"""Moments on compiled kernels: as on torch, with right first and second derivatives, the same on all threads."""

import pytest
import torch
from ase.build import bulk, molecule
from torch.autograd import gradcheck, gradgradcheck

from alignn_ff.errors import KernelError
from alignn_ff.graph import GraphRecipe, batch_graphs, batch_systems, build_graph, edge_vectors, system_from_atoms
from alignn_ff.native import using
from alignn_ff.nn import (
    BasisSizes,
    MomentGates,
    MomentInvariants,
    Moments,
    bond_basis,
    make_directions,
    make_edges,
)
from alignn_ff.nn.harmonics import n_harmonics
from alignn_ff.nn.sums.moment_sums import of_both_ends

FEATURES, CUTOFF = 5, 3.0
ORDERS = pytest.mark.parametrize("order", [1, 2, 3])


def graph_of_two():
    """Silicon that is not a perfect crystal, and a molecule with atoms that have no neighbours within the cutoff."""
    silicon = bulk("Si", cubic=True)
    silicon.rattle(0.1, seed=1)
    systems = [system_from_atoms(atoms) for atoms in (silicon, molecule("H2O"), molecule("Si"))]
    recipe = GraphRecipe(cutoff=CUTOFF, three_body_cutoff=CUTOFF)
    return batch_systems(systems), batch_graphs([build_graph(system, recipe) for system in systems])


SYSTEM, GRAPH = graph_of_two()
N_ATOMS = len(GRAPH.atomic_numbers)


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def vectors():
    return edge_vectors(SYSTEM, GRAPH).requires_grad_()


def strained(positions, strain):
    """Vectors of the edges; of a bond and its reverse, which layers may read for one another, they agree."""
    r = edge_vectors(SYSTEM._replace(positions=positions), GRAPH)
    return r + r @ strain


def basis_of(r, order, dtype=torch.float64):
    sizes = BasisSizes(CUTOFF, n_radial=4, max_order=order, exponent=6)
    return bond_basis(r, torch.linalg.vector_norm(r, dim=1), sizes, dtype)


def directions_of(r, order):
    bonds = make_edges(GRAPH.edge_src, GRAPH.edge_dst, N_ATOMS)
    return make_directions(basis_of(r, order), bonds, GRAPH.edge_shift, order)


def layer(kind, *sizes):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(*sizes).double()


def operations(order, channels):
    """Name → (function of tensors, tensors)."""
    moments = layer(Moments, FEATURES, 4, channels, order, 7.0)
    gates, invariants = (
        layer(MomentGates, FEATURES, channels, order),
        layer(MomentInvariants, FEATURES, channels, order),
    )
    atoms, radial, held = (
        drawn(N_ATOMS, FEATURES),
        drawn(len(GRAPH.edge_src), 4),
        drawn(N_ATOMS, n_harmonics(order), channels),
    )
    return {
        "basis": (lambda r: torch.cat(basis_of(r, order), 1), (vectors(),)),
        "moments": (lambda x, f, r: moments(x, f, directions_of(r, order)), (atoms, radial, vectors())),
        "both ends": (
            lambda a, x, e: gates(a, directions_of(strained(x, e), order)),
            (
                held,
                SYSTEM.positions.clone().requires_grad_(),
                torch.zeros(3, 3, dtype=torch.float64, requires_grad=True),
            ),
        ),
        "invariants": (invariants, (held,)),
    }


NAMES = pytest.mark.parametrize("name", list(operations(1, 1)))


@ORDERS
@NAMES
@pytest.mark.parametrize("channels", [3, 21], ids=["below a vector", "vectors and a rest"])
def test_values_and_derivatives_to_second_order_are_those_of_torch(kernels, name, order, channels):
    function, tensors = operations(order, channels)[name]

    def found():
        out = function(*tensors)
        weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        first = torch.autograd.grad((weights * out).sum(), tensors, create_graph=True)
        total = sum((drawn(*one.shape, seed=2).detach() * one).sum() for one in first)
        return [out, *first, *torch.autograd.grad(total, tensors, materialize_grads=True)]

    expected = found()
    with using(kernels):
        for one, other in zip(found(), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@NAMES
@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_derivatives_are_those_of_finite_differences(kernels, name, check):
    function, tensors = operations(3, 2)[name]
    with using(kernels):
        assert check(function, tensors, fast_mode=True)


def test_results_in_single_precision_are_those_in_double_to_rounding(kernels):
    with using(kernels):
        single, double = basis_of(vectors(), 3, torch.float32), basis_of(vectors(), 3)
    for one, other in zip(single, double, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other.float())


def test_bits_do_not_depend_on_the_number_of_threads(kernels):
    def gradients():
        r = vectors()
        directions = directions_of(r, 3)
        a = layer(Moments, FEATURES, 4, 20, 3, 7.0)(drawn(N_ATOMS, FEATURES), drawn(len(r), 4), directions)
        out = (
            layer(MomentGates, FEATURES, 20, 3)(a, directions).sum() + layer(MomentInvariants, FEATURES, 20, 3)(a).sum()
        )
        (first,) = torch.autograd.grad(out, r, create_graph=True)
        return torch.cat([first, torch.autograd.grad(first.square().sum(), r)[0]])

    before = torch.get_num_threads()
    try:
        with using(kernels):
            torch.set_num_threads(1)
            one = gradients()
            torch.set_num_threads(3)
            assert torch.equal(gradients(), one)
    finally:
        torch.set_num_threads(before)


def test_without_bonds_there_are_zeros(kernels):
    none = torch.zeros(0, dtype=torch.int64)
    with using(kernels):
        basis = basis_of(torch.zeros(0, 3, dtype=torch.float64), 3)
        directions = make_directions(basis, make_edges(none, none, 2), torch.zeros(0, 3), 3)
        moments = layer(Moments, FEATURES, 4, 6, 3, 7.0)(drawn(2, FEATURES), basis.radial, directions)
    assert torch.equal(moments, torch.zeros(2, 15, 6, dtype=torch.float64))


def test_kernels_that_cannot_take_the_arrays_are_an_error(kernels):
    with using(kernels), pytest.raises(KernelError, match="both_ends"):
        of_both_ends(torch.zeros(2, 3, 4), drawn(0, 3), make_edges(*torch.zeros(2, 0, dtype=torch.int64), 2))
