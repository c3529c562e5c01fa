"""The training loop: steps, epochs, validation, and a state on disk that an exact resume starts from."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from alignn_ff.graph import Prediction
from alignn_ff.models import EnergyModel, predict, predict_as_published, unphysical_switches
from alignn_ff.train.average import WeightAverage
from alignn_ff.train.batches import Sample, epoch_order
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.loader import Loader
from alignn_ff.train.loss import Loss, LossWeights, Measure, loss_weights, weighted_loss
from alignn_ff.train.optimizers import build_optimizer
from alignn_ff.train.ranks import Alone, Ranks, deal, mean_or_zero
from alignn_ff.train.schedule import SCHEDULES
from alignn_ff.train.state import Progress, TrainingState
from alignn_ff.units import GPA_PER_EV_PER_A3, MEV_PER_EV

LATE_FRACTION = 0.6
"""From this fraction of the steps on, ``late_energy_factor`` acts."""
LONGEST_WARMUP_FRACTION = 0.3


class Observer(Protocol):
    """Somebody who watches a run."""

    def on_step(self, progress: Progress, n_steps: int) -> None:
        """After every optimiser step."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """After every epoch, with its row of the history."""


@runtime_checkable
class BuildObserver(Protocol):
    """Somebody who also watches graphs being built."""

    def on_build(self, done: int, total: int) -> None:
        """Now and then, with the number of graphs that there are, of how many."""


class Trainer:
    """One run: a model, its data, and where it stands.

    Args:
        config: of the run.
        model: on its device, parameters in their dtype.
        training, validation: samples on the CPU, the same in all processes; validation may be empty.
        measure: criterion with its scales.
        device: where steps run.
        ranks: processes of the run; each computes its part of every batch.
    """

    def __init__(
        self,
        config: TrainingConfig,
        model: EnergyModel,
        *,
        training: Sequence[Sample],
        validation: Sequence[Sample],
        measure: Measure,
        device: torch.device,
        ranks: Ranks | None = None,
    ) -> None:
        self.config, self.model, self.device = config, model, device
        self.ranks: Ranks = ranks or Alone()
        self.loader = Loader(n_threads=config.num_workers, pin_memory=config.pin_memory)
        self.training, self.validation, self.measure = training, validation, measure
        self.optimizer = build_optimizer(model, config)
        self.average = WeightAverage(model, config.ema_decay)
        self.progress = Progress()
        self._sums = torch.zeros(len(Loss._fields), dtype=torch.float64, device=device)
        self.batches_per_epoch = -(-len(training) // config.batch_size)
        self.n_steps = self.batches_per_epoch * config.epochs
        self.n_warmup = min(config.warmup_steps, int(LONGEST_WARMUP_FRACTION * self.n_steps))
        self.weights = loss_weights(config.model)
        self.as_published = bool(unphysical_switches(config.model))
        self.late_weights = self.weights._replace(energy=self.weights.energy * config.late_energy_factor)

    def run(self, *, observer: Observer, save: Callable[["Trainer", bool], None], stop: Callable[[], bool]) -> None:
        """Train to the end, or until ``stop`` says so.

        Args:
            observer: is told of every step and epoch.
            save: called with (trainer, whether this epoch is the best so far) after every epoch, and
                between epochs when ``checkpoint_minutes`` have passed or the run is stopped.
            stop: asked after every step.
        """
        last_save = started = time.monotonic()
        before = self.progress.seconds
        while not self.finished:
            for batch in self._rest_of_epoch():
                self._add(self.step(batch))
                self.progress.seconds = before + time.monotonic() - started
                observer.on_step(self.progress, self.n_steps)
                interrupted = stop()
                (due,) = self.ranks.largest(time.monotonic() - last_save > 60 * self.config.checkpoint_minutes)
                if interrupted or due:
                    save(self, False)
                    last_save = time.monotonic()
                if interrupted:
                    return
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

    def step(self, batch: Sample) -> Loss:
        """One optimiser step."""
        step = self.progress.step
        rate = self.config.learning_rate * SCHEDULES[self.config.scheduler](step, self.n_steps, self.n_warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        late = step >= LATE_FRACTION * self.n_steps
        _, loss = self.compute(batch, self.late_weights if late else self.weights, training=True)
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        self.ranks.sum_gradients(self.model)
        if self.config.gradient_clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip_norm)
        self.optimizer.step()
        self.average.update(self.model, step)
        self.progress.step += 1
        return loss

    def compute(self, batch: Sample, weights: LossWeights, *, training: bool) -> tuple[Prediction, Loss]:
        """Prediction and loss of one batch: the same for training and validation."""
        system, graph, targets = batch.to(self.device)
        needed = weights.forces > 0 or weights.stress > 0 or not training
        differentiate = predict_as_published if training and self.as_published else predict
        prediction = differentiate(self.model, system, graph, derivatives=needed, create_graph=training)
        return prediction, weighted_loss(
            prediction,
            targets,
            graph.n_atoms,
            weights,
            self.measure,
            mean=self.ranks.mean if training else mean_or_zero,
        )

    def validate(self) -> dict[str, float]:
        """Loss and mean absolute errors of the averaged weights on the validation set."""
        names = ("loss", "energy", "forces", "stress")
        sums, counts = torch.zeros(2, len(names), dtype=torch.float64)
        order = [[i] for i in deal(range(len(self.validation)), self.ranks)]
        with self.average.applied_to(self.model):
            for sample in self.loader.batches(self.validation, order):
                prediction, loss = self.compute(sample, self.late_weights, training=False)
                found = {"loss": loss.total[None], **_errors(prediction, sample)}
                for column, name in enumerate(names):
                    sums[column] += found[name].detach().abs().sum().cpu()
                    counts[column] += found[name].numel()
        sums, counts = self.ranks.total(sums), self.ranks.total(counts)
        means = {name: float(sums[column] / counts[column]) for column, name in enumerate(names) if counts[column]}
        units = {
            "loss": ("val_loss", 1.0),
            "energy": ("val_energy_MAE_meV_per_atom", MEV_PER_EV),
            "forces": ("val_force_MAE_eV_per_A", 1.0),
            "stress": ("val_stress_MAE_GPa", GPA_PER_EV_PER_A3),
        }
        return {units[name][0]: value * units[name][1] for name, value in means.items()}

    def state(self, fingerprint: dict[str, str]) -> TrainingState:
        """Everything that a resume needs."""
        self.progress.sums = self.ranks.total(self._sums).tolist()
        return TrainingState(
            progress=self.progress,
            model={name: p.detach() for name, p in self.model.named_parameters()},
            average=self.average.weights,
            optimizer=self.optimizer.state_dict(),
            fingerprint=fingerprint,
        )

    def restore(self, state: TrainingState) -> None:
        """Go back to a saved state."""
        self.progress = state.progress
        self.optimizer.load_state_dict(state.optimizer)
        with torch.no_grad():
            self._sums.copy_(torch.tensor(state.progress.sums, dtype=torch.float64))
            self._sums *= self.ranks.rank == 0  # that of one rank: they are added up
            for name, parameter in self.model.named_parameters():
                parameter.copy_(state.model[name])
                self.average.weights[name].copy_(state.average[name])

    def _rest_of_epoch(self) -> Iterator[Sample]:
        order = epoch_order(
            len(self.training), self.config.batch_size, seed=self.config.random_seed, epoch=self.progress.epoch
        )
        return self.loader.batches(
            self.training, [deal(indices, self.ranks) for indices in order[self.progress.batch :]]
        )

    def _add(self, loss: Loss) -> None:
        self.progress.batch += 1
        self._sums += torch.stack(loss).detach()

    def _finish_epoch(self) -> bool:
        """Close the books of an epoch; says whether it is the best so far."""
        progress = self.progress
        progress.epoch += 1
        row = {"epoch": float(progress.epoch), "learning_rate": self.optimizer.param_groups[0]["lr"]}
        means = (self.ranks.total(self._sums) / progress.batch).tolist()
        row |= {f"train_{name}_loss": mean for name, mean in zip(Loss._fields, means, strict=True)}
        row |= self.validate() if self.validation else {}
        row["seconds"] = progress.seconds
        progress.batch = 0
        self._sums.zero_()
        progress.history.append(row)
        loss = row.get("val_loss")
        is_best = loss is None or progress.best_loss is None or loss < progress.best_loss
        if is_best:
            progress.best_loss, progress.best_epoch = loss, progress.epoch
        return is_best


def _errors(prediction: Prediction, sample: Sample) -> dict[str, Tensor]:
    assert prediction.forces is not None
    assert prediction.stress is not None
    targets = sample.targets
    return {
        "energy": (prediction.energy.cpu() - targets.energy) / sample.graph.n_atoms,
        "forces": (prediction.forces.cpu() - targets.forces)[targets.has_forces],
        "stress": (prediction.stress.cpu() - targets.stress)[targets.has_stress],
    }
