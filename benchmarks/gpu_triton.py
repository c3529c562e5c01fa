"""The part of gpu.py for Triton kernels: are they right, and what do they save? Torch's operations beside them."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

import torch
from ase.build import bulk
from gpu_counts import copy_rate, sums
from gpu_machine import Machine, Row, potential_of, silicon
from gpu_runs import UNIVERSAL, evaluated, few_steps, trainer_of
from line_graph import LINE_GRAPH

from alignn_ff.errors import CompilerError
from alignn_ff.native import using
from alignn_ff.nn import Edges, make_edges
from alignn_ff.train.records.batches import join
from alignn_ff.triton_kernels import TritonKernels, find_triton

SUMS_ONLY_OF_TORCH = ("gather", "segment sum")


def triton(machine: Machine) -> Iterator[Row]:
    """Sums, evaluations and steps of training, first compared, then timed."""
    try:
        kernels = find_triton()
    except CompilerError as error:
        yield {"triton": str(error)}
        return
    yield from compared(machine, kernels)
    yield from timed_sums(machine, kernels)
    for name, cells in machine.size([(LINE_GRAPH, n) for n in (5, 11, 23)] + [("universal", 11)], [(LINE_GRAPH, 1)]):
        for backend in ("eager", "triton"):
            yield {"model": name, "backend": backend, **evaluated(machine, name, backend, cells)}
    yield from timed_training(machine, kernels)


def compared(machine: Machine, kernels: TritonKernels) -> Iterator[Row]:
    """Largest differences to torch in float64: of sums, of shipped models, of weights after a step of training."""
    edges, n_atoms = bonds(machine, 3)
    for name, call, _ in sums(edges, n_atoms, machine.device, torch.float64):
        if name not in SUMS_ONLY_OF_TORCH:
            expected = call()
            with using(kernels):
                found, again = call(), call()
            apart = max(
                float((one - other).abs().max() / other.abs().max()) for one, other in zip(found, expected, strict=True)
            )
            same = all(torch.equal(one, other) for one, other in zip(found, again, strict=True))
            yield {"sum": name, "relative_difference": apart, "close": apart < 1e-10, "same_bits_twice": same}
    atoms = silicon(1, rattle_A=0.2, seed=3)
    for name in machine.size((LINE_GRAPH, "universal"), (LINE_GRAPH,)):
        exact = potential_of(name, machine.device, "float64", "eager").predict_tensors([atoms])[0].forces
        assert exact is not None
        for dtype, backend in (("float64", "triton"), ("float32", "triton"), ("float32", "eager")):
            found_forces = potential_of(name, machine.device, dtype, backend).predict_tensors([atoms])[0].forces
            assert found_forces is not None
            apart = float((found_forces - exact).abs().max())
            yield {"model": name, "dtype": dtype, "backend": backend, "forces_eV_per_A": apart}
    on_torch = few_steps(machine.device)
    with using(kernels):
        weights = few_steps(machine.device)
    apart = max(float((weights[name] - weight).abs().max()) for name, weight in on_torch.items())
    yield {"training step": "float64", "weights": apart}


def timed_sums(machine: Machine, kernels: TritonKernels) -> Iterator[Row]:
    """The parts of the measured bandwidth that sums reach, in float32."""
    bandwidth = copy_rate(machine)
    edges, n_atoms = bonds(machine, 15)
    for name, call, n_bytes in sums(edges, n_atoms, machine.device):
        if name in SUMS_ONLY_OF_TORCH:
            continue
        for way, context in (("torch", nullcontext), ("triton", partial(using, kernels))):
            machine.forget_peak()
            with context():
                seconds = machine.seconds(call, budget_s=machine.size(0.5, 0.0))
            yield {
                "sum": name,
                "by": way,
                "us": 1e6 * seconds,
                "bandwidth_fraction": n_bytes / seconds / bandwidth,
                "peak_GiB": machine.peak_bytes() / 2**30,
            }


def timed_training(machine: Machine, kernels: TritonKernels) -> Iterator[Row]:
    """Steps of training of a model with moments."""
    fields = machine.size(json.loads(UNIVERSAL.read_text())["model"], {"hidden_features": 8, "moment_channels": 4})
    trainer, samples = trainer_of(fields, machine.device, n_structures=machine.size(16, 1), cells=machine.size(2, 1))
    batch = join(samples)
    for way, context in (("torch", nullcontext), ("triton", partial(using, kernels))):
        machine.forget_peak()
        with context():
            seconds = machine.seconds(lambda: trainer.step([batch]), budget_s=machine.size(3.0, 0.0))
        n_atoms = batch.system.positions.shape[0]
        peak = machine.peak_bytes() / 2**30
        yield {"training": way, "n_atoms": n_atoms, "ms_per_atom": 1e3 * seconds / n_atoms, "peak_GiB": peak}


def bonds(machine: Machine, cells: int) -> tuple[Edges, int]:
    """Bonds of rattled silicon, on the device, and the number of atoms; in a dry run six bonds of two atoms."""
    atoms = silicon(cells) if not machine.dry_run else bulk("Si")
    prepared = potential_of(LINE_GRAPH, machine.device, backend="eager").prepare(atoms)
    n_atoms, graph = prepared.system.positions.shape[0], prepared.graph
    n_edges = machine.size(graph.edge_src.shape[0], 6)
    return make_edges(graph.edge_src[:n_edges], graph.edge_dst[:n_edges], n_atoms), n_atoms
