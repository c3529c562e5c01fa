"""Config fields of the split: which records train, validate and test."""

import secrets
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from alignn_ff.train.config.sections import Section

Ratio = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class CrossValidation(Section):
    """Which part of the data is held out, as one fold of several (ours)."""

    n_folds: int = Field(10, ge=2, description="number of folds (ours)")
    fold: int = Field(0, ge=0, description="the fold held out for validation, from 0 (ours)")
    stratify_by: str | None = Field(
        "config_type", description="key whose groups are spread evenly over the folds (ours)"
    )
    keep_together: str | None = Field(
        None,
        description='"formula", "config_type" or a key: records that share its value are in one fold, as snapshots of '
        "one cell should (ours)",
    )

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.fold >= self.n_folds:
            raise ValueError(f"fold {self.fold} does not exist among {self.n_folds} folds (0 to {self.n_folds - 1})")
        return self


class SplitFields(Section):
    """Splitting."""

    train_ratio: Ratio | None = Field(
        0.8, description="fraction for training, rounded down; null: all that is neither validated nor tested on"
    )
    val_ratio: Ratio = Field(0.1, description="fraction for validation, rounded down: the records before the test set")
    test_ratio: Ratio = Field(0.1, description="fraction for testing, rounded down: the last records")
    n_train: Count | None = Field(None, description="number for training; overrides the ratio")
    n_val: Count | None = Field(None, description="number for validation; overrides the ratio")
    n_test: Count | None = Field(None, description="number for testing; overrides the ratio")
    keep_data_order: bool = Field(True, description="split in the order of the data; false: shuffle by the seed first")
    cross_validation: CrossValidation | None = Field(
        None, description="hold out one fold instead of splitting by ratios or counts (ours)"
    )
    random_seed: int = Field(
        123, ge=0, description="seed of weights, shuffling and splits; null draws one, which config.json then holds"
    )

    @field_validator("random_seed", mode="before")
    @classmethod
    def _draw_a_seed(cls, value: object) -> object:
        return secrets.randbelow(2**31) if value is None else value

    @model_validator(mode="after")
    def _ratios_fit(self) -> Self:
        total = (self.train_ratio or 0.0) + self.val_ratio + self.test_ratio
        if total > 1 + 1e-9:
            raise ValueError(f"train_ratio + val_ratio + test_ratio is {total:g}, which is more than 1")
        return self
