"""The training loop: epochs, validation, and a state on disk that an exact resume starts from."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from alignn_ff.errors import ConfigError
from alignn_ff.models import EnergyModel, PropertyModel
from alignn_ff.nn import RepulsionEnds
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.distributed.ranks import Ranks, SingleProcess
from alignn_ff.train.floor.prior import FloorPrior
from alignn_ff.train.loop.averages import StepLoss, TrainingAverages, ValidationAverages
from alignn_ff.train.loop.batches import Batch, Batches
from alignn_ff.train.loop.freezing import set_training_mode, trained_parameters
from alignn_ff.train.loop.objective import Objective
from alignn_ff.train.loop.observers import Observer
from alignn_ff.train.loop.state import Progress, TrainingState
from alignn_ff.train.loop.weight_average import WeightAverage, copy_tensors, evolving_tensors
from alignn_ff.train.loss.loss import Measure
from alignn_ff.train.model_outputs import ModelOutputs
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.resident import resident_samples
from alignn_ff.train.trainer.ahead import reads_later
from alignn_ff.train.trainer.divergence import DivergedError, all_finite, unusable_columns
from alignn_ff.train.trainer.gradients import Gradients, OperationByOperation
from alignn_ff.train.trainer.recorded import RecordedGradients
from alignn_ff.train.trainer.skipping import Skipped
from alignn_ff.train.trainer.step import Steps

log = logging.getLogger(__name__)


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

    Attributes:
        batches: of the run.
        objective: what it minimises.
        steps: change the weights.
        averages: losses of the current epoch.
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
        self.training, self.validation, self.floor = training, validation, floor
        self.batches = Batches(
            config, training=training, validation=validation, replay=replay, device=device, ranks=self.ranks
        )
        if floor is not None:
            self.floor = floor._replace(resident=resident_samples([floor.samples], device, config.stay))
        self.objective = Objective(config, measure, device)
        self.steps = Steps(
            config,
            model,
            gradients=self._gradients(),
            objective=self.objective,
            batches=self.batches,
            ranks=self.ranks,
        )
        self.averages = TrainingAverages(device)

    def _gradients(self) -> Gradients:
        """The way to the gradients of a step.

        Raises:
            ConfigError: steps that several processes share were to be recorded.
        """
        parameters, compute = trained_parameters(self.model), partial(self.compute, training=True)
        if self.config.record_steps and self.ranks.size > 1:
            raise ConfigError(
                f"record_steps is true, but {self.ranks.size} processes share each step: leave it out, or start one "
                "process"
            )
        if self.config.record_steps and self.batches.resident is not None:
            return RecordedGradients(
                self.model,
                parameters,
                compute=compute,
                samples=self.batches.resident,
                floor=self.floor,
                cutoff=self.config.cutoff,
                device=self.device,
            )
        return OperationByOperation(
            self.model, parameters, compute=compute, ranks=self.ranks, floor=self.floor, device=self.device
        )

    @property
    def progress(self) -> Progress:
        """Of the run."""
        return self.steps.progress

    @property
    def average(self) -> WeightAverage:
        """Of the weights."""
        return self.steps.average

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
                note(self.steps.take_ahead(batches) if ahead else [self.step(batches)])
                self.progress.batch += 1
                self.progress.seconds = before + time.monotonic() - started
                observer.on_step(self.progress, self.steps.n_steps)
                interrupted = stop()
                (due,) = self.ranks.largest(time.monotonic() - last_save > 60 * self.config.checkpoint_minutes)
                if interrupted or due:
                    note(self.steps.read_last())
                    save(self, False)
                    last_save = time.monotonic()
                if interrupted:
                    return
            note(self.steps.read_last())
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

    def step(self, batches: Sequence[Batch]) -> StepLoss | Skipped:
        """One step, see :meth:`Steps.take`."""
        return self.steps.take(batches)

    def compute(self, batch: Sample, *, training: bool) -> tuple[ModelOutputs, Tensor]:
        """Outputs and costs of a batch, see :meth:`Objective.costs`."""
        return self.objective.costs(self.model, batch, training=training)

    def validate(self) -> ValidationAverages:
        """Loss, errors and outputs of the averaged weights on the validation set."""
        return self._errors_on(self.validation)

    def _errors_on(self, samples: Sequence[Sample]) -> ValidationAverages:
        book = ValidationAverages(self.objective.late_weights, len(samples), classifies=self.objective.classifies)
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
            optimizer=self.steps.optimizer.state_dict(),
            fingerprint=fingerprint,
            kernels=kernels,
            repulsion_ends=repulsion_ends,
        )

    def restore(self, state: TrainingState) -> None:
        """Continue from a saved state."""
        self.steps.progress = state.progress
        self.steps.optimizer.load_state_dict(state.optimizer)
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
        row = {"epoch": float(progress.epoch), "learning_rate": self.steps.optimizer.param_groups[0]["lr"]}
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
