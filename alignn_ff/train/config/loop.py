"""Config fields of the training loop: steps, loss, optimiser, schedule."""

from typing import Annotated, Literal, Self

from ase.data import atomic_numbers
from pydantic import Field, field_validator, model_validator

from alignn_ff.train.choices.criteria import CRITERIA
from alignn_ff.train.choices.optimizers import OPTIMIZERS
from alignn_ff.train.choices.schedules import SCHEDULES
from alignn_ff.train.config.sections import KeyOf, Section


class LoopFields(Section):
    """Training loop."""

    epochs: int = Field(300, ge=1, description="passes over the training data")
    batch_size: int = Field(64, ge=1, description="structures per step")
    accumulation_steps: int = Field(
        1, ge=1, description="batches whose gradients add up to one step, as exactly as in one large batch (ours)"
    )
    learning_rate: float = Field(1e-2, gt=0, le=1e30, description="peak learning rate")
    weight_decay: float = Field(0.0, ge=0, description="weight decay of matrices")
    warmup_steps: int = Field(2000, ge=0, description="steps up to the peak; at most 30 % of all steps are used")
    criterion: Annotated[str, KeyOf(CRITERIA)] = Field(
        "mse",
        description="loss of every target; poisson is for counts, zig for zero-inflated Gaussian targets; huber is "
        "ours; a classification takes the negative log-likelihood, whatever this field is",
    )
    huber_delta: float = Field(
        0.1, gt=0, description="where the Huber loss turns linear, as a fraction of the label's RMS (ours)"
    )
    optimizer: Annotated[str, KeyOf(OPTIMIZERS)] = Field("adamw", description="optimiser")
    scheduler: Annotated[str, KeyOf(SCHEDULES)] = Field(
        "onecycle", description="course of the learning rate; cosine (ours) decays to zero after the warm-up"
    )
    lr_total_epochs: int | None = Field(
        None,
        ge=1,
        description="epochs that the schedule spans, where a run does only a part of them; null: epochs "
        "(published code)",
    )
    late_energy_factor: float = Field(
        1.0, gt=0, description="factor on graphwise_weight in the last 40 % of the steps (ours)"
    )
    ema_decay: float = Field(0.0, ge=0, lt=1, description="decay of the weights' moving average; 0 is off (ours)")
    gradient_clip_norm: float | None = Field(None, gt=0, description="largest gradient norm; null is off (ours)")
    skip_gradient_factor: float | None = Field(
        1000.0,
        gt=1,
        description="a step whose gradient norm is larger than so many times the median of the last 100 steps is left "
        "out, counted and named; null is off (ours)",
    )
    max_gradient_norm: float | None = Field(
        None, gt=0, description="a step whose gradient norm, before clipping, is larger is left out; null is off (ours)"
    )
    n_early_stopping: int | None = Field(None, ge=1, description="stop after so many epochs without improvement")
    standard_scalar_and_pca: bool = Field(
        False, description="train on targets less their mean, divided by their spread, of the training set"
    )
    normalize_graph_level_loss: bool = Field(
        False, description="divide the loss of the structure's target by its number of atoms"
    )
    reference_energies: Literal["least_squares"] | dict[str, float] = Field(
        "least_squares",
        description="energy of each element, eV: fitted, or given for isolated atoms, which are then exact (ours)",
    )

    @field_validator("reference_energies")
    @classmethod
    def _known_symbols(cls, value: str | dict[str, float]) -> str | dict[str, float]:
        unknown = [] if isinstance(value, str) else [s for s in value if s not in atomic_numbers]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is not a chemical symbol")
        return value

    @model_validator(mode="after")
    def _schedule_holds_the_run(self) -> Self:
        if self.lr_total_epochs is not None and self.lr_total_epochs < self.epochs:
            raise ValueError(
                f"lr_total_epochs is {self.lr_total_epochs}, but the run has {self.epochs} epochs: the schedule must "
                "last at least as long"
            )
        return self
