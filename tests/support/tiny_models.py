"""Small models with random weights: all physics, no training."""

import torch

from alignn_ff.checkpoint import Header
from alignn_ff.graph import GraphRecipe
from alignn_ff.loading import DTYPES, Precision
from alignn_ff.models import AlignnSmoothConfig, EnergyModel, ForceFieldConfig, ModelStatistics, build_model
from alignn_ff.potential import Potential

RECIPE = GraphRecipe(cutoff=4.5, three_body_cutoff=3.2)
CONFIG = AlignnSmoothConfig(hidden_features=8, edge_input_features=6, triplet_input_features=5)
ELEMENTS = (1, 8, 14)
PUBLISHED = {
    "atom_input_features": 92,
    "alignn_layers": 1,
    "gcn_layers": 1,
    "edge_input_features": 16,
    "triplet_input_features": 8,
    "embedding_features": 8,
    "hidden_features": 8,
}
"""Fields of a small network of a published family."""


def tiny_header(
    elements: tuple[int, ...] = ELEMENTS,
    *,
    config: AlignnSmoothConfig = CONFIG,
    recipe: GraphRecipe = RECIPE,
    exact_free_atoms: bool = False,
    bounded: bool = False,
) -> Header:
    """Header of a tiny model: reference energies −0.5 eV, −1.0 eV, …, 1.3 eV per unit of output.

    Bounded energies level off so near to zero that many atoms of any structure are beyond the bounds.
    """
    statistics = ModelStatistics(
        reference_energies=tuple(-0.5 * (k + 1) for k in range(len(elements))),
        scale=1.3,
        edges_per_atom=12.0,
        triplets_per_line_node=5.0,
        exact_free_atoms=exact_free_atoms,
        energy_bounds=tuple((-4.0 - k, -0.1, 0.1 * k, 5.0) for k in range(len(elements))) if bounded else (),
    )
    return Header(model=config, graph=recipe, elements=elements, statistics=statistics)


def published_header(config: ForceFieldConfig, recipe: GraphRecipe) -> Header:
    """Header of a network of a published family, of whose statistics only scale and references matter."""
    statistics = ModelStatistics((-0.5, -1.0, -1.5), scale=1.3, edges_per_atom=1.0, triplets_per_line_node=1.0)
    return Header(model=config, graph=recipe, elements=ELEMENTS, statistics=statistics)


def tiny_model(header: Header, *, seed: int = 0) -> EnergyModel:
    """Random weights, doubled so that neighbours matter as much as in a trained model.

    Those of moments keep their size: the energy grows with a high power of them.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_model(header.model, header.graph, header.elements, header.statistics)
    model.requires_grad_(False)
    for name, parameter in model.named_parameters():
        if "moments" not in name and "invariants" not in name:
            parameter.mul_(2.0)
    return model.eval()


def tiny_potential(header: Header | None = None, *, dtype: Precision = "float64", seed: int = 0) -> Potential:
    """A tiny model, loaded on the CPU."""
    header = header or tiny_header()
    device = torch.device("cpu")
    return Potential("tiny", header, tiny_model(header, seed=seed), device=device, dtype=DTYPES[dtype])
