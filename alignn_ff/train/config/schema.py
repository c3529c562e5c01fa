"""The schema of a training run: one JSON object, closed, every field documented.

Names, defaults and units follow the reference of the published package. Each section of fields has
a file of its own; here they come together, with the rules that concern several sections.
"""

from typing import Self

from pydantic import Field, model_validator

from alignn_ff.graph import STRATEGIES, GraphRecipe, published_recipe
from alignn_ff.models import FAMILIES, AlignnSmoothConfig, AnyModelConfig
from alignn_ff.train.config.cache import CacheFields
from alignn_ff.train.config.completion import completed
from alignn_ff.train.config.data import DataFields
from alignn_ff.train.config.finetuning import FineTuningFields
from alignn_ff.train.config.floor import FloorFields
from alignn_ff.train.config.graph import GraphFields
from alignn_ff.train.config.loop import LoopFields
from alignn_ff.train.config.outputs import OutputFields
from alignn_ff.train.config.runtime import RuntimeFields
from alignn_ff.train.config.splitting import SplitFields
from alignn_ff.train.config.uncertainty import UncertaintyFields


class TrainingConfig(  # the last base comes first in files
    OutputFields,
    RuntimeFields,
    CacheFields,
    UncertaintyFields,
    FineTuningFields,
    FloorFields,
    LoopFields,
    SplitFields,
    GraphFields,
    DataFields,
):
    """Everything that decides a training run."""

    model: AnyModelConfig = Field(default_factory=AlignnSmoothConfig, description="family and its hyper-parameters")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, content: object) -> object:
        return completed(content) if isinstance(content, dict) else content

    @model_validator(mode="after")
    def _graph_suits_model(self) -> Self:
        allowed = ", ".join(name for name, strategy in STRATEGIES.items() if strategy.smooth)
        if FAMILIES[self.model.name].smooth and not STRATEGIES[self.neighbor_strategy].smooth:
            raise ValueError(
                f"neighbor_strategy is {self.neighbor_strategy!r}, but the energy of {self.model.name} is smooth only "
                f"with all pairs below the cutoff: take {allowed}, or leave the field out"
            )
        if FAMILIES[self.model.name].smooth and self.cutoff_extra > 0:
            raise ValueError(
                f"cutoff_extra is {self.cutoff_extra}, but a cutoff that grows makes the energy jump, which "
                f"{self.model.name} must not: set it to 0, or leave the field out"
            )
        if self.floor_labels == "start" and self.start_from is None:
            raise ValueError("floor_labels is 'start', but the run starts from no model: give start_from (--from)")
        if self.has_floor and self.model.kind != "energy":
            raise ValueError(
                f"floor_structures and floor_data hold energies above a floor, but {self.model.name} predicts a "
                "property here: leave them out"
            )
        if not self.compute_line_graph and self.model.outputs.reads_angles:
            raise ValueError(
                f"compute_line_graph is false, but the layers of {self.model.name} read angles: set it to true, or "
                "model.alignn_layers to 0"
            )
        return self

    @model_validator(mode="after")
    def _steps_can_be_recorded(self) -> Self:
        if not self.record_steps:
            return self
        if not FAMILIES[self.model.name].smooth:
            raise ValueError(
                f"record_steps is true, but the batches of {self.model.name} cannot be padded, since not all of its "
                "sums end smoothly at a cutoff: leave it out"
            )
        if self.accumulation_steps > 1:
            raise ValueError(
                f"record_steps is true, but accumulation_steps is {self.accumulation_steps}: a recorded step has one "
                "batch; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _committee_can_be_trained(self) -> Self:
        if self.ensemble == 1:
            return self
        if self.model.kind != "energy":
            raise ValueError("ensemble is for force fields, but this model predicts a property: set it to 1")
        if self.cross_validation is not None and self.cross_validation.n_folds < 3:
            raise ValueError(
                "cross_validation.n_folds is 2, but a committee needs 3: one fold that no member is trained on, one "
                "that validates, and the rest to train on"
            )
        return self

    @property
    def recipe(self) -> GraphRecipe:
        """The graph recipe of this run: for published families the one that their package makes of the same fields.

        Only images of an atom itself differ: they count like any other neighbour.
        """
        if FAMILIES[self.model.name].published:
            return published_recipe(self.model_dump(), exact=False)
        return GraphRecipe(
            neighbor_strategy=self.neighbor_strategy,
            cutoff=self.cutoff,
            cutoff_extra=self.cutoff_extra,
            three_body_cutoff=self.three_body_cutoff,
            max_neighbors=None if STRATEGIES[self.neighbor_strategy].cap == "none" else self.max_neighbors,
            use_canonize=self.use_canonize,
            compute_line_graph=self.compute_line_graph,
        )
