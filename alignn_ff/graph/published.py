"""Which graphs the published package builds from the fields of its configs."""

from collections.abc import Mapping
from typing import Final

from alignn_ff.graph.recipe import GraphRecipe


def published_recipe(fields: Mapping[str, object], *, exact: bool = True) -> GraphRecipe:
    """The recipe that the graph fields of a published config stand for.

    Angles also join a bond and its own reverse there, and only some strategies read ``three_body_cutoff``.

    Args:
        fields: of the config; fields that are not about graphs are ignored, missing ones take the defaults of the
            published code (not those of its documentation).
        exact: also count an atom's own images as the published code does, since weights were trained with that; the
            energy of a small cell then differs from that of its supercell. False is for new trainings.

    Raises:
        ValidationError: a field is not valid.
    """
    known = {name: fields.get(name, default) for name, default in GRAPH_DEFAULTS.items()}
    keeps_all_angles = known["neighbor_strategy"] in BUILT_WITHOUT_DGL
    if known["neighbor_strategy"] not in READ_THREE_BODY_CUTOFF:
        known["three_body_cutoff"] = None
    return GraphRecipe.model_validate(
        {
            **known,
            "back_tracking": True,
            "own_image_bonds_twice": exact,
            "own_image_angles": keeps_all_angles or not exact,
        }
    )


GRAPH_DEFAULTS: Final[dict[str, object]] = {
    "neighbor_strategy": "k-nearest",
    "cutoff": 5.0,
    "cutoff_extra": 3.0,
    "three_body_cutoff": 3.5,
    "max_neighbors": 12,
    "use_canonize": True,
    "compute_line_graph": True,
}
"""Graph fields of a published config, with what the published code takes where a folder lacks them."""

READ_THREE_BODY_CUTOFF: Final = frozenset({"pure_torch"})
"""Published strategies whose line graph ends at ``three_body_cutoff``."""

BUILT_WITHOUT_DGL: Final = frozenset({"pure_torch"})
"""Published strategies whose line graph is not made by DGL, which leaves out an edge that follows itself."""
