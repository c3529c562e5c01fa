"""Parts of gpu.py that count: what the device can do, what an evaluation moves and computes, where its time goes."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from gpu_machine import Machine, Row, potential_of, silicon
from gpu_runs import trainer_of
from line_graph import LINE_GRAPH
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from alignn_ff.models import predict
from alignn_ff.nn import Edges, gated_sum, gather, make_edges, segment_sum
from alignn_ff.nn.harmonics import order_slices
from alignn_ff.nn.sums.contraction import contract_sent_to_nodes, make_contraction
from alignn_ff.train.records.batches import join

Result = tuple[Tensor, ...]


def device(machine: Machine) -> Iterator[Row]:
    """The card, the bandwidth of a copy, and the rate of matrix products, as measured here."""
    name = "CPU" if machine.dry_run else torch.cuda.get_device_name()
    yield {"device": name, "memory_GiB": machine.total_bytes() / 2**30, "torch": torch.__version__}
    yield {"copy_GB_per_s": copy_rate(machine) / 1e9}
    n = machine.size(8192, 64)
    for word, dtype, tf32 in (
        ("float64", torch.float64, False),
        ("float32", torch.float32, False),
        ("tf32", torch.float32, True),
        ("bfloat16", torch.bfloat16, False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a, b = (torch.randn(n, n, device=machine.device).to(dtype) for _ in range(2))
        seconds = machine.seconds(lambda a=a, b=b: a @ b, budget_s=1.0)
        yield {"matrix product": word, "TFLOP_per_s": 2e-12 * n**3 / seconds}


def copy_rate(machine: Machine) -> float:
    """Bytes per second, read and written."""
    source = torch.randn(machine.size(2**28, 2**16), device=machine.device)
    target = torch.empty_like(source)
    return 8.0 * source.numel() / machine.seconds(lambda: target.copy_(source), budget_s=0.5)


def roofline(machine: Machine) -> Iterator[Row]:
    """What is reached of the measured bandwidth: by a whole evaluation, and by the sums over neighbours."""
    bandwidth = copy_rate(machine)
    potential = potential_of(LINE_GRAPH, machine.device, backend="eager")
    prepared = potential.prepare(silicon(machine.size(15, 1)))
    n_atoms = prepared.system.positions.shape[0]

    def evaluate() -> object:
        return predict(potential.model, prepared.system, prepared.graph)

    seconds = machine.seconds(evaluate)
    with Counted() as counted:
        evaluate()
    yield {
        "evaluation of n_atoms": n_atoms,
        "seconds": seconds,
        "operations": counted.n_operations,
        "bytes_per_atom": counted.n_bytes / n_atoms,
        "flops_per_atom": counted.n_flops / n_atoms,
        "TFLOP_per_s": 1e-12 * counted.n_flops / seconds,
        "bandwidth_fraction": counted.n_bytes / seconds / bandwidth,
    }
    graph = prepared.graph
    edges = make_edges(graph.edge_src, graph.edge_dst, n_atoms)
    for name, call, n_bytes in sums(edges, n_atoms, machine.device):
        seconds = machine.seconds(call, budget_s=1.0)
        yield {"sum": name, "us": 1e6 * seconds, "bandwidth_fraction": n_bytes / seconds / bandwidth}


def sums(
    edges: Edges, n_atoms: int, where: torch.device, dtype: torch.dtype = torch.float32
) -> Iterator[tuple[str, Callable[[], Result], int]]:
    """Sums over neighbours with 64 channels, moments with 32: name, call, and the fewest bytes that must be moved."""
    n_edges, width, size = edges.src.segment.shape[0], 64, dtype.itemsize
    of = {"device": where, "dtype": dtype}
    gates = torch.randn(n_edges, width, **of, requires_grad=True)
    projections = torch.randn(n_atoms, 3 * width, **of, requires_grad=True)
    weights = torch.rand(n_edges, 1, **of)
    nodes = projections.detach()[:, :width].contiguous()
    index = 16 * n_edges
    read = size * (gates.numel() + projections.numel() + weights.numel()) + index
    written = size * nodes.numel()
    yield "gather", lambda: (gather(nodes, edges.src),), size * (nodes.numel() + gates.numel()) + index // 2
    yield "segment sum", lambda: (segment_sum(gates.detach(), edges.dst),), size * gates.numel() + written + index
    gated = (gates, projections)
    yield from _with_derivatives("gated sum", lambda g, p: gated_sum(g, p, weights, edges), gated, read, written)

    orders, channels = order_slices(3), 32
    contraction = make_contraction(edges.dst, orders)
    sent = torch.randn(n_edges, len(orders) * channels, **of, requires_grad=True)
    along = torch.randn(n_edges, orders[-1].stop, **of, requires_grad=True)
    values = torch.randn(n_atoms, len(orders) * channels, **of, requires_grad=True)

    def moments(q: Tensor, y: Tensor, v: Tensor) -> Tensor:
        return contract_sent_to_nodes(q, y, v, edges.src, contraction)

    read = size * (sent.numel() + along.numel() + values.numel()) + index
    yield from _with_derivatives(
        "moments", moments, (sent, along, values), read, size * n_atoms * along.shape[1] * channels
    )


def _with_derivatives(
    name: str, function: Callable[..., Tensor], inputs: tuple[Tensor, ...], read: int, written: int
) -> Iterator[tuple[str, Callable[[], Result], int]]:
    """A sum alone, with its derivatives, and with those of the squares of its derivatives, as in training.

    A backward pass reads inputs and a gradient and writes derivatives, as large as the inputs; the second one reads and
    writes cotangents too, and passes through the sum once more.
    """

    def first() -> Result:
        return torch.autograd.grad(function(*inputs).square().sum(), inputs)

    def second() -> Result:
        slopes = torch.autograd.grad(function(*inputs).square().sum(), inputs, create_graph=True)
        return torch.autograd.grad(sum(slope.square().sum() for slope in slopes), inputs)

    detached = [tensor.detach() for tensor in inputs]
    yield name, lambda: (function(*detached),), read + written
    yield f"{name} and derivatives", first, 3 * read + 2 * written
    yield f"{name} and second derivatives", second, 10 * read + 5 * written


class Counted(TorchDispatchMode):
    """Counts the bytes of all arguments and results, as if nothing stayed in a cache, and flops of matrix products."""

    n_bytes = n_operations = n_flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
            self.n_bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
            self.n_operations += 1
        flops = flop_registry.get(func._overloadpacket)
        if flops is not None:
            self.n_flops += flops(*args, **(kwargs or {}), out_val=result)
        return result


def profile(machine: Machine) -> Iterator[Row]:
    """The kernels that take most of the time of an evaluation and of a step of training."""
    potential = potential_of(LINE_GRAPH, machine.device, backend="eager")
    prepared = potential.prepare(silicon(machine.size(11, 1)))
    trainer, samples = trainer_of({"hidden_features": 64}, machine.device, n_structures=machine.size(16, 2), cells=1)
    batch = join(samples)
    calls: dict[str, Callable[[], object]] = {
        "evaluation": lambda: predict(potential.model, prepared.system, prepared.graph),
        "training step": lambda: trainer.step([batch]),
    }
    for name, call in calls.items():
        call()
        machine.wait()
        with torch.profiler.profile() as record:
            call()
            machine.wait()
        key = "self_cpu_time_total" if machine.dry_run else "self_device_time_total"
        found = sorted(record.key_averages(), key=lambda row: -getattr(row, key))
        total = sum(getattr(row, key) for row in found)
        yield {"profile": name, "kernels_us": total, "host_us": sum(row.self_cpu_time_total for row in found)}
        for row in found[: machine.size(15, 3)]:
            yield {"kernel": row.key[:80], "calls": row.count, "percent": 100.0 * getattr(row, key) / max(total, 1e-9)}
