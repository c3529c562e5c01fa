"""What must agree between config, model and records before the first step, so that no shape error follows later."""

import logging

import numpy as np

from alignn_ff.errors import ConfigError, DataError
from alignn_ff.models import ModelConfig
from alignn_ff.nn import summation_refusal
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.labels import LABELS, properties
from alignn_ff.train.records.doubtful import zero_sentences
from alignn_ff.train.records.properties import Moments
from alignn_ff.train.records.statistics import TrainingSetSummary
from alignn_ff.train.records.targets import LabelShapes

log = logging.getLogger(__name__)


def check_choices(config: TrainingConfig) -> None:
    """Refuse choices of the loop that do not fit the model.

    Raises:
        ConfigError: what to change.
    """
    model, outputs = config.model, config.model.outputs
    is_property, link = outputs.kind == "property", outputs.link
    likelihood = "classification" if outputs.classifies else "zero_inflated" if outputs.zero_inflated else None
    lacking = summation_refusal("scatter") if config.kernels == "scatter" else None
    if lacking is not None:
        raise ConfigError(f"kernels is 'scatter', and {lacking}; or set it to auto")
    if config.kernels == "triton" and model.name != "alignn_smooth":
        raise ConfigError(
            f"kernels is 'triton', and those are for alignn_smooth, not for an {model.name}; set it to auto"
        )
    if config.use_amp and model.kind == "energy":
        raise ConfigError(
            "use_amp is true, but a force field is differentiated for its forces, and training on them differentiates "
            "twice: bf16 has 8 significant bits, so the result would be mostly noise. Set it to false; property models "
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
    warn_of_missing_forces(model)


def warn_of_missing_forces(model: ModelConfig) -> None:
    """Warn where a config has a weight of forces that its other fields switch off."""
    if model.kind == "property" and model.outputs.asks_for_forces:
        log.warning(
            "gradwise_weight is not 0, but forces are off: they need one output with link identity, "
            "energy_mult_natoms, and neither classification, zero_inflated nor extra_features"
        )


def warn_of_equal_neighbours(model: ModelConfig, found: TrainingSetSummary) -> None:
    """Warn where all structures are of one element each, where the published families give constant energies."""
    mixed = (found.composition > 0).sum(axis=1) > 1
    if model.outputs.averages_neighbours and not mixed.any():
        log.warning(
            "every training structure is of one element, and %s then gives each atom the same energy wherever its "
            "neighbours are: it takes an average over neighbours, and they are all alike. Forces stay zero. Take "
            "alignn_smooth, which sums over neighbours",
            model.name,
        )


def label_advice(config: TrainingConfig, found: TrainingSetSummary) -> list[str]:
    """Sentences about training labels from which little can be learned."""
    n_records = len(found.energies)
    sentences = zero_sentences(found.zero, f"of {n_records} training records")
    if n_records == 1:
        return [*sentences, "there is one training record: the model can only learn it by heart"]
    if config.model.kind == "energy":
        per_atom = found.energies / found.n_atoms
        n_lacking = int(np.isnan(per_atom).sum())
        if n_lacking:
            sentences.append(f"{n_lacking} of {n_records} training records have no energy")
        if n_records - n_lacking > 1 and np.ptp(per_atom[np.isfinite(per_atom)]) == 0.0:
            sentences.append("the energy per atom is the same in all training records: nothing can be learned from it")
        return sentences
    for kind, moments in found.properties.items():
        if moments.spread == 0.0 and LABELS[kind].weight(config.model) > 0:
            what = "class" if config.model.outputs.classifies and kind == "target" else kind
            sentences.append(
                f"the {what} of all training records is {moments.mean.tolist()}: nothing can be learned from it"
            )
    return sentences


def check_labels(config: TrainingConfig, found: TrainingSetSummary, shapes: LabelShapes) -> None:
    """Refuse labels that are missing, not as wide as the outputs, or do not fit the criterion.

    Args:
        config: of the run.
        found: on the training set.
        shapes: of the labels of all records.

    Raises:
        ConfigError, DataError: a label is missing or does not fit.
    """
    there = {
        "energy": bool(np.isfinite(found.energies).any()),
        "forces": found.forces is not None,
        "stress": found.stress is not None,
    }
    for kind, label in LABELS.items():
        weight = label.weight(config.model)
        if weight > 0 and not there.get(kind, kind in found.properties):
            raise ConfigError(
                f"model.{label.weight_field} is {weight}, but no training record has that label ({kind}); "
                f"give the label, or set the weight to 0: --set model.{label.weight_field}=0"
            )
    _check_widths(config.model, shapes)
    if config.model.kind == "property":
        _check_values(config, found.properties["target"])


def _check_widths(model: ModelConfig, shapes: LabelShapes) -> None:
    outputs = model.outputs
    for kind in properties():
        label, (given,) = LABELS[kind], shapes[kind].row
        wanted = label.width(model)
        if given and wanted and given != wanted:
            raise ConfigError(
                f"the {kind} of a record has {given} numbers, but the model has {wanted} outputs; "
                f"set model.{label.width_field} to {given}"
            )
    if outputs.classifies and outputs.n_classes < 2:
        raise ConfigError(
            "a classification with extra_features takes its number of classes from model.output_features; set it to 2"
        )


def _check_values(config: TrainingConfig, targets: Moments) -> None:
    n_classes = config.model.outputs.n_classes
    if config.model.outputs.classifies and not 0 <= targets.highest <= n_classes - 1:
        raise DataError(
            f"the model has {n_classes} classes, numbered 0 to {n_classes - 1}, but a target is {targets.highest:g}; "
            "set model.num_classes (family alignn), or make two classes by classification_threshold"
        )
    if config.criterion == "poisson" and targets.lowest < 0:
        raise DataError(f"criterion poisson is for counts, but a target is {targets.lowest:g}; take mse or l1")
