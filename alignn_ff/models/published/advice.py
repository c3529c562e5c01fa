"""Choices in the config of a published force field that are legal and have an effect that one may not expect."""

from collections.abc import Callable
from typing import Final, NamedTuple

from alignn_ff.models.published.atomwise_config import AtomwiseConfig


class Rule(NamedTuple):
    """One piece of advice.

    Attributes:
        applies: whether a config asks for it.
        sentence: with fields of the config in braces.
    """

    applies: Callable[[AtomwiseConfig], bool]
    sentence: str


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        lambda config: config.calculate_gradient and config.gradwise_weight == 0,
        "model.gradwise_weight is 0: forces are off, as if model.calculate_gradient were false",
    ),
    Rule(
        lambda config: config.kind == "property" and config.stresswise_weight > 0,
        "model.stresswise_weight is {stresswise_weight}, but this model has no forces, so no stress either",
    ),
    Rule(
        lambda config: config.kind == "energy" and config.reads("lg_on_fly") and not config.lg_on_fly,
        "model.lg_on_fly is false: training forces leave out how bond angles change, and are not derivatives of "
        "the energy; leave it true for force fields",
    ),
    Rule(
        lambda config: config.reads("batch_stress") and not config.batch_stress and config.stresswise_weight > 0,
        "model.batch_stress is false: one stress is trained for a whole batch of structures; true gives one to each "
        "structure",
    ),
    Rule(
        lambda config: config.atomwise_weight > 0 and config.atomwise_output_features == 0,
        "model.atomwise_weight is {atomwise_weight}, but model.atomwise_output_features is 0: nothing is trained",
    ),
    Rule(
        lambda config: config.additional_output_weight > 0 and config.additional_output_features == 0,
        "model.additional_output_weight is {additional_output_weight}, but model.additional_output_features is "
        "0: nothing is trained",
    ),
)


def published_advice(config: AtomwiseConfig) -> tuple[str, ...]:
    """Sentences that apply to a config."""
    return tuple(rule.sentence.format(**dict(config)) for rule in RULES if rule.applies(config))
