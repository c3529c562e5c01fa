"""Headers of published networks with every number of layers, graph and envelope that is executed in its own way."""

from alignn_ff.checkpoint import Header
from alignn_ff.graph import GraphRecipe
from alignn_ff.models import (
    AlignnAtomwiseConfig,
    AlignnAtomwisePureConfig,
    EalignnAtomwiseConfig,
    ForceFieldConfig,
)
from tests.support.tiny_models import PUBLISHED, published_header

RECIPE = GraphRecipe(cutoff=4.5, three_body_cutoff=3.2, back_tracking=True)


WHOLE = GraphRecipe(cutoff=4.5, back_tracking=True)


SMALL = {**PUBLISHED, "alignn_layers": 2, "hidden_features": 16}


def header(config: ForceFieldConfig, recipe: GraphRecipe = RECIPE) -> Header:
    return published_header(config, recipe)


def layers(n_angle: int, n_bond: int, **changes: object) -> AlignnAtomwiseConfig:
    return AlignnAtomwiseConfig(**{**SMALL, "alignn_layers": n_angle, "gcn_layers": n_bond, **changes})


HEADERS = {
    **{f"{a} + {b} layers": header(layers(a, b), WHOLE if b == 1 else RECIPE) for a in range(5) for b in range(3)},
    "no line graph": header(layers(2, 1), RECIPE.model_copy(update={"compute_line_graph": False})),
    "no back-tracking": header(layers(3, 1), RECIPE.model_copy(update={"back_tracking": False})),
    "12 neighbours": header(layers(3, 1), GraphRecipe(neighbor_strategy="fast_graph", cutoff=4.5, max_neighbors=12)),
    "whole shells": header(layers(2, 1), GraphRecipe(neighbor_strategy="k-nearest", cutoff=4.0, max_neighbors=6)),
    "envelope on lengths": header(layers(2, 1, use_cutoff_function=True)),
    "envelope on embeddings": header(layers(2, 1, use_cutoff_function=True, multiply_cutoff=True)),
    "published envelope": header(layers(2, 1, use_cutoff_function=True, envelope="published")),
    "no penalty": header(layers(2, 1, use_penalty=False)),
    "ZBL": header(AlignnAtomwisePureConfig(**SMALL, use_zbl=True, zbl_cutoff=2.0)),
    "ealignn": header(EalignnAtomwiseConfig(**SMALL, inner_cutoff=3.7)),
    "wide": header(layers(3, 1, hidden_features=64)),
}  # fmt: skip
