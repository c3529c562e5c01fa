"""The training of one model on prepared data: loop → best model → metrics.

In: a resolved config and its data. Out: files, described in ``run.py``, and a :class:`TrainingResult`.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import torch

from alignn_ff.display import Sheet, line_of, page_of, plotted
from alignn_ff.errors import StorageError, TrainingError
from alignn_ff.io import write_json
from alignn_ff.labels import label_of, shown
from alignn_ff.predictor import load_predictor
from alignn_ff.train.artifacts import (
    BEST_MODEL,
    CURRENT_MODEL,
    IDENTIFIERS,
    loader_description,
    remove_old_run,
    save_model,
    write_histories,
    write_predictions,
)
from alignn_ff.train.bounds import bound_trained
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.distributed.ranks import LostRankError, Ranks
from alignn_ff.train.diverged import SkipWarnings, divergence_message, skip_message, skips_message
from alignn_ff.train.evaluation import Evaluator
from alignn_ff.train.interrupt import TrainingInterruptedError, asked_anywhere, stop_on_signals
from alignn_ff.train.kernels import TrainingKernels, running_on, training_kernels, warn_of_other_kernels
from alignn_ff.train.loop.fingerprint import check_fingerprint, fingerprint_of
from alignn_ff.train.loop.observers import NoObserver, Observer, Observers, StartObserver, TensorBoardLog
from alignn_ff.train.loop.state import STATE_FILE, Progress, TrainingState, load_state, save_state, unreadable
from alignn_ff.train.machine import machine_settings
from alignn_ff.train.metrics import Comparison, summarise
from alignn_ff.train.preparation import PreparedRun, prepare_run
from alignn_ff.train.records.record import records_digest
from alignn_ff.train.resolution import ResolvedConfig
from alignn_ff.train.run_data import RunData, named_samples
from alignn_ff.train.trainer.divergence import DivergedError
from alignn_ff.train.trainer.skipping import Skipped
from alignn_ff.train.trainer.trainer import Trainer
from alignn_ff.train.uncertainty.last_layer import add_to_trained

log = logging.getLogger(__name__)

NAMED_SKIPS: Final = 3
"""Steps of an epoch whose records are named when they are left out."""


class TrainingResult(NamedTuple):
    """Result of a finished run.

    Attributes:
        folder: of all files of the run.
        model_file: the best model.
        best_epoch: the epoch that it comes from.
        history: one row per epoch.
        metrics: split → group → named error.
        comparisons: split → labels beside predictions.
        members: of a committee, whose mean the rest describes; empty for one model.
    """

    folder: Path
    model_file: Path
    best_epoch: int
    history: list[dict[str, float]]
    metrics: dict[str, dict[str, dict[str, float]]]
    comparisons: dict[str, list[Comparison]]
    members: tuple["TrainingResult", ...] = ()

    def brief(self) -> str:
        """The best epoch and its errors on the validation set."""
        errors = self.metrics.get("val", {}).get("all", {})
        told = [f"{label_of(name)} {shown(value)}" for name, value in errors.items() if "MAE" in name]
        return f"{self.model_file.name}: best epoch {self.best_epoch} of {len(self.history)}; {'; '.join(told)}"

    def sheet(self) -> Sheet:
        """Errors of each part of the data, and the learning curve."""
        names = dict.fromkeys(name for groups in self.metrics.values() for name in groups.get("all", {}))
        errors = {name: [groups.get("all", {}).get(name) for groups in self.metrics.values()] for name in names}
        facts = {"folder": str(self.folder), "best_epoch": self.best_epoch, "members": len(self.members) or None}
        return Sheet(facts, {"errors": {"data": list(self.metrics), **errors}}, figures=plotted(self))

    def __repr__(self) -> str:
        return line_of(self)

    def _repr_html_(self) -> str:
        return page_of(self)


class Manner(NamedTuple):
    """How a run is started.

    Attributes:
        device: of this process.
        ranks: processes of the run.
        observer: is called after every step and epoch, only in the first process of a run.
        resume: continue where a stopped run of the same config and data ended.
        overwrite: start anew in a folder that holds a run.
    """

    device: torch.device
    ranks: Ranks
    observer: Observer
    resume: bool
    overwrite: bool


def train_model(resolved: ResolvedConfig, data: RunData, manner: Manner) -> TrainingResult | None:
    """Train one model in the folder of its config; None in all processes but the first."""
    folder, ranks = Path(resolved.config.output_dir), manner.ranks
    state = load_state(folder) if manner.resume else None
    run = prepare_run(resolved, data, manner.device, ranks, state)
    if ranks.rank == 0 and manner.overwrite and not manner.resume:
        remove_old_run(folder)
    _train(resolved.config, run, data, observer=manner.observer, stopped=state)
    return _evaluate(resolved, data, run, folder) if ranks.rank == 0 else None


def _train(
    config: TrainingConfig, run: PreparedRun, data: RunData, *, observer: Observer, stopped: TrainingState | None
) -> None:
    """Train all epochs, and save after each.

    Args:
        config, run, data: of the run.
        observer: is called after every step and epoch.
        stopped: where to continue from.

    Raises:
        TrainingInterruptedError, StorageError, TrainingError: it ended early; the last state is on disk.
    """
    folder = Path(config.output_dir)
    leads = run.ranks.rank == 0
    started_from = run.header.provenance.started_from
    fingerprint = fingerprint_of(config, data.data_digest, records_digest(run.replay), started_from)
    if leads:
        write_json(folder / "config.json", config.model_dump(mode="json"))
        write_json(folder / IDENTIFIERS, data.identifiers())
        if config.save_dataloader:
            write_json(folder / "dataloader.json", loader_description(config, data))
    kernels = _kernels(config, run)
    if stopped is not None:
        _restore(run, stopped, fingerprint, kernels, folder)
    save = _saver(config, run, fingerprint, kernels, folder)
    try:
        with (
            stop_on_signals() as stop,
            machine_settings(config, run.trainer.device),
            running_on(kernels),
            _observers(config, observer, run, leads=leads) as observers,
        ):
            started = _errors_of_start(run, observer) if started_from and stopped is None else {}
            run.trainer.run(
                observer=observers,
                save=save,
                stop=lambda: asked_anywhere(stop, run.ranks),
                skipped=lambda skipped: _warn_of_skipped(skipped, config, run, data),
            )
    except DivergedError as error:
        raise TrainingError(divergence_message(error, config, run, data)) from error
    except (StorageError, LostRankError) as error:
        raise type(error)(f"{error}. {_kept(folder)}") from error
    _warn_of_worse(started, run.trainer.progress)
    if leads and run.trainer.progress.skipped:
        log.warning(skips_message(run.trainer.progress.skipped, run.trainer.progress.step))
    if stop.signal is not None:
        raise TrainingInterruptedError(
            stop.signal,
            f"after {run.trainer.progress.epoch} epochs; everything is saved in {folder}",
            "the same command with --resume continues from there",
        )


def _warn_of_skipped(skipped: Skipped, config: TrainingConfig, run: PreparedRun, data: RunData) -> None:
    """Name the records of the first steps of an epoch that were not taken."""
    if run.ranks.rank == 0 and run.trainer.progress.skipped_in_epoch <= NAMED_SKIPS:
        log.warning(skip_message(skipped, config, run, data))


def _restore(
    run: PreparedRun, stopped: TrainingState, fingerprint: dict[str, str], kernels: TrainingKernels, folder: Path
) -> None:
    """Continue from a saved state.

    Raises:
        TrainingError: it is of another run, or cannot be used.
    """
    check_fingerprint(stopped.fingerprint, fingerprint)
    warn_of_other_kernels(stopped.kernels, kernels)
    try:
        run.trainer.restore(stopped)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
        raise unreadable(folder / STATE_FILE, error) from error


def _saver(
    config: TrainingConfig, run: PreparedRun, fingerprint: dict[str, str], kernels: TrainingKernels, folder: Path
) -> Callable[[Trainer, bool], None]:
    """What writes state, histories and models of a run; all processes call it, the first one writes."""

    def save(trainer: Trainer, is_best: bool) -> None:
        state = trainer.state(fingerprint, kernels.name, run.header.statistics.repulsion_ends)
        if run.ranks.rank != 0:
            return
        write_histories(folder, trainer)
        if config.write_checkpoint:
            save_state(folder, state)
            if trainer.progress.batch == 0:
                save_model(folder / CURRENT_MODEL, run.header, trainer)
        if is_best or not (folder / BEST_MODEL).exists():
            save_model(folder / BEST_MODEL, run.header, trainer)

    return save


def _errors_of_start(run: PreparedRun, observer: Observer) -> dict[str, float]:
    """Errors of the model that a run starts from, with the reference energies of the new data."""
    row = run.trainer.errors_before_training()
    if run.ranks.rank == 0 and isinstance(observer, StartObserver):
        observer.on_start(row)
    elif run.ranks.rank == 0:
        log.info("errors of the starting model: %s", row)
    return row


def _warn_of_worse(started: dict[str, float], progress: Progress) -> None:
    """Warn where a model has become worse than the one that it started from."""
    before, after = started.get("val_loss"), progress.best_loss
    if before is not None and after is not None and after > before:
        log.warning(
            "the validation loss of the best model, %.4g, is larger than that of the model that it starts from, %.4g: "
            "take a smaller learning_rate, or replay_data",
            after,
            before,
        )


def _kernels(config: TrainingConfig, run: PreparedRun) -> TrainingKernels:
    kernels = training_kernels(config, n_steps=run.trainer.steps.n_steps, device=run.trainer.device)
    log.info("kernels: %s", kernels.name if kernels.compiled is None else kernels.compiled)
    return kernels


def _kept(folder: Path) -> str:
    if not (folder / STATE_FILE).exists():
        return "No state of this run had been saved yet: start it again"
    return (
        f"The last saved state of the run is kept in {folder}, and the same command with --resume continues from there"
    )


@contextmanager
def _observers(config: TrainingConfig, observer: Observer, run: PreparedRun, *, leads: bool) -> Iterator[Observer]:
    """The observers of this process."""
    if not leads:
        yield NoObserver()
        return
    own = [observer, SkipWarnings(run.trainer.batches.steps_per_epoch)]
    if config.log_tensorboard:
        with TensorBoardLog(Path(config.output_dir) / "tensorboard") as curves:
            yield Observers([*own, curves])
    else:
        yield Observers(own)


def _evaluate(resolved: ResolvedConfig, data: RunData, run: PreparedRun, folder: Path) -> TrainingResult:
    """Metrics of the best model as read back from its file."""
    config, best, progress = resolved.config, folder / BEST_MODEL, run.trainer.progress
    if config.bound_energies and config.model.kind == "energy":
        start, floor = resolved.start, run.trainer.floor
        bound_trained(
            [best, folder / CURRENT_MODEL],
            [
                data.training,
                named_samples(run.replay, run.header.graph, data.shapes),
                () if floor is None else floor.samples,
            ],
            keep=start.header if start is not None and config.start_elements == "keep" else None,
            device=run.trainer.device,
        )
    evaluator = Evaluator(load_predictor(best, device=str(run.trainer.device), dtype=config.dtype))
    chosen = {name: data.chosen(indices) for name, indices in data.split._asdict().items() if indices}
    chosen |= {"replay": iter(run.replay)} if run.replay else {}
    comparisons = {name: evaluator.compare(records) for name, records in chosen.items()}
    metrics = {name: summarise(items) for name, items in comparisons.items()}
    write_json(folder / "metrics.json", {"best_epoch": progress.best_epoch, **metrics})
    if config.write_predictions:
        write_predictions(folder, comparisons)
    if config.last_layer_uncertainty:
        add_to_trained(best, data, run.trainer.device, batch_size=config.batch_size)
    return TrainingResult(folder, best, progress.best_epoch, progress.history, metrics, comparisons)
