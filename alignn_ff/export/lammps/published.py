"""Published force fields in files of the target ``lammps``; ``native/source/deployed/published`` reads them.

In: a model. Out: header entries, and numbers in the order that ``published_weights.h`` takes them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from alignn_ff.execution.published.scalars import tabulate_angles
from alignn_ff.execution.published.weights import Convolution, Norm, layers_of
from alignn_ff.execution.published.weights import refusal as blocked_refusal
from alignn_ff.export.reach import length, published_walks
from alignn_ff.graph.strategies import STRATEGIES
from alignn_ff.models import EnergyModel
from alignn_ff.models.published.atomwise import AtomwiseEnergy
from alignn_ff.native.arguments import CHANNELS, WIDEST
from alignn_ff.nn import NormedLayer

NORM_EPS = 1e-5
"""Under the root of every norm of a published network."""


def published_refusal(model: EnergyModel) -> str | None:
    """Why the kernels of the pair style do not run a published force field, None where they do."""
    reason = blocked_refusal(model)
    if reason is not None:
        return reason
    assert isinstance(model, AtomwiseEnergy)
    widths = (model.config.hidden_features, model.config.embedding_features)
    if any(width % CHANNELS or width > WIDEST for width in widths):
        return (
            f"the kernels need hidden_features and embedding_features in multiples of {CHANNELS} up to {WIDEST}, not "
            f"{widths[0]} and {widths[1]}"
        )
    if not layers_of(model).bonds:
        return "it needs at least one layer (alignn_layers + gcn_layers)"
    if not STRATEGIES[model.recipe.neighbor_strategy].smooth:
        return f"the graph is {model.recipe.neighbor_strategy}, and programs have all pairs below the cutoff"
    return None


def published_header(model: AtomwiseEnergy) -> dict[str, object]:
    """Entries beside those of every file."""
    layers, recipe, config = layers_of(model), model.recipe, model.config
    tables = tabulate_angles(model, layers)
    places = {
        f"{name}_{key}": value
        for name, table in (("states", tables.states), ("gates", tables.gates))
        for key, value in (
            ("low", repr(table.low)),
            ("step", repr(table.step)),
            ("pieces", table.pieces.shape[0]),
        )
    }
    return {
        "kind": "published",
        "width": config.hidden_features,
        "inner": config.embedding_features,
        "n_basis": _padded(config.edge_input_features),
        "bond_layers": len(layers.bonds),
        "angle_layers": len(layers.angles),
        "gamma": repr(float(model.network.bond_basis.gamma)),
        "eps": repr(NORM_EPS),
        "penalty_factor": repr(float(config.penalty_factor) if config.use_penalty else 0.0),
        "penalty_threshold": repr(float(config.penalty_threshold) if config.use_penalty else 0.0),
        "shapes_bonds": int(config.shapes_bonds),
        "multiplies": int(config.multiply_cutoff),
        "falls_from_0": int(config.envelope == "published"),
        "penalty_reads_envelope": int(config.penalty_reads_envelope),
        "inner_cutoff": repr(float(config.inner_cutoff)),
        "exponent": config.exponent,
        "zbl_end": repr(float(config.zbl_end or 0.0)),
        "graph_cutoff": repr(float(recipe.cutoff)),
        "cutoff": repr(
            float(recipe.cutoff if config.longest_bond is None else min(recipe.cutoff, config.longest_bond))
        ),
        "angle_limit": repr(float(recipe.line_cutoff) if recipe.compute_line_graph else 0.0),
        "back_tracking": int(recipe.back_tracking),
        "own_image_angles": int(recipe.own_image_angles),
        "own_image_limit": repr(0.0 if recipe.own_image_angles else float(recipe.line_cutoff)),
        "needs_neighbors": int(recipe.cutoff_extra > 0),
        "reach": repr(length(published_walks(model))),
        **places,
    }


@torch.no_grad()
def published_numbers(model: AtomwiseEnergy) -> list[Tensor]:
    """Reference energies in float64, then all weights in the model's dtype, in one row."""
    network, layers, dtype = model.network, layers_of(model), model.readout.weight.dtype
    atoms = network.atom_embedding(network.features.table.to(dtype))
    n_basis = network.bond_basis.centers.shape[0]
    more = _padded(n_basis) - n_basis
    centers = nn.functional.pad(network.bond_basis.centers.to(dtype), (0, more))
    first, second = (layer for layer in network.bond_embedding.children() if isinstance(layer, NormedLayer))
    tables = tabulate_angles(model, layers)
    parts = [
        atoms,
        centers,
        *_embedding(first, more),
        *_embedding(second, 0),
        tables.states.pieces,
        tables.gates.pieces,
    ]
    for convolution in (*layers.bonds, *layers.angles):
        parts += _convolution(convolution)
    parts += [model.readout.weight, model.readout.bias]
    return [model.reference.double(), torch.cat([part.detach().to(dtype).flatten() for part in parts])]


def _embedding(layer: NormedLayer, more: int) -> list[Tensor]:
    """With ``more`` inputs that have no weight."""
    norm: Any = layer.norm
    assert norm.eps == NORM_EPS
    return [nn.functional.pad(layer.linear.weight.mT, (0, 0, 0, more)), layer.linear.bias, norm.weight, norm.bias]


def _convolution(layer: Convolution) -> list[Tensor]:
    weights = [layer.nodes_transposed, layer.nodes_bias, layer.edges_transposed, layer.edges_bias]
    return [*weights, *_norm(layer.node_norm), *_norm(layer.edge_norm)]


def _norm(norm: Norm) -> list[Tensor]:
    assert norm.eps == NORM_EPS
    return [norm.weight, norm.bias]


def _padded(n: int) -> int:
    return -(-n // CHANNELS) * CHANNELS
