"""What must agree between config, model and records before the first step; said here, not by a shape error later."""

import numpy as np

from alignn_ff.errors import ConfigError, DataError
from alignn_ff.log import get_logger
from alignn_ff.models import ModelConfig
from alignn_ff.nn import summation_refusal
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.loss.loss import loss_weights
from alignn_ff.train.loss.parts import PARTS
from alignn_ff.train.records.properties import Moments
from alignn_ff.train.records.statistics import Survey
from alignn_ff.train.records.targets import LabelWidths

log = get_logger("train")


def check_choices(config: TrainingConfig) -> None:
    """Choices of the loop that this model cannot follow.

    Raises:
        ConfigError: what to change.
    """
    model, outputs = config.model, config.model.outputs
    is_property, link = outputs.kind == "property", outputs.link
    likelihood = "classification" if outputs.classifies else "zero_inflated" if outputs.zero_inflated else None
    lacking = summation_refusal("scatter") if config.kernels == "scatter" else None
    if lacking is not None:
        raise ConfigError(f"kernels is 'scatter', and {lacking}; or set it to auto")
    if config.use_amp and model.kind == "energy":
        raise ConfigError(
            "use_amp is true, but a force field is differentiated for its forces, and training on them differentiates "
            "twice: bf16 has 8 significant bits, and little but noise would be left. Set it to false; property models "
            "can take it"
        )
    if config.criterion == "poisson" and is_property and not likelihood and link != "log":
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
    if model.kind == "property" and model.outputs.asks_for_forces:
        log.warning(
            "gradwise_weight is not 0, but forces are off: they need one output with link identity, "
            "energy_mult_natoms, and neither classification, zero_inflated nor extra_features"
        )


def mention_alike_neighbors(model: ModelConfig, found: Survey) -> None:
    """Say it where all structures are of one element each, which the published families cannot tell apart."""
    mixed = (found.composition > 0).sum(axis=1) > 1
    if model.outputs.averages_neighbours and not mixed.any():
        log.warning(
            "every training structure is of one element, and %s then gives each atom the same energy wherever its "
            "neighbours are: it takes an average over neighbours, and they are all alike. Forces stay zero. Take "
            "alignn_smooth, which sums over neighbours",
            model.name,
        )


def check_labels(config: TrainingConfig, found: Survey, widths: LabelWidths) -> None:
    """Labels that the loss asks for are there, as wide as the outputs, and make sense for the criterion.

    Args:
        config: of the run.
        found: on the training set.
        widths: of the properties.

    Raises:
        ConfigError, DataError: what is missing or does not fit.
    """
    there = {
        "energy": bool(np.isfinite(found.energies).any()),
        "forces": found.forces is not None,
        "stress": found.stress is not None,
    }
    for part, weight in zip(PARTS, loss_weights(config.model), strict=True):
        if weight > 0 and not there.get(part.name, part.name in found.properties):
            raise ConfigError(
                f"model.{part.weight} is {weight}, but no training record has that label ({part.name}); "
                "give the label, or set the weight to 0"
            )
    _check_widths(config.model, widths)
    if config.model.kind == "property":
        _check_values(config, found.properties["target"])


def _check_widths(model: ModelConfig, widths: LabelWidths) -> None:
    outputs = model.outputs
    said = {
        "target": ("output_features", outputs.n_target),
        "atomwise": ("atomwise_output_features", outputs.n_atomwise),
        "additional": ("additional_output_features", outputs.n_additional),
    }
    for kind, (field, wanted) in said.items():
        given = getattr(widths, kind)
        if given and wanted and given != wanted:
            raise ConfigError(
                f"the {kind} of a record has {given} numbers, but the model says {wanted}; set model.{field} to {given}"
            )
    if outputs.classifies and outputs.n_classes < 2:
        raise ConfigError(
            "a classification with extra_features takes its number of classes from model.output_features; set it to 2"
        )


def _check_values(config: TrainingConfig, targets: Moments) -> None:
    n_classes = config.model.outputs.n_classes
    if config.model.outputs.classifies and not 0 <= targets.highest <= n_classes - 1:
        raise DataError(
            f"the model tells {n_classes} classes, numbered 0 to {n_classes - 1}, but a target is {targets.highest:g}; "
            "set model.num_classes (family alignn), or make two classes by classification_threshold"
        )
    if config.criterion == "poisson" and targets.lowest < 0:
        raise DataError(f"criterion poisson is for counts, but a target is {targets.lowest:g}; take mse or l1")
