"""Config fields of the graph: from atoms to bonds and angles."""

from typing import Self

from pydantic import Field, model_validator

from alignn_ff.elements import FeatureScheme
from alignn_ff.graph import NeighborStrategy
from alignn_ff.train.config.sections import Section


class GraphFields(Section):
    """Atoms → graph."""

    atom_features: FeatureScheme = Field(
        "cgcnn", description="element features of the published families; alignn_smooth learns its own"
    )
    neighbor_strategy: NeighborStrategy = Field(
        "k-nearest",
        description="how neighbours are found; alignn_smooth needs radius_graph, which is its default",
    )
    cutoff: float = Field(8.0, gt=0, description="longest bond, Å; where the search of k-nearest begins")
    cutoff_extra: float = Field(
        3.0,
        ge=0,
        description="step, Å, by which a radius graph's cutoff grows, to twice at most, for periodic structures with a "
        "neighbourless atom; alignn_smooth needs 0, which is its default",
    )
    three_body_cutoff: float | None = Field(
        None,
        gt=0,
        description="longest bond of the line graph, Å, of alignn_smooth and of pure_torch; null: all bonds",
    )
    max_neighbors: int | None = Field(
        12,
        ge=1,
        description="nearest neighbours that each atom keeps in fast_graph, torch_graph and pure_torch (null: all), "
        "and k of k-nearest; a radius_graph keeps all",
    )
    use_canonize: bool = Field(True, description="k-nearest: each edge once; false: twice, mostly, as published")
    compute_line_graph: bool = Field(True, description="build the line graph; false only where alignn_layers is 0")

    @model_validator(mode="after")
    def _cutoffs_agree(self) -> Self:
        if self.three_body_cutoff is not None and self.three_body_cutoff > self.cutoff:
            raise ValueError(f"three_body_cutoff ({self.three_body_cutoff} Å) must not exceed cutoff ({self.cutoff} Å)")
        if self.neighbor_strategy == "k-nearest" and self.max_neighbors is None:
            raise ValueError("k-nearest needs max_neighbors, its k; the default is 12")
        return self
