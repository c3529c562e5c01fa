"""Files of the target ``metatomic``: written, and read back as an engine would read them."""

from pathlib import Path
from typing import Any, Final

import torch
from metatensor.torch import Labels, TensorBlock
from metatomic.torch import (
    AtomisticModel,
    ModelCapabilities,
    ModelEvaluationOptions,
    ModelMetadata,
    ModelOutput,
    System,
    load_atomistic_model,
    register_autograd_neighbors,
)

from alignn_ff import __version__
from alignn_ff.cells import SMALLEST_VOLUME_A3
from alignn_ff.export.door import Input, Output
from alignn_ff.export.metatomic.network import MetatomicNetwork
from alignn_ff.export.options import ExportOptions
from alignn_ff.export.reach import length
from alignn_ff.export.torchscript.entries import Deployed
from alignn_ff.export.torchscript.file import quiet_jit
from alignn_ff.export.torchscript.networks import NETWORKS
from alignn_ff.potential import Potential

ENERGY: Final = "energy"
PAIR: Final = ["first_atom", "second_atom", "cell_shift_a", "cell_shift_b", "cell_shift_c"]


def write(potential: Potential, path: Path, options: ExportOptions) -> None:  # noqa: ARG001 - as for all targets
    """Save a model with what engines need to know of it.

    Args:
        potential: on the CPU, in the dtype of the file.
        path: of the file.
        options: none is read.
    """
    family = NETWORKS[potential.header.model.name]
    assert family.walks is not None
    capabilities = ModelCapabilities(
        outputs={ENERGY: ModelOutput(unit="eV", sample_kind="atom", explicit_gradients=[])},
        atomic_types=list(potential.header.elements),
        interaction_range=length(family.walks(potential.model)),
        length_unit="angstrom",
        supported_devices=["cpu", "cuda"],
        dtype=_dtype_name(potential.dtype),
    )
    metadata = ModelMetadata(name=potential.name, description=f"an ALIGNN force field, by alignn-ff {__version__}")
    with quiet_jit():
        deployed = Deployed(potential.header.model.name, potential.model, 1.0)
        network = MetatomicNetwork(deployed, float(potential.header.graph.cutoff)).eval()
        AtomisticModel(network, metadata, capabilities).save(str(path))


def evaluate(path: Path, inputs: list[Input], widened: bool) -> list[Output]:
    """Read a file and evaluate structures; see ``alignn_ff.export.door``."""
    with quiet_jit():
        model = load_atomistic_model(str(path))
        if widened:
            model.module.double()
        return [_evaluate(model, item, widened) for item in inputs]


def _evaluate(model: Any, item: Input, widened: bool) -> Output:
    dtype = torch.float64 if widened else getattr(torch, model.capabilities().dtype)
    positions = item.positions.to(dtype).requires_grad_()
    strain = torch.eye(3, dtype=dtype, requires_grad=True)
    moved, cell = positions @ strain, item.cell.to(dtype) @ strain
    periodic = cell.detach().norm(dim=1) > 0
    system = System(item.numbers.to(torch.int32), moved, cell, periodic)
    (options,) = model.requested_neighbor_lists()
    system.add_neighbor_list(options, _neighbors(system, item))
    wanted = {ENERGY: ModelOutput(unit="eV", sample_kind="atom", explicit_gradients=[])}
    if widened:  # the interface refuses a precision that is not that of the file
        found = model.module([system], wanted, None)
    else:
        found = model([system], ModelEvaluationOptions("angstrom", wanted), check_consistency=True)
    energies = found[ENERGY].block().values[:, 0]
    gradient, virial = torch.autograd.grad(energies.sum(), [positions, strain], allow_unused=True)
    volume = float(torch.linalg.det(item.cell).abs())
    stress = torch.full((3, 3), float("nan"), dtype=torch.float64)
    if volume >= SMALLEST_VOLUME_A3:
        stress = 0.5 * (virial + virial.T).double() / volume
    return Output(*(values.detach().double() for values in (energies.sum(), energies, -gradient, stress)))


def _neighbors(system: Any, item: Input) -> TensorBlock:
    """The edges as metatomic holds them."""
    x, cell = system.positions.detach(), system.cell.detach()
    vectors = x[item.dst] - x[item.src] + item.shift.to(x.dtype) @ cell
    samples = torch.cat([torch.stack([item.src, item.dst], dim=1).to(torch.int32), item.shift], dim=1)
    block = TensorBlock(
        vectors[:, :, None],
        Labels(PAIR, samples),
        [Labels(["xyz"], torch.arange(3, dtype=torch.int32)[:, None])],
        Labels(["distance"], torch.zeros((1, 1), dtype=torch.int32)),
    )
    register_autograd_neighbors(system, block, check_consistency=True)
    return block


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
