"""The native backend: ``alignn_smooth`` in C++ on the CPU, its derivatives written by hand.

In: a model whose weights no longer change. Out: the same energy as eager's, with the exact derivatives of it.
The kernels give the readout of each atom and its gradient in the edge vectors; references, repulsion, forces and stress
are made of them by the same functions as in the eager backend.
"""

import torch
from torch import Tensor

from alignn_ff.errors import CompilerError, StructureError
from alignn_ff.execution.contract import Evaluate, Limits
from alignn_ff.execution.smooth.weights import PackedWeights, pack
from alignn_ff.graph import AtomicGraph, AtomicSystem, TensorPrediction, edge_vectors
from alignn_ff.models import AlignnSmooth, EnergyModel, assemble
from alignn_ff.native import DTYPES, Kernels, find_kernels
from alignn_ff.native.arguments import SmoothArguments
from alignn_ff.nn import scatter_sum


def native_refusal(model: EnergyModel) -> str | None:
    """Why a model cannot run on C++ kernels, None where it can; whether there is a compiler is another question."""
    if not isinstance(model, AlignnSmooth):
        return "it is for alignn_smooth only"
    weight = next(model.parameters())
    if weight.device.type != "cpu":
        return f"it is for the CPU, and the model is on {weight.device}"
    if weight.dtype not in DTYPES:
        return f"it is for float32 and float64, and the model is in {weight.dtype}"
    return None if model.atom_blocks else "it needs at least one layer (alignn_layers + gcn_layers)"


def build_native(model: EnergyModel, limits: Limits) -> Evaluate:  # noqa: ARG001 - one signature for all backends
    """Evaluate a smooth model on C++ kernels, compiling them if this machine has none yet.

    Raises:
        CompilerError: there is no compiler, it failed, or the library reads another number of weights.
    """
    assert isinstance(model, AlignnSmooth)
    kernels, weights = find_kernels(), pack(model)
    dtype = weights.values.dtype
    sizes = _sizes(model, weights)
    _check_packing(kernels, sizes, weights)
    free = model.free_atoms().detach().double() * float(model.exact_free_atoms)
    bounds = model.bounds_of_readout()

    def evaluate(system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool) -> TensorPrediction:
        vectors = edge_vectors(system, graph)
        rows = model.table.rows(graph.atomic_numbers)
        local = vectors.new_empty(rows.shape[0], dtype=dtype)
        distance = vectors.new_empty(vectors.shape[0])
        gradient = torch.empty_like(vectors) if derivatives else None
        arguments = _arguments(sizes, weights, bounds, graph, rows, vectors, local, distance, gradient)
        kernels.call("smooth", dtype, arguments, refusal=_no_radius_graph)
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


def _no_radius_graph() -> StructureError:
    return StructureError("the graph lacks the reverse of an edge, so it is not a radius graph")


def _check_packing(kernels: Kernels, sizes: dict[str, float], weights: PackedWeights) -> None:
    """Compare the number of packed weights with the number that the kernel reads.

    Raises:
        CompilerError: they differ.
    """
    expected = kernels.count("smooth_weights", weights.values.dtype, SmoothArguments(**sizes))
    if expected != weights.values.numel():
        raise CompilerError(
            f"the compiled kernels read {expected} weights of this model, and {weights.values.numel()} are packed; "
            f"remove {kernels.path}, and it is compiled anew"
        )


def _sizes(model: AlignnSmooth, weights: PackedWeights) -> dict[str, float]:
    """What the arguments hold that depends on the model only."""
    return {
        "features": weights.features,
        "n_radial": weights.n_radial,
        "n_angular": weights.n_angular,
        "n_elements": len(model.elements),
        "angle_layers": len(model.angle_blocks),
        "atom_layers": len(model.atom_blocks),
        "exponent": model.config.exponent,
        "moment_channels": weights.moment_channels,
        "max_moment": model.config.max_moment,
        "cutoff": model.recipe.cutoff,
        "line_cutoff": model.recipe.line_cutoff,
    }


def _arguments(
    sizes: dict[str, float],
    weights: PackedWeights,
    bounds: Tensor | None,
    graph: AtomicGraph,
    rows: Tensor,
    vectors: Tensor,
    local: Tensor,
    distance: Tensor,
    gradient: Tensor | None,
) -> SmoothArguments:
    arrays = {
        "vectors": vectors,
        "src": graph.edge_src,
        "dst": graph.edge_dst,
        "shift": graph.edge_shift,
        "line_nodes": graph.line_nodes,
        "line_src": graph.line_src,
        "line_dst": graph.line_dst,
        "rows": rows,
        "weights": weights.values,
        "local": local,
        "distance": distance,
    }
    assert all(tensor.is_contiguous() for tensor in arrays.values())
    return SmoothArguments(
        n_atoms=rows.shape[0],
        n_local=rows.shape[0],
        n_edges=graph.edge_src.shape[0],
        n_line_nodes=graph.line_nodes.shape[0],
        n_triplets=graph.line_src.shape[0],
        threads=torch.get_num_threads(),
        bounds=None if bounds is None else bounds.data_ptr(),
        gradient=None if gradient is None else gradient.data_ptr(),
        **sizes,
        **{name: tensor.data_ptr() for name, tensor in arrays.items()},
    )
