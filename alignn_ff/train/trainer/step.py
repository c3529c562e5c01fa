"""Steps of the optimiser: from a batch to changed weights, or to a step that is not taken.

In: batches. Out: the loss of each step, or why it was skipped. Weights, their average and the optimiser are changed
here only.
"""

from collections.abc import Sequence

from torch.nn.utils import clip_grads_with_norm_

from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.train.choices.optimizers import build_optimizer
from alignn_ff.train.choices.schedules import SCHEDULES
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.distributed.ranks import Ranks
from alignn_ff.train.loop.averages import StepLoss
from alignn_ff.train.loop.batches import Batch, Batches
from alignn_ff.train.loop.freezing import trained_parameters
from alignn_ff.train.loop.objective import Objective
from alignn_ff.train.loop.state import Progress
from alignn_ff.train.loop.weight_average import WeightAverage
from alignn_ff.train.trainer.ahead import Launched, OnTheWay, Shadow
from alignn_ff.train.trainer.divergence import DivergedError, loss_and_norm, what_diverged
from alignn_ff.train.trainer.gradients import Gradients
from alignn_ff.train.trainer.skipping import Skipped, largest_norm, with_norm

LONGEST_WARMUP_FRACTION = 0.3


class Steps:
    """The steps of a run.

    Args:
        config: of the run.
        model: on its device; those of its parameters that do not require a gradient stay as they are.
        gradients: the way to those of a step.
        objective: weights of the costs.
        batches: of the run.
        ranks: processes of the run.

    Attributes:
        progress: of the run.
        optimizer, average: of the weights.
        n_steps, n_scheduled, n_warmup: of the run, of the schedule of its learning rate, and of the warm-up in it.
    """

    def __init__(
        self,
        config: TrainingConfig,
        model: EnergyModel | PropertyModel,
        *,
        gradients: Gradients,
        objective: Objective,
        batches: Batches,
        ranks: Ranks,
    ) -> None:
        self._config, self.model, self._ranks = config, model, ranks
        self._gradients, self._objective, self._batches = gradients, objective, batches
        self._parameters = trained_parameters(model)
        self.optimizer = build_optimizer(
            model, config.optimizer, learning_rate=config.learning_rate, weight_decay=config.weight_decay
        )
        self.average = WeightAverage(model, config.ema_decay)
        self._shadow = Shadow(model, self.average, self.optimizer)
        self._unread: Launched | None = None
        self.progress = Progress()
        self.n_steps = batches.steps_per_epoch * config.epochs
        self.n_scheduled = batches.steps_per_epoch * (config.lr_total_epochs or config.epochs)
        self.n_warmup = min(config.warmup_steps, int(LONGEST_WARMUP_FRACTION * self.n_scheduled))

    def take(self, batches: Sequence[Batch]) -> StepLoss | Skipped:
        """One optimiser step over one batch, or over several whose gradients add up; none if the gradient is too large.

        Raises:
            DivergedError: the loss or the gradient is not finite; the weights stay as they were.
        """
        launched = self._launched(batches)
        skipped = self._judged(launched)
        if skipped is None:
            self._move(launched)
        self.progress.step += 1
        return launched.loss if skipped is None else skipped

    def take_ahead(self, batches: Sequence[Batch]) -> list[StepLoss | Skipped]:
        """As :meth:`take`, but what came of the step is read during the next one; what came of the one before.

        Raises:
            DivergedError: as :meth:`take`, of the step before; the weights are as they were before it.
        """
        launched, failure = None, None
        try:
            launched = self._launched(batches)
        except RuntimeError as error:  # perhaps since the step before should not have been taken
            failure = error
        outcomes = self.read_last()
        if any(isinstance(outcome, Skipped) for outcome in outcomes):
            launched = self._launched(batches)
        elif failure is not None:
            raise failure
        assert launched is not None
        self._shadow.take()
        self._move(launched)
        self.progress.step += 1
        self._unread = launched
        return outcomes

    def read_last(self) -> list[StepLoss | Skipped]:
        """What came of the last :meth:`take_ahead`; empty if that is known.

        Raises:
            DivergedError: as :meth:`take`; the weights are as they were before it.
        """
        launched, self._unread = self._unread, None
        if launched is None:
            return []
        try:
            skipped = self._judged(launched)
        except DivergedError:
            self._shadow.put_back()
            self.progress.step = launched.step
            raise
        if skipped is not None:
            self._shadow.put_back()
        return [launched.loss if skipped is None else skipped]

    def _launched(self, batches: Sequence[Batch]) -> Launched:
        """Loss and gradients of a step, on the device."""
        step = self.progress.step
        rate = self._config.learning_rate * SCHEDULES[self._config.scheduler](step, self.n_scheduled, self.n_warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        weights = self._objective.weights_at(step, self.n_scheduled)
        loss = self._gradients(batches, weights, step)
        numbers = loss_and_norm(loss.total, self.model)
        return Launched(loss, numbers[1], OnTheWay(numbers), step, self.progress.batch)

    def _move(self, launched: Launched) -> None:
        """Change the weights by the gradients."""
        if self._config.gradient_clip_norm is not None:
            clip_grads_with_norm_(self._parameters, self._config.gradient_clip_norm, launched.norm)
        self.optimizer.step()
        self.average.update(self.model, launched.step)

    def _judged(self, launched: Launched) -> Skipped | None:
        """Stop all processes where the loss or the gradient of one is not finite; skip a step that is too large."""
        progress = self.progress
        value, norm = launched.numbers.read()
        what, limit = what_diverged(value, norm), largest_norm(self._config, progress.gradient_norms)
        diverged, too_large = self._ranks.largest(what is not None, norm > limit)
        samples = self._batches.samples_of(progress.epoch, launched.batch) if diverged or too_large else ()
        if diverged:
            raise DivergedError(what or "loss", launched.step + 1, training=samples)
        progress.gradient_norms = with_norm(progress.gradient_norms, norm)
        if not too_large:
            return None
        progress.skipped, progress.skipped_in_epoch = progress.skipped + 1, progress.skipped_in_epoch + 1
        return Skipped(launched.step + 1, norm, limit, samples)
