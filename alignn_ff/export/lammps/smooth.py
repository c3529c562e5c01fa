"""The smooth family in files of the target ``lammps``; ``native/source/deployed/model_file.h`` reads them.

In: a model. Out: header entries, and numbers.
"""

from copy import deepcopy

import torch
from torch import Tensor

from alignn_ff.execution.smooth.weights import pack
from alignn_ff.export.reach import network_reach
from alignn_ff.graph.strategies import STRATEGIES
from alignn_ff.models import AlignnSmooth


def smooth_refusal(model: AlignnSmooth) -> str | None:
    """Why a model has no file of this kind, None where it has one."""
    if not model.atom_blocks:
        return "it needs at least one layer (alignn_layers + gcn_layers)"
    recipe = model.recipe
    complete = STRATEGIES[recipe.neighbor_strategy].smooth and recipe.cutoff_extra == 0
    if not complete or recipe.back_tracking or not recipe.own_image_angles:
        return (
            "pair_style alignn finds all pairs below the cutoff and all angles, and the graph recipe of the model is "
            f"another one: {recipe.model_dump()}"
        )
    return None


def smooth_header(model: AlignnSmooth) -> dict[str, object]:
    """Entries beside those of every file; bounds of the energy make it a file of format 2."""
    packed, config, recipe = pack(model), model.config, model.recipe
    return {
        **({} if model.bounded is None else {"format_version": 2}),
        "features": packed.features,
        "n_radial": packed.n_radial,
        "n_angular": packed.n_angular,
        "moment_channels": packed.moment_channels,
        "max_moment": config.max_moment,
        "angle_layers": len(model.angle_blocks),
        "atom_layers": len(model.atom_blocks),
        "exponent": config.exponent,
        "cutoff": repr(float(recipe.cutoff)),
        "line_cutoff": repr(float(recipe.line_cutoff)),
        "angle_limit": repr(float(recipe.line_cutoff) if recipe.compute_line_graph else 0.0),
        "reach": repr(network_reach(model)),
        "repels": int(model.repulsion is not None),
    }


def smooth_numbers(model: AlignnSmooth) -> list[Tensor]:
    """Reference and free-atom energies, ends of the repulsion, bounds of the readout where there are some, weights."""
    elements = list(model.elements)
    free = deepcopy(model).double().free_atoms().detach() * float(model.exact_free_atoms)
    ends = torch.zeros((len(elements), len(elements)), dtype=torch.float64)
    if model.repulsion is not None:
        ends = model.repulsion.ends[elements][:, elements].clamp(max=model.recipe.cutoff)
    wide = deepcopy(model).double().bounds_of_readout()
    bounds = [] if wide is None else [wide]
    return [model.table.reference.double(), free, ends, *bounds, pack(model).values]
