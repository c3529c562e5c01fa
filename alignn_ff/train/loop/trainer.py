"""The training loop: steps, epochs, validation, and a state on disk that an exact resume starts from."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.nn import RepulsionEnds
from alignn_ff.train.choices.optimizers import build_optimizer
from alignn_ff.train.choices.schedules import SCHEDULES
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.config.advice import LATE_FRACTION
from alignn_ff.train.distributed.ranks import Ranks, SingleProcess
from alignn_ff.train.floor.prior import FloorPrior
from alignn_ff.train.labels import LABELS
from alignn_ff.train.loop.ahead import Launched, OnTheWay, Shadow, reads_later
from alignn_ff.train.loop.averages import StepLoss, TrainingAverages, ValidationAverages
from alignn_ff.train.loop.batches import Batches
from alignn_ff.train.loop.divergence import DivergedError, all_finite, loss_and_norm, unusable_columns, what_diverged
from alignn_ff.train.loop.freezing import set_training_mode
from alignn_ff.train.loop.skipping import Skipped, largest_norm, with_norm
from alignn_ff.train.loop.state import Progress, TrainingState
from alignn_ff.train.loop.weight_average import WeightAverage, copy_tensors, evolving_tensors
from alignn_ff.train.loss.loss import Measure, combined, label_counts, loss_weights
from alignn_ff.train.model_outputs import ModelOutputs, evaluate
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.resident import resident_samples

log = logging.getLogger(__name__)

LONGEST_WARMUP_FRACTION = 0.3


class Observer(Protocol):
    """Called while a run proceeds."""

    def on_step(self, progress: Progress, n_steps: int) -> None:
        """After every optimiser step."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """After every epoch, with its row of the history."""


@runtime_checkable
class BuildObserver(Protocol):
    """An observer that is also called while graphs are built."""

    def on_build(self, done: int, total: int) -> None:
        """Now and then, with the number of graphs so far and their total number."""


@runtime_checkable
class ReadObserver(Protocol):
    """An observer that is also called while records are read."""

    def on_read(self, done: int) -> None:
        """Every second, with the number of records so far."""


@runtime_checkable
class StartObserver(Protocol):
    """An observer that is also called before the first step."""

    def on_begin(self) -> None:
        """Before the data are read."""

    def on_start(self, row: dict[str, float]) -> None:
        """Where a run starts from a model, with the errors of that model, named as columns of the history."""


class Trainer:
    """One run: a model, its data, and its progress.

    Args:
        config: of the run.
        model: on its device, parameters in their dtype; those that do not require a gradient stay as they are.
        training, validation: samples on the CPU; validation may be empty.
        measure: criterion with its scales.
        device: where steps run.
        ranks: processes of the run; each computes its part of every batch.
        replay: samples that the start model was trained on, of which each epoch uses some.
        floor: structures that are held above a floor of the energy, some in every step; None: there are none.
    """

    def __init__(
        self,
        config: TrainingConfig,
        model: EnergyModel | PropertyModel,
        *,
        training: Sequence[Sample],
        validation: Sequence[Sample],
        measure: Measure,
        device: torch.device,
        ranks: Ranks | None = None,
        replay: Sequence[Sample] = (),
        floor: FloorPrior | None = None,
    ) -> None:
        self.config, self.model, self.device = config, model, device
        self.ranks: Ranks = ranks or SingleProcess()
        self.training, self.validation, self.measure, self.floor = training, validation, measure, floor
        self.batches = Batches(
            config, training=training, validation=validation, replay=replay, device=device, ranks=self.ranks
        )
        if floor is not None:
            self.floor = floor._replace(resident=resident_samples([floor.samples], device, config.resident_data))
        self.optimizer = build_optimizer(
            model, config.optimizer, learning_rate=config.learning_rate, weight_decay=config.weight_decay
        )
        self.average = WeightAverage(model, config.ema_decay)
        self._shadow = Shadow(model, self.average, self.optimizer)
        self._unread: Launched | None = None
        self.progress = Progress()
        self.averages = TrainingAverages(device)
        self.n_steps = self.batches.steps_per_epoch * config.epochs
        self.n_scheduled = self.batches.steps_per_epoch * (config.lr_total_epochs or config.epochs)
        self.n_warmup = min(config.warmup_steps, int(LONGEST_WARMUP_FRACTION * self.n_scheduled))
        weights = loss_weights(config.model)
        self.learned = [weight > 0 for weight in weights]
        self.weights = torch.tensor(weights, dtype=torch.float64, device=device)
        late = [config.late_energy_factor if label.graph_level else 1.0 for label in LABELS.values()]
        self.late_weights = self.weights * torch.tensor(late, dtype=torch.float64, device=device)
        self.needs_derivatives = any(
            learned for learned, label in zip(self.learned, LABELS.values(), strict=True) if label.is_derivative
        )

    def run(
        self,
        *,
        observer: Observer,
        save: Callable[["Trainer", bool], None],
        stop: Callable[[], bool],
        skipped: Callable[[Skipped], None] = lambda skipped: log.warning("skipped: %s", skipped),
    ) -> None:
        """Train to the end, or until ``stop`` returns True.

        Args:
            observer: called after every step and epoch.
            save: called with (trainer, whether this epoch is the best so far) after every epoch, and
                between epochs when ``checkpoint_minutes`` have passed or the run is stopped.
            stop: called after every step.
            skipped: called with every step that was not taken.
        """

        def note(outcomes: Sequence[StepLoss | Skipped]) -> None:
            for outcome in outcomes:
                if isinstance(outcome, Skipped):
                    skipped(outcome)
                else:
                    self.averages.add(outcome)

        last_save = started = time.monotonic()
        before, ahead = self.progress.seconds, reads_later(self.device, self.ranks)
        while not self.finished:
            set_training_mode(self.model)
            for batches in self.batches.of_epoch(self.progress.epoch, first=self.progress.batch):
                note(self.step_ahead(batches) if ahead else [self.step(batches)])
                self.progress.batch += 1
                self.progress.seconds = before + time.monotonic() - started
                observer.on_step(self.progress, self.n_steps)
                interrupted = stop()
                (due,) = self.ranks.largest(time.monotonic() - last_save > 60 * self.config.checkpoint_minutes)
                if interrupted or due:
                    note(self.read_last_step())
                    save(self, False)
                    last_save = time.monotonic()
                if interrupted:
                    return
            note(self.read_last_step())
            is_best = self._finish_epoch()
            observer.on_epoch(self.progress.history[-1])
            save(self, is_best)
            last_save = time.monotonic()

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the validation loss has not improved for long enough."""
        progress, patience = self.progress, self.config.n_early_stopping
        stale = patience is not None and bool(self.validation) and progress.epoch - progress.best_epoch >= patience
        return progress.epoch >= self.config.epochs or stale

    def step(self, batches: Sequence[Sample]) -> StepLoss | Skipped:
        """One optimiser step over one batch, or over several whose gradients add up; none if the gradient is too large.

        Raises:
            DivergedError: the loss or the gradient is not finite; the weights stay as they were.
        """
        launched = self._launched(batches)
        skipped = self._judged(launched)
        if skipped is None:
            self._move(launched.step)
        self.progress.step += 1
        return launched.loss if skipped is None else skipped

    def step_ahead(self, batches: Sequence[Sample]) -> list[StepLoss | Skipped]:
        """As :meth:`step`, but what came of the step is read during the next one; what came of the one before.

        Raises:
            DivergedError: as :meth:`step`, of the step before; the weights are as they were before it.
        """
        launched, failure = None, None
        try:
            launched = self._launched(batches)
        except RuntimeError as error:  # perhaps since the step before should not have been taken
            failure = error
        outcomes = self.read_last_step()
        if any(isinstance(outcome, Skipped) for outcome in outcomes):
            launched = self._launched(batches)
        elif failure is not None:
            raise failure
        assert launched is not None
        self._shadow.take()
        self._move(launched.step)
        self.progress.step += 1
        self._unread = launched
        return outcomes

    def read_last_step(self) -> list[StepLoss | Skipped]:
        """What came of the last :meth:`step_ahead`; empty if that is known.

        Raises:
            DivergedError: as :meth:`step`; the weights are as they were before it.
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

    def _launched(self, batches: Sequence[Sample]) -> Launched:
        """Loss and gradients of a step, on the device."""
        step = self.progress.step
        rate = self.config.learning_rate * SCHEDULES[self.config.scheduler](step, self.n_scheduled, self.n_warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        weights = self.late_weights if step >= LATE_FRACTION * self.n_scheduled else self.weights
        here = [batch.to(self.device) for batch in batches]
        own = torch.stack([label_counts(batch.targets) for batch in here]).sum(0)
        counts = self.ranks.total(own)
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros_like(counts)
        for batch in here:
            _, costs = self.compute(batch, training=True)
            combined(costs, counts, weights).backward()
            sums += costs.detach()
        loss = combined(sums, counts, weights) + self._push_above_floor()
        self.ranks.sum_gradients(self.model)
        numbers = OnTheWay(loss_and_norm(loss, self.model))
        return Launched(StepLoss(loss, sums, own), numbers, step, self.progress.batch)

    def _move(self, step: int) -> None:
        """Change the weights by the gradients."""
        if self.config.gradient_clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip_norm)
        self.optimizer.step()
        self.average.update(self.model, step)

    def _push_above_floor(self) -> Tensor | float:
        """Add the gradient of the structures below the floor; this rank's part of their cost."""
        if self.floor is None or not isinstance(self.model, EnergyModel):
            return 0.0
        cost = self.floor.cost(self.model, self.progress.step, self.ranks, self.device)
        if cost is None:
            return 0.0
        cost.backward()
        return cost.detach()

    def compute(self, batch: Sample, *, training: bool) -> tuple[ModelOutputs, Tensor]:
        """Outputs, and (n_kinds,) sums of costs, of one batch: the same for training and validation."""
        system, graph, targets = batch
        with torch.autocast(self.device.type, torch.bfloat16) if self.config.use_amp else nullcontext():
            outputs = evaluate(
                self.model, system, graph, derivatives=self.needs_derivatives or not training, training=training
            )
        if isinstance(self.model, PropertyModel) and not self.classifies:
            targets = targets.with_values("target", self.model.scaled(targets.values["target"]))
        return outputs, self.measure.sums(outputs, targets, graph.n_atoms, parts=self.learned)

    @property
    def classifies(self) -> bool:
        """Whether the target of a structure is a class."""
        return self.config.model.outputs.classifies

    def validate(self) -> ValidationAverages:
        """Loss, errors and outputs of the averaged weights on the validation set."""
        return self._errors_on(self.validation)

    def _errors_on(self, samples: Sequence[Sample]) -> ValidationAverages:
        book = ValidationAverages(self.late_weights, len(samples), classifies=self.classifies)
        self.model.eval()
        with self.average.applied_to(self.model), torch.set_grad_enabled(False):
            for rows, sample in self.batches.of_samples(samples):
                batch = sample.to(self.device)
                outputs, costs = self.compute(batch, training=False)
                book.add(rows, costs, outputs, batch.targets, batch.graph.n_atoms)
        book.share(self.ranks)
        set_training_mode(self.model)
        return book

    def state(
        self, fingerprint: dict[str, str], kernels: str = "", repulsion_ends: RepulsionEnds = ()
    ) -> TrainingState:
        """Everything that a resume needs; ``kernels`` is the name of those in use, ``repulsion_ends`` of the model."""
        self.progress.sums = self.averages.to_list(self.ranks)
        return TrainingState(
            progress=self.progress,
            model=evolving_tensors(self.model),
            average=self.average.weights,
            optimizer=self.optimizer.state_dict(),
            fingerprint=fingerprint,
            kernels=kernels,
            repulsion_ends=repulsion_ends,
        )

    def restore(self, state: TrainingState) -> None:
        """Continue from a saved state."""
        self.progress = state.progress
        self.optimizer.load_state_dict(state.optimizer)
        self.averages.restore(state.progress.sums, self.ranks)
        copy_tensors(state.model, self.model)
        for name, tensor in self.average.weights.items():
            tensor.copy_(state.average[name])

    def _floor_row(self) -> dict[str, float]:
        """How many structures of the floor lie below it, with the averaged weights."""
        if self.floor is None or not isinstance(self.model, EnergyModel):
            return {}
        self.model.eval()
        with self.average.applied_to(self.model):
            row = self.floor.row(self.model, self.device)
        set_training_mode(self.model)
        return row

    def _judged(self, launched: Launched) -> Skipped | None:
        """Stop all processes where the loss or the gradient of one is not finite; skip a step that is too large."""
        progress = self.progress
        value, norm = launched.numbers.read()
        what, limit = what_diverged(value, norm), largest_norm(self.config, progress.gradient_norms)
        diverged, too_large = self.ranks.largest(what is not None, norm > limit)
        samples = self.batches.samples_of(progress.epoch, launched.batch) if diverged or too_large else ()
        if diverged:
            raise DivergedError(what or "loss", launched.step + 1, training=samples)
        progress.gradient_norms = with_norm(progress.gradient_norms, norm)
        if not too_large:
            return None
        progress.skipped, progress.skipped_in_epoch = progress.skipped + 1, progress.skipped_in_epoch + 1
        return Skipped(launched.step + 1, norm, limit, samples)

    def _refuse_useless(self, row: dict[str, float], book: ValidationAverages | None) -> None:
        """Refuse numbers of an epoch that are not finite, before anything is saved.

        Raises:
            DivergedError: a column of its row, or a weight, is not finite.
        """
        columns, step = unusable_columns(row), self.progress.step
        if columns:
            raise DivergedError(columns[0], step, validation=() if book is None else book.diverged_rows())
        if not all_finite(evolving_tensors(self.model)):
            raise DivergedError("model", step)

    def errors_before_training(self) -> dict[str, float]:
        """Errors of the model as it is, on the validation set, or on the training set where there is none."""
        return self._errors_on(self.validation or self.training).row()

    def _finish_epoch(self) -> bool:
        """Add the row of an epoch to the history; whether the epoch is the best so far."""
        progress = self.progress
        progress.epoch += 1
        n_taken = progress.batch - progress.skipped_in_epoch
        row = {"epoch": float(progress.epoch), "learning_rate": self.optimizer.param_groups[0]["lr"]}
        row |= {f"train_{name}_loss": mean for name, mean in self.averages.means(n_taken, self.ranks).items()}
        book = self.validate() if self.validation else None
        row |= {} if book is None else book.row()
        row |= self._floor_row()
        row["seconds"] = progress.seconds
        row |= {"skipped_steps": float(progress.skipped_in_epoch)} if progress.skipped_in_epoch else {}
        self._refuse_useless(row, book)
        progress.batch = progress.skipped_in_epoch = 0
        self.averages.clear()
        progress.history.append(row)
        loss = row.get("val_loss")
        is_best = loss is None or progress.best_loss is None or loss < progress.best_loss
        if is_best:
            progress.best_loss, progress.best_epoch = loss, progress.epoch
        if book is not None and self.config.store_outputs:
            outputs = {"epoch": progress.epoch, **book.outputs()}
            progress.outputs |= {"last": outputs, **({"best": outputs} if is_best else {})}
        return is_best
