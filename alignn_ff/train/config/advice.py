"""Effects of a config that a user may not expect: logged once, before anything is trained.

Each rule is a condition and a sentence. Contradictions are errors of the schema instead.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from alignn_ff.models import FAMILIES
from alignn_ff.train.config.schema import TrainingConfig

LATE_FRACTION: Final = 0.6
"""From this fraction of the steps on, ``late_energy_factor`` acts."""


class Rule(NamedTuple):
    """One effect.

    Attributes:
        applies: whether a config has this effect.
        sentence: the warning, with fields of the config and of ``model`` filled in.
    """

    applies: Callable[[TrainingConfig], bool]
    sentence: str


FINE_TUNING_RATE: Final = 0.003
"""Above it, a learning rate undoes in some steps what the model that a training starts from has learned."""


def _energies_alone(config: TrainingConfig) -> bool:
    return config.model.outputs.weights.get("forces") == 0


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        lambda config: config.start_from is not None and config.learning_rate > FINE_TUNING_RATE,
        "learning_rate is {learning_rate}, as for a training from scratch: the first steps can undo what the start has "
        "learned; 0.001 is a good value (examples/fine_tune.json)",
    ),
    Rule(
        _energies_alone,
        "model.gradwise_weight is 0: forces are not trained, but follow from the energy",
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
        lambda config: dict(config.model).get("three_body_cutoff") not in (None, config.three_body_cutoff),
        "model.three_body_cutoff ({model.three_body_cutoff} Å) is not used: angles end where the graph says, at "
        "three_body_cutoff ({three_body_cutoff})",
    ),
    Rule(
        lambda config: config.floor_labels == "start" and not config.has_floor,
        "floor_labels ({floor_labels}) is not used: the floor has no structures; floor_structures generates them",
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
    """Sentences that apply to a config: those of its family, then those of all."""
    of_family = FAMILIES[config.model.name].advice(config.model)
    return of_family + tuple(_filled(rule.sentence, config) for rule in RULES if rule.applies(config))


def unused_advice(config: TrainingConfig) -> tuple[str, ...]:
    """Fields of the model that are set and that its family does not use; a run says this when it builds the model."""
    return tuple(
        f"model.{name} = {value} is accepted, but not used by {config.model.name}"
        for name, value in config.model.ignored_but_set.items()
    )


def bond_advice(config: TrainingConfig, shortest: Mapping[str, float]) -> tuple[str, ...]:
    """Warning where the short-range penalty acts on bonds of the training data.

    Args:
        config: of the run.
        shortest: pair of elements → shortest distance, Å.
    """
    threshold = config.model.outputs.repels_below_A
    if threshold is None or not shortest:
        return ()
    pair, length = min(shortest.items(), key=lambda item: item[1])
    if length >= threshold:
        return ()
    return (
        f"the shortest bond of the training data is {length:.3f} Å ({pair}), below model.penalty_threshold "
        f"({threshold} Å): the penalty repels it, and raises the loss; lower the threshold, or set "
        "model.use_penalty to false",
    )


def schedule_advice(config: TrainingConfig, *, n_steps: int, n_warmup: int, n_training: int) -> tuple[str, ...]:
    """Warnings where the steps of a run do not suit its schedule, known when the data have been read.

    Args:
        config: of the run.
        n_steps: of the optimiser, in all epochs of the schedule.
        n_warmup: of these, steps of the warm-up.
        n_training: training records, those replayed included.
    """
    sentences = []
    chosen = config.warmup_steps != type(config).model_fields["warmup_steps"].default
    if chosen and config.warmup_steps > n_warmup and config.scheduler != "none":
        sentences.append(
            f"warmup_steps is {config.warmup_steps}, but the run has {n_steps} steps ({n_training} training records, "
            f"{config.epochs} epochs), of which at most 30 % warm up: {n_warmup} are used. Set warmup_steps to at most "
            f"{n_warmup}, or train longer (epochs), or with a smaller batch_size (now {config.batch_size})"
        )
    if config.batch_size > n_training > 1:
        sentences.append(
            f"batch_size is {config.batch_size}, but there are {n_training} training records: each epoch is one step. "
            "Take a smaller batch_size, or more epochs"
        )
    if config.late_energy_factor > 1 and config.model.kind == "energy":
        sentences.append(
            f"from step {int(LATE_FRACTION * n_steps) + 1} of {n_steps} on, late_energy_factor "
            f"({config.late_energy_factor:g}) multiplies the weight of the energies: the loss rises there, though no "
            "error does"
        )
    return tuple(sentences)


def _filled(sentence: str, config: TrainingConfig) -> str:
    fields = {name: getattr(config, name) for name in type(config).model_fields}
    return sentence.format(**fields)
