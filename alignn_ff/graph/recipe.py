"""The graph recipe: everything that decides which edges and triplets a structure gets."""

from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

NeighborStrategy = Literal[
    "k-nearest", "radius_graph", "radius_graph_jarvis", "fast_graph", "torch_graph", "pure_torch"
]


class GraphRecipe(BaseModel):
    """How atoms become a graph; travels with every checkpoint.

    Every field means what it says for every strategy. What the published package makes of its configs, where some
    strategies pass over some fields, is said once, in :func:`alignn_ff.graph.published_recipe`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbor_strategy: NeighborStrategy = Field(
        "radius_graph", description="how neighbours are found; radius_graph keeps all pairs below the cutoff"
    )
    cutoff: float = Field(5.0, gt=0, allow_inf_nan=False, description="longest bond, Å; k-nearest starts with it")
    cutoff_extra: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="steps, Å, in which a radius graph's cutoff grows, to twice at most, while an atom of a periodic "
        "structure has no neighbour; 0: never, as smooth models need",
    )
    three_body_cutoff: float | None = Field(
        None, gt=0, description="longest bond of the line graph (angles), Å; null takes cutoff"
    )
    max_neighbors: int | None = Field(
        None, ge=1, description="neighbours of an atom in a capped graph, k of k-nearest; null: no cap"
    )
    use_canonize: bool = Field(True, description="k-nearest: each edge once; false: as often as its atoms count it")
    compute_line_graph: bool = Field(True, description="whether there are angles at all")
    back_tracking: bool = Field(
        False, description="whether a bond and its own reverse form an angle (of 0°), as in published line graphs"
    )
    own_image_bonds_twice: bool = Field(
        False,
        description="k-nearest with use_canonize: bonds of an atom with its own images are there twice, as published",
    )
    own_image_angles: bool = Field(
        True,
        description="whether a bond of an atom with its own image goes on as itself (180°); published line graphs "
        "leave this out, but for pure_torch",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.three_body_cutoff is not None and self.three_body_cutoff > self.cutoff:
            raise ValueError(f"three_body_cutoff ({self.three_body_cutoff} Å) must not exceed cutoff ({self.cutoff} Å)")
        if self.neighbor_strategy == "k-nearest" and self.max_neighbors is None:
            raise ValueError("k-nearest needs max_neighbors, its k; the published default is 12")
        return self

    @property
    def line_cutoff(self) -> float:
        """Longest edge of the line graph of a complete graph, Å."""
        return self.cutoff if self.three_body_cutoff is None else self.three_body_cutoff


def published_recipe(fields: Mapping[str, object], *, exact: bool = True) -> GraphRecipe:
    """The recipe that the graph fields of a published config stand for.

    Angles also join a bond and its own reverse there, and only some strategies heed ``three_body_cutoff``.

    Args:
        fields: of the config; those that are no graph fields are passed over, those that lack take the
            defaults of the published code (not those of its documentation).
        exact: also count an atom's own images as the published code does, since weights trained with it expect
            that; the energy of a small cell then differs from that of its supercell. False is for new trainings.

    Raises:
        ValidationError: a field makes no sense.
    """
    known = {name: fields.get(name, default) for name, default in PUBLISHED_DEFAULTS.items()}
    keeps_all_angles = known["neighbor_strategy"] in BUILT_WITHOUT_DGL
    if known["neighbor_strategy"] not in HEED_THREE_BODY_CUTOFF:
        known["three_body_cutoff"] = None
    return GraphRecipe.model_validate(
        {
            **known,
            "back_tracking": True,
            "own_image_bonds_twice": exact,
            "own_image_angles": keeps_all_angles or not exact,
        }
    )


PUBLISHED_DEFAULTS: Final[dict[str, object]] = {
    "neighbor_strategy": "k-nearest",
    "cutoff": 5.0,
    "cutoff_extra": 3.0,
    "three_body_cutoff": 3.5,
    "max_neighbors": 12,
    "use_canonize": True,
    "compute_line_graph": True,
}
"""Graph fields of a published config, with what the published code takes where a folder lacks them."""

HEED_THREE_BODY_CUTOFF: Final = frozenset({"pure_torch"})
"""Published strategies whose line graph ends at ``three_body_cutoff``."""

BUILT_WITHOUT_DGL: Final = frozenset({"pure_torch"})
"""Published strategies whose line graph is not made by DGL, which leaves out an edge that follows itself."""
