"""The native backend: ``alignn_smooth`` in C++ on the CPU, its derivatives written by hand.

In: a model whose weights do not change any more. Out: the same energy as eager's, with the exact derivatives of it.
The kernels give the readout of each atom and its gradient in the edge vectors; references, repulsion, forces and stress
are made of them by the same functions as in the eager backend.
"""

import ctypes

import torch
from torch import Tensor

from alignn_ff.errors import StructureError
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.execution.smooth.weights import PackedWeights, pack
from alignn_ff.graph import AtomicGraph, AtomicSystem, Prediction, edge_vectors
from alignn_ff.models import AlignnSmooth, EnergyModel, assemble
from alignn_ff.native import DTYPES, find_kernels
from alignn_ff.nn import scatter_sum


def native_refusal(model: EnergyModel) -> str | None:
    """Why a model cannot run on C++ kernels, None where it can; says nothing about a compiler."""
    if not isinstance(model, AlignnSmooth):
        return "it is for alignn_smooth alone"
    weight = next(model.parameters())
    if weight.device.type != "cpu":
        return f"it is for the CPU, and the model is on {weight.device}"
    if weight.dtype not in DTYPES:
        return f"it is for float32 and float64, and the model is in {weight.dtype}"
    return None if model.atom_blocks else "it needs at least one layer (alignn_layers + gcn_layers)"


def build_native(model: EnergyModel, limits: Limits) -> Evaluate:  # noqa: ARG001 - one signature for all backends
    """Evaluate a smooth model on C++ kernels, compiling them if this machine has none yet.

    Raises:
        CompilerError: there is no compiler, or it failed.
    """
    assert isinstance(model, AlignnSmooth)
    kernels, weights = find_kernels(), pack(model)
    dtype = weights.values.dtype
    free = model.free_atoms().detach().double() * float(model.exact_free_atoms)

    def evaluate(system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> Prediction:
        vectors = edge_vectors(system, graph)
        rows = model.table.rows(graph.atomic_numbers)
        local = vectors.new_empty(rows.shape[0], dtype=dtype)
        distance = vectors.new_empty(vectors.shape[0])
        gradient = torch.empty_like(vectors) if derivatives else None
        arguments = _arguments(model, weights, graph, rows, vectors, local, distance, gradient)
        if kernels.call_with("smooth", dtype, arguments) != 0:
            raise StructureError("the graph lacks the reverse of an edge, so it is no radius graph")
        energy = model.table.reference[rows] + model.scale * (local.double() - free[rows])
        if gradient is not None:
            gradient.mul_(model.scale)
        if model.repulsion is not None:
            energy = _add_repulsion(model, graph, vectors, distance, energy, gradient)
        return assemble(energy, gradient, vectors, system, graph)

    return evaluate


def _add_repulsion(
    model: AlignnSmooth, graph: AtomicGraph, vectors: Tensor, distance: Tensor, energy: Tensor, gradient: Tensor | None
) -> Tensor:
    """Energy with the repulsion of the few pairs that are close; ``gradient`` is added to in place."""
    assert model.repulsion is not None
    z, cutoff = graph.atomic_numbers, model.recipe.cutoff
    close = torch.nonzero(distance < model.repulsion.reach(z[graph.edge_src], z[graph.edge_dst], cutoff)).squeeze(1)
    if close.shape[0] == 0:
        return energy
    src, dst = graph.edge_src[close], graph.edge_dst[close]
    with torch.enable_grad():
        length = distance[close].requires_grad_()
        pair = model.repulsion(z[src], z[dst], length, cutoff)
        (slope,) = torch.autograd.grad(pair.sum(), length)
    if gradient is not None:
        gradient[close] += (slope / length.detach())[:, None] * vectors[close]
    return energy + scatter_sum(pair.detach(), dst, z.shape[0])


class SmoothArguments(ctypes.Structure):
    """Mirror of the C++ struct of this name, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n_atoms", "n_edges", "n_line_nodes", "n_triplets")),
        *((name, ctypes.c_int64) for name in ("features", "n_radial", "n_angular", "n_elements")),
        *((name, ctypes.c_int64) for name in ("angle_layers", "atom_layers", "exponent", "threads")),
        *((name, ctypes.c_int64) for name in ("moment_channels", "max_moment")),
        *((name, ctypes.c_double) for name in ("cutoff", "line_cutoff")),
        *((name, ctypes.c_void_p) for name in ("vectors", "src", "dst", "shift", "line_nodes", "line_src", "line_dst")),
        *((name, ctypes.c_void_p) for name in ("rows", "weights", "local", "distance", "gradient")),
    ]


def _arguments(
    model: AlignnSmooth,
    weights: PackedWeights,
    graph: AtomicGraph,
    rows: Tensor,
    vectors: Tensor,
    local: Tensor,
    distance: Tensor,
    gradient: Tensor | None,
) -> SmoothArguments:
    sizes = (graph.edge_src.shape[0], graph.line_nodes.shape[0], graph.line_src.shape[0])
    arrays = (vectors, graph.edge_src, graph.edge_dst, graph.edge_shift, graph.line_nodes, graph.line_src)
    pointers = (*arrays, graph.line_dst, rows, weights.values, local, distance)
    assert all(tensor.is_contiguous() for tensor in pointers)
    return SmoothArguments(
        rows.shape[0],
        *sizes,
        weights.features,
        weights.n_radial,
        weights.n_angular,
        len(model.elements),
        len(model.angle_blocks),
        len(model.atom_blocks),
        model.config.exponent,
        torch.get_num_threads(),
        weights.moment_channels,
        model.config.max_moment,
        model.recipe.cutoff,
        model.recipe.line_cutoff,
        *(tensor.data_ptr() for tensor in pointers),
        None if gradient is None else gradient.data_ptr(),
    )
