"""Headers of wider networks of each family, for rounding errors and tables."""

from alignn_ff.models import AlignnAtomwiseConfig, AlignnAtomwisePureConfig, AlignnSmoothConfig, EalignnAtomwiseConfig
from tests.support.layered_headers import RECIPE, header
from tests.support.tiny_models import tiny_header

SIZES = {"hidden_features": 32, "alignn_layers": 3, "gcn_layers": 2}


PUBLISHED = {**SIZES, "atom_input_features": 92, "edge_input_features": 40, "triplet_input_features": 20}


HEADERS = {
    "alignn_smooth": tiny_header(config=AlignnSmoothConfig(**SIZES), exact_free_atoms=True),
    "alignn_atomwise": header(AlignnAtomwiseConfig(**PUBLISHED)),
    "alignn_atomwise, envelope": header(AlignnAtomwiseConfig(**PUBLISHED, use_cutoff_function=True)),
    "alignn_atomwise_pure": header(AlignnAtomwisePureConfig(**PUBLISHED, use_zbl=True)),
    "alignn_atomwise_pure, 12 neighbours": header(
        AlignnAtomwisePureConfig(**PUBLISHED),
        RECIPE.model_copy(update={"neighbor_strategy": "fast_graph", "max_neighbors": 12}),
    ),
    "ealignn_atomwise": header(EalignnAtomwiseConfig(**PUBLISHED, inner_cutoff=3.7)),
}
