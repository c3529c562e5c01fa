"""Headers of one small network of each published family."""

from alignn_ff.checkpoint import Header
from alignn_ff.graph import GraphRecipe
from alignn_ff.models import (
    AlignnAtomwiseConfig,
    AlignnAtomwisePureConfig,
    EalignnAtomwiseConfig,
    ForceFieldConfig,
)
from tests.support.tiny_models import PUBLISHED, published_header

RECIPE = GraphRecipe(cutoff=4.5, back_tracking=True)


SMALL = PUBLISHED


def header(config: ForceFieldConfig, recipe: GraphRecipe = RECIPE) -> Header:
    return published_header(config, recipe)


HEADERS = {
    "atomwise": header(AlignnAtomwiseConfig(**SMALL)),
    "atomwise, envelope": header(AlignnAtomwiseConfig(**SMALL, use_cutoff_function=True, multiply_cutoff=True)),
    "pure, ZBL": header(AlignnAtomwisePureConfig(**SMALL, use_zbl=True, zbl_cutoff=2.0)),
    "pure, node attention": header(AlignnAtomwisePureConfig(**SMALL, conv_type="n_alignn", num_heads=2)),
    "pure, self-attention": header(AlignnAtomwisePureConfig(**SMALL, conv_type="t_alignn", num_heads=2)),
    "ealignn": header(EalignnAtomwiseConfig(**SMALL)),
}
