"""The graph recipe: everything that decides which edges and triplets a structure gets."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

NeighborStrategy = Literal[
    "k-nearest", "radius_graph", "radius_graph_jarvis", "fast_graph", "torch_graph", "pure_torch"
]


class GraphRecipe(BaseModel):
    """How atoms become a graph; travels with every checkpoint.

    Every field acts in the same way for every strategy. The published package ignores some fields with some
    strategies; :func:`alignn_ff.graph.published_recipe` translates its configs.
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
        None, ge=1, description="neighbours per atom in a capped graph, k of k-nearest; null: no cap"
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
        description="whether a bond of an atom with its own image is followed by itself (180°); published line graphs "
        "leave this out, except pure_torch",
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
