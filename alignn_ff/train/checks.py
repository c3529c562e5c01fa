"""What must agree between config, model and records before the first step; said here, not by a shape error later."""

from collections.abc import Sequence

import numpy as np

from alignn_ff.errors import ConfigError, DataError
from alignn_ff.log import get_logger
from alignn_ff.models import ModelConfig
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.loss import loss_weights
from alignn_ff.train.parts import PARTS
from alignn_ff.train.records import Record
from alignn_ff.train.targets import LabelWidths

log = get_logger("train")


def check_choices(config: TrainingConfig) -> None:
    """Choices of the loop that this model cannot follow.

    Raises:
        ConfigError: what to change.
    """
    model, is_property = config.model, config.model.kind == "property"
    likelihood = next((f for f in ("classification", "zero_inflated") if getattr(model, f, False)), None)
    link = getattr(model, "link", "identity")
    if config.use_amp and model.kind == "energy":
        raise ConfigError(
            "use_amp is true, but this run differentiates forces: bf16 has 8 significant bits, and the derivatives of "
            "derivatives that training on forces takes would be mostly noise. Set it to false; energies and property "
            "models alone can take it"
        )
    if config.criterion == "poisson" and not (is_property and link == "log"):
        raise ConfigError(
            "criterion is poisson, whose predictions are rates of counts and so positive: give a property model the "
            'link "log" (model.link), or take another criterion'
        )
    if config.standard_scalar_and_pca and is_property and (likelihood or link != "identity"):
        raise ConfigError(
            f"standard_scalar_and_pca scales numbers that may have any sign, not what model.{likelihood or 'link'} "
            "makes of them: leave one of the two out"
        )
    if config.standard_scalar_and_pca and not is_property:
        log.warning(
            "standard_scalar_and_pca changes nothing here: a force field has reference energies and a scale of its own"
        )
    mention_missing_forces(model)


def mention_missing_forces(model: ModelConfig) -> None:
    """Say it where a config asks for forces that its other fields rule out."""
    wanted = getattr(model, "calculate_gradient", False) and getattr(model, "gradwise_weight", 0) > 0
    if model.kind == "property" and wanted:
        log.warning(
            "gradwise_weight is %g, but forces are off: they need one output with link identity, energy_mult_natoms, "
            "and neither classification, zero_inflated nor extra_features",
            getattr(model, "gradwise_weight", 0.0),
        )


def check_labels(config: TrainingConfig, training: Sequence[Record], widths: LabelWidths) -> None:
    """Labels that the loss asks for are there, as wide as the outputs, and make sense for the criterion.

    Raises:
        ConfigError, DataError: what is missing or does not fit.
    """
    for part, weight in zip(PARTS, loss_weights(config.model), strict=True):
        if weight > 0 and all(getattr(record, part.name) is None for record in training):
            raise ConfigError(
                f"model.{part.weight} is {weight}, but no training record has that label ({part.name}); "
                "give the label, or set the weight to 0"
            )
    _check_widths(config.model, widths)
    if config.model.kind == "property":
        _check_values(config, training)


def _check_widths(model: ModelConfig, widths: LabelWidths) -> None:
    classifies = getattr(model, "classification", False)
    said = {
        "target": ("output_features", 1 if classifies else getattr(model, "output_features", 0)),
        "atomwise": ("atomwise_output_features", getattr(model, "atomwise_output_features", 0)),
        "additional": ("additional_output_features", getattr(model, "additional_output_features", 0)),
    }
    if model.kind != "property":
        said.pop("target")
    for kind, (field, wanted) in said.items():
        given = getattr(widths, kind)
        if given and wanted and given != wanted:
            raise ConfigError(
                f"the {kind} of a record has {given} numbers, but the model says {wanted}; set model.{field} to {given}"
            )
    if classifies and getattr(model, "n_classes", 2) > 1 and getattr(model, "n_outputs", 2) < 2:
        raise ConfigError(
            "a classification with extra_features takes its number of classes from model.output_features; set it to 2"
        )


def _check_values(config: TrainingConfig, training: Sequence[Record]) -> None:
    values = np.concatenate([record.target for record in training if record.target is not None] or [np.zeros(0)])
    if getattr(config.model, "classification", False):
        n_classes = max(getattr(config.model, "n_outputs", 2), 2)
        wrong = sorted({float(v) for v in values if v not in range(n_classes)})
        if wrong:
            raise DataError(
                f"targets of a classification are the numbers of {n_classes} classes, 0 to {n_classes - 1}, but some "
                f"are {', '.join(f'{v:g}' for v in wrong[:5])}; classification_threshold makes classes of numbers"
            )
    if config.criterion == "poisson" and (values < 0).any():
        raise DataError(f"criterion poisson is for counts, but a target is {values.min():g}; take mse or l1")
