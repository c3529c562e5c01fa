"""Effects of a config that a user may not expect: logged once, before anything is trained.

Each rule is a condition and a sentence. Contradictions are errors of the schema instead.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from alignn_ff.models import AlignnSmoothConfig
from alignn_ff.models.published_config import ArchitectureConfig, AtomwiseConfig
from alignn_ff.train.config.schema import TrainingConfig


class Rule(NamedTuple):
    """One effect.

    Attributes:
        applies: whether a config has this effect.
        sentence: the warning, with fields of the config and of ``model`` filled in.
    """

    applies: Callable[[TrainingConfig], bool]
    sentence: str


def _forces_are_switched_off(config: TrainingConfig) -> bool:
    model = config.model
    return isinstance(model, AtomwiseConfig) and model.calculate_gradient and model.gradwise_weight == 0


def _only_energies(config: TrainingConfig) -> bool:
    return isinstance(config.model, AlignnSmoothConfig) and config.model.gradwise_weight == 0


def _set_to_false(config: TrainingConfig, name: str) -> bool:
    model = config.model
    used = isinstance(model, AtomwiseConfig) and name not in model.IGNORED
    return used and getattr(model, name) is False


def _weight_without_output(config: TrainingConfig, weight: str, width: str) -> bool:
    return getattr(config.model, weight, 0) > 0 and getattr(config.model, width) == 0


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        _forces_are_switched_off,
        "model.gradwise_weight is 0: forces are off, as if model.calculate_gradient were false",
    ),
    Rule(
        _only_energies,
        "model.gradwise_weight is 0: forces are not trained, but follow from the energy",
    ),
    Rule(
        lambda config: config.model.kind == "property" and getattr(config.model, "stresswise_weight", 0) > 0,
        "model.stresswise_weight is {model.stresswise_weight}, but this model has no forces, so no stress either",
    ),
    Rule(
        lambda config: config.model.kind == "energy" and _set_to_false(config, "lg_on_fly"),
        "model.lg_on_fly is false: training forces leave out the change of bond angles, and are not the slope of the "
        "energy; leave it true for force fields",
    ),
    Rule(
        lambda config: _set_to_false(config, "batch_stress") and getattr(config.model, "stresswise_weight", 0) > 0,
        "model.batch_stress is false: one stress is trained for a whole batch of {batch_size} structures; "
        "true gives one to each structure",
    ),
    Rule(
        lambda config: _weight_without_output(config, "atomwise_weight", "atomwise_output_features"),
        "model.atomwise_weight is {model.atomwise_weight}, but model.atomwise_output_features is 0: nothing is trained",
    ),
    Rule(
        lambda config: _weight_without_output(config, "additional_output_weight", "additional_output_features"),
        "model.additional_output_weight is {model.additional_output_weight}, but model.additional_output_features is "
        "0: nothing is trained",
    ),
    Rule(
        lambda config: config.model.kind == "energy" and config.criterion in ("poisson", "zig"),
        "criterion {criterion!r} is for targets of property models; energies, forces and stresses are compared by mse",
    ),
    Rule(
        lambda config: config.model.kind == "energy" and config.target_multiplication_factor is not None,
        "target_multiplication_factor multiplies the energies, but neither forces nor stresses",
    ),
    Rule(
        lambda config: getattr(config.model, "three_body_cutoff", None) not in (None, config.three_body_cutoff),
        "model.three_body_cutoff ({model.three_body_cutoff} Å) is not used: angles end where the graph says, at "
        "three_body_cutoff ({three_body_cutoff})",
    ),
    Rule(
        lambda config: config.data_parallel,
        "data_parallel is not used: torchrun --nproc-per-node N -m alignn_ff.train CONFIG.json trains on N devices",
    ),
    Rule(
        lambda config: config.ddp_find_unused_parameters,
        "ddp_find_unused_parameters is not used: gradients are summed over processes whichever weights have one",
    ),
    Rule(
        lambda config: config.version is not None,
        "version ({version}) is not used: model files name the version of this package that made them",
    ),
)


def advice(config: TrainingConfig) -> tuple[str, ...]:
    """Sentences that apply to a config."""
    return tuple(_filled(rule.sentence, config) for rule in RULES if rule.applies(config))


def unused_advice(config: TrainingConfig) -> tuple[str, ...]:
    """Fields of the model that are set and that its family does not use; a run logs this when it builds the model."""
    model = config.model
    if not isinstance(model, ArchitectureConfig):
        return ()
    values = {name: getattr(model, name) for name in model.IGNORED}
    return tuple(
        f"model.{name} = {value} is accepted, but not used by {model.name}"
        for name, value in values.items()
        if value != type(model).model_fields[name].default
    )


def bond_advice(config: TrainingConfig, shortest: Mapping[str, float]) -> tuple[str, ...]:
    """Warning where the short-range penalty acts on bonds of the training data.

    Args:
        config: of the run.
        shortest: pair of elements → shortest distance, Å.
    """
    model = config.model
    if not isinstance(model, AtomwiseConfig) or not model.use_penalty or not shortest:
        return ()
    pair, length = min(shortest.items(), key=lambda item: item[1])
    if length >= model.penalty_threshold:
        return ()
    return (
        f"the shortest bond of the training data is {length:.3f} Å ({pair}), below model.penalty_threshold "
        f"({model.penalty_threshold} Å): the penalty repels it, and raises the loss; lower the threshold, or set "
        "model.use_penalty to false",
    )


def _filled(sentence: str, config: TrainingConfig) -> str:
    fields = {name: getattr(config, name) for name in type(config).model_fields}
    return sentence.format(**fields)
