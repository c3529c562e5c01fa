"""Config fields of fine-tuning: the model that a run starts from, and data that it continues to learn."""

from typing import Literal, Self

from pydantic import Field, model_validator

from alignn_ff.train.config.sections import Section


class FineTuningFields(Section):
    """Fine-tuning."""

    start_from: str | None = Field(
        None,
        description="model whose weights the run starts from: zoo name, file or folder, also a published one; --from "
        "overrides. Fields of model and graph that the config leaves out are those of that model (ours)",
    )
    start_elements: Literal["keep", "drop"] = Field(
        "keep",
        description="elements of the start model that the data lack: keep, with its training domain; drop: the new "
        "model covers the elements and the domain of the data only (ours)",
    )
    freeze: tuple[str, ...] = Field(
        (), description='names of modules that are not trained, with * and ?, such as "atom_blocks.*" (ours)'
    )
    replay_data: str | None = Field(
        None,
        description="data that the model was trained on before, which are learned further beside the new data (ours)",
    )
    replay_fraction: float = Field(
        0.2, gt=0, lt=1, description="part of each epoch's structures that is drawn from replay_data (ours)"
    )

    @model_validator(mode="after")
    def _replay_needs_a_past(self) -> Self:
        if self.replay_data is not None and self.start_from is None:
            raise ValueError("replay_data keeps what a model has learned before, so start_from (--from) is needed too")
        return self
