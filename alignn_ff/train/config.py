"""The schema of a training run: one JSON file, closed, every field documented.

Field names, defaults and units follow the published package; fields marked "ours" are additions.
"""

import difflib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from ase.data import atomic_numbers
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from alignn_ff.elements import SCHEME_WIDTHS, FeatureScheme
from alignn_ff.errors import ConfigError
from alignn_ff.graph import STRATEGIES, GraphRecipe, NeighborStrategy, published_recipe
from alignn_ff.models import FAMILIES, AlignnSmoothConfig, ModelConfig

Ratio = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class CrossValidation(BaseModel):
    """Which part of the data is held out, as one fold of several (ours)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_folds: int = Field(10, ge=2, description="number of folds")
    fold: int = Field(0, ge=0, description="the fold held out for validation, from 0")
    stratify_by: str | None = Field("config_type", description="key whose groups are spread evenly over the folds")

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.fold >= self.n_folds:
            raise ValueError(f"fold {self.fold} does not exist among {self.n_folds} folds (0 to {self.n_folds - 1})")
        return self


class TrainingConfig(BaseModel):
    """Everything that decides a training run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Literal["user_data"] = Field("user_data", description="where records come from")
    data: str | None = Field(None, description="extended XYZ file of the records; --data overrides (ours)")

    atom_features: FeatureScheme = Field(
        "cgcnn", description="element features of the published families; alignn_smooth learns its own"
    )
    neighbor_strategy: NeighborStrategy = Field(
        "k-nearest",
        description="how neighbours are found; alignn_smooth needs radius_graph, and takes it where nothing is said",
    )
    cutoff: float = Field(8.0, gt=0, description="longest bond, Å; where k-nearest begins to search")
    cutoff_extra: float = Field(
        3.0,
        ge=0,
        description="step, Å, by which a radius graph's cutoff grows, to twice at most, for periodic structures with a "
        "neighbourless atom; alignn_smooth needs 0, and takes it where nothing is said",
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

    train_ratio: Ratio = Field(0.8, description="fraction for training, where counts are not set")
    val_ratio: Ratio = Field(0.1, description="fraction for validation")
    test_ratio: Ratio = Field(0.1, description="fraction for testing")
    n_train: Count | None = Field(None, description="number for training; overrides the ratio")
    n_val: Count | None = Field(None, description="number for validation; overrides the ratio")
    n_test: Count | None = Field(None, description="number for testing; overrides the ratio")
    keep_data_order: bool = Field(True, description="split in the order of the file, without shuffling")
    cross_validation: CrossValidation | None = Field(
        None, description="hold out one fold instead of splitting by ratios or counts (ours)"
    )
    random_seed: int = Field(123, ge=0, description="seed of weights, shuffling and splits")

    epochs: int = Field(300, ge=1, description="passes over the training data")
    batch_size: int = Field(64, ge=1, description="structures a step")
    learning_rate: float = Field(1e-2, gt=0, description="peak learning rate")
    weight_decay: float = Field(0.0, ge=0, description="weight decay of matrices")
    warmup_steps: int = Field(2000, ge=0, description="steps up to the peak; at most 30 % of all steps are used")
    criterion: Literal["mse", "l1", "huber"] = Field("mse", description="loss of every target; huber is ours")
    huber_delta: float = Field(
        0.1, gt=0, description="where the Huber loss turns linear, as a fraction of the label's RMS (ours)"
    )
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="how gradients become steps")
    scheduler: Literal["onecycle", "cosine", "none"] = Field(
        "onecycle", description="course of the learning rate; cosine (ours) decays to zero after the warm-up"
    )
    late_energy_factor: float = Field(
        1.0, gt=0, description="factor on graphwise_weight in the last 40 % of the steps (ours)"
    )
    ema_decay: float = Field(0.0, ge=0, lt=1, description="decay of the weights' moving average; 0 is off (ours)")
    gradient_clip_norm: float | None = Field(None, gt=0, description="largest gradient norm; null is off (ours)")
    n_early_stopping: int | None = Field(None, ge=1, description="stop after so many epochs without improvement")
    reference_energies: Literal["least_squares"] | dict[str, float] = Field(
        "least_squares",
        description="energy of each element, eV: fitted, or given for isolated atoms, which are then exact (ours)",
    )

    dtype: Literal["float32", "float64"] = Field("float32", description="precision of the network")
    kernels: Literal["auto", "native", "torch"] = Field(
        "auto", description="on the CPU: compiled ones for all but short runs (auto), always, or never (ours)"
    )
    output_dir: str = Field(".", description="where models, logs and predictions are written")
    write_checkpoint: bool = Field(True, description="save best_model.pt and current_model.pt")
    checkpoint_minutes: float = Field(5.0, gt=0, description="longest time between two training states (ours)")
    write_predictions: bool = Field(True, description="write predictions, metrics and plots at the end")
    progress: bool = Field(True, description="show a progress bar")

    model: ModelConfig = Field(default_factory=AlignnSmoothConfig, description="family and its hyper-parameters")

    @field_validator("reference_energies")
    @classmethod
    def _known_symbols(cls, value: str | dict[str, float]) -> str | dict[str, float]:
        unknown = [] if isinstance(value, str) else [s for s in value if s not in atomic_numbers]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no chemical symbol")
        return value

    @model_validator(mode="before")
    @classmethod
    def _complete_for_family(cls, content: object) -> object:
        """A model without name is an alignn_smooth; what a smooth family needs stands for what is left out."""
        if not isinstance(content, dict):
            return content
        model = content.get("model", {})
        if isinstance(model, dict):
            model = {"name": "alignn_smooth", **model}
            content = {**content, "model": model}
        name = model["name"] if isinstance(model, dict) else getattr(model, "name", None)
        smooth = isinstance(name, str) and name in FAMILIES and FAMILIES[name].smooth
        return {**SMOOTH_DEFAULTS, **content} if smooth else content

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
        if self.neighbor_strategy == "k-nearest" and self.max_neighbors is None:
            raise ValueError("k-nearest needs max_neighbors, its k; the default is 12")
        if not self.compute_line_graph and self.model.alignn_layers > 0:
            raise ValueError(
                f"compute_line_graph is false, but model.alignn_layers is {self.model.alignn_layers}, and these layers "
                "need angles: set one of them to match the other (true, or 0)"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _features_suit_model(cls, content: object) -> object:
        """A model that does not say how wide its element features are takes those of ``atom_features``."""
        model = content.get("model") if isinstance(content, dict) else None
        if not isinstance(content, dict) or not isinstance(model, dict) or model.get("name") not in FAMILIES:
            return content
        scheme = content.get("atom_features", "cgcnn")
        if scheme not in SCHEME_WIDTHS or "atom_input_features" not in FAMILIES[model["name"]].config.model_fields:
            return content
        given = model.get("atom_input_features", SCHEME_WIDTHS[scheme])
        if given != SCHEME_WIDTHS[scheme]:
            raise ValueError(
                f"model.atom_input_features is {given}, but atom_features {scheme!r} has {SCHEME_WIDTHS[scheme]} "
                "numbers an element: leave the one out, or change the other"
            )
        return {**content, "model": {**model, "atom_input_features": given}}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.three_body_cutoff is not None and self.three_body_cutoff > self.cutoff:
            raise ValueError(f"three_body_cutoff ({self.three_body_cutoff} Å) must not exceed cutoff ({self.cutoff} Å)")
        total = self.train_ratio + self.val_ratio + self.test_ratio
        if total > 1 + 1e-9:
            raise ValueError(f"train_ratio + val_ratio + test_ratio is {total:g}, which is more than 1")
        return self

    @property
    def recipe(self) -> GraphRecipe:
        """The graph recipe of this run: for published families what their package makes of the same fields.

        But for own images of an atom, which count as any other neighbour.
        """
        if not FAMILIES[self.model.name].smooth:
            return published_recipe(self.model_dump(), exact=False)
        return GraphRecipe(
            neighbor_strategy=self.neighbor_strategy,
            cutoff=self.cutoff,
            three_body_cutoff=self.three_body_cutoff,
            compute_line_graph=self.compute_line_graph,
        )


SMOOTH_DEFAULTS: Final[dict[str, object]] = {"neighbor_strategy": "radius_graph", "cutoff_extra": 0.0}
"""What smooth families need, where the published defaults differ."""


def load_config(path: Path) -> TrainingConfig:
    """Read and check a JSON config.

    Raises:
        ConfigError: the file is missing, empty, no JSON, or a field is unknown or out of range; all
            problems are listed at once.
    """
    if not path.is_file():
        raise ConfigError(f"no such config file: {path}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file; a training config is JSON") from error
    if not text.strip():
        raise ConfigError(f"the config file {path} is empty; the smallest one is {{}}")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold one JSON object {{…}}, but holds a {type(content).__name__}")
    return validate_config(content, source=str(path))


def validate_config(content: dict[str, Any], *, source: str = "config") -> TrainingConfig:
    """Check a config given as a dictionary.

    Raises:
        ConfigError: listing every problem.
    """
    try:
        return TrainingConfig.model_validate(content)
    except ValidationError as error:
        problems = "\n".join(f"  - {_explain(item)}" for item in error.errors())
        raise ConfigError(f"{source} is not valid:\n{problems}") from error


def _explain(problem: Any) -> str:
    location = [part for k, part in enumerate(problem["loc"]) if k == 0 or part not in FAMILIES]
    where = ".".join(str(part) for part in location) or "config"
    if problem["type"] == "extra_forbidden":
        owner = _fields_at(problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), owner, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known fields: {', '.join(sorted(owner))}"
        return f"unknown field {where!r}; {hint}"
    given = "" if isinstance(problem["input"], dict) else f" (given: {problem['input']!r})"
    return f"{where}: {str(problem['msg']).removeprefix('Value error, ')}{given}"


def _fields_at(location: Iterable[str | int]) -> list[str]:
    """Known fields of the section that a location in the config names; a family's section is named by the family."""
    sections: dict[str, type[BaseModel]] = {"model": AlignnSmoothConfig, "cross_validation": CrossValidation}
    sections |= {name: family.config for name, family in FAMILIES.items()}
    named = [sections[str(part)] for part in location if str(part) in sections]
    return list((named[-1] if named else TrainingConfig).model_fields)
