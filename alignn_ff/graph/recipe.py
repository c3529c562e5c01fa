"""The graph recipe: everything that decides which edges and triplets a structure gets."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

NeighborStrategy = Literal["radius_graph"]


class GraphRecipe(BaseModel):
    """How atoms become a graph; travels with every checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    neighbor_strategy: NeighborStrategy = Field(
        "radius_graph", description="how neighbours are found; radius_graph keeps all pairs below the cutoff"
    )
    cutoff: float = Field(5.0, gt=0, allow_inf_nan=False, description="longest bond, Å")
    three_body_cutoff: float | None = Field(
        None, gt=0, description="longest bond of the line graph (angles), Å; null takes cutoff"
    )

    @model_validator(mode="after")
    def _three_body_within_cutoff(self) -> Self:
        if self.three_body_cutoff is not None and self.three_body_cutoff > self.cutoff:
            raise ValueError(f"three_body_cutoff ({self.three_body_cutoff} Å) must not exceed cutoff ({self.cutoff} Å)")
        return self

    @property
    def line_cutoff(self) -> float:
        """Longest edge of the line graph, Å."""
        return self.cutoff if self.three_body_cutoff is None else self.three_body_cutoff
