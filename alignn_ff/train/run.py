"""One training run from config to files: data → statistics → loop → best model → metrics.

Everything is written to ``output_dir``:

- ``config.json``: the resolved config, written first
- ``ids_train_val_test.json``: which record went where
- ``<filename>_graphs``: the graph cache, with ``use_lmdb``
- ``dataloader.json``: ids of each split and digest of the cache, with ``save_dataloader``
- ``history.json``, ``history_train.json``, ``history_val.json``: one row per epoch
- ``tensorboard``: the same as curves, with ``log_tensorboard``
- ``current_model.pt``, ``best_model.pt``: model files of the averaged weights
- ``training_state.pt``: the state that ``--resume`` continues from
- ``metrics.json``, ``predictions.json``, ``prediction_results_<split>_set.csv``: of the best model,
  read back from its file
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from alignn_ff.errors import StorageError, TrainingError
from alignn_ff.io import sole_writer, write_json
from alignn_ff.loading import select_device
from alignn_ff.predictor import load_predictor
from alignn_ff.train.artifacts import (
    BEST_MODEL,
    CURRENT_MODEL,
    IDENTIFIERS,
    check_folder,
    loader_description,
    remove_old_run,
    save_model,
    write_histories,
    write_predictions,
)
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.datasets import records_source
from alignn_ff.train.distributed.message import Done
from alignn_ff.train.distributed.process_group import joined_ranks
from alignn_ff.train.distributed.ranks import LostRankError
from alignn_ff.train.diverged import divergence_message, skip_message, skips_message
from alignn_ff.train.evaluation import Evaluator
from alignn_ff.train.interrupt import TrainingInterruptedError, asked_anywhere, stop_on_signals
from alignn_ff.train.kernels import TrainingKernels, running_on, training_kernels, warn_of_other_kernels
from alignn_ff.train.loop.divergence import DivergedError
from alignn_ff.train.loop.fingerprint import check_fingerprint, fingerprint_of
from alignn_ff.train.loop.observers import NoObserver, Observers, TensorBoardLog
from alignn_ff.train.loop.skipping import Skipped
from alignn_ff.train.loop.state import STATE_FILE, Progress, TrainingState, load_state, save_state, unreadable
from alignn_ff.train.loop.trainer import BuildObserver, Observer, ReadObserver, StartObserver, Trainer
from alignn_ff.train.machine import machine_settings
from alignn_ff.train.main_guard import refuse_second_run
from alignn_ff.train.metrics import Comparison, summarise
from alignn_ff.train.preparation import PreparedRun, prepare_run
from alignn_ff.train.records.record import records_digest
from alignn_ff.train.resolution import ResolvedConfig, resolve, with_outputs_of
from alignn_ff.train.run_data import Notify, RunData, prepared_data

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
    """

    folder: Path
    model_file: Path
    best_epoch: int
    history: list[dict[str, float]]
    metrics: dict[str, dict[str, dict[str, float]]]
    comparisons: dict[str, list[Comparison]]


def train(
    config: TrainingConfig,
    *,
    observer: Observer,
    data: Path | None = None,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
) -> TrainingResult | None:
    """Train a model.

    Args:
        config: of the run.
        observer: is called after every step and epoch, only in the first process of a run.
        data: file or folder; takes the place of ``config.data`` and ``config.dataset``.
        device: "auto", "cpu", "cuda", …
        resume: continue where a stopped run of the same config and data ended.
        overwrite: start anew in a folder that holds a run.

    Returns:
        The result; None in all processes but the first, where torchrun started several.

    Raises:
        ConfigError, DataError, TrainingError: the run cannot start.
        StorageError: the disk is full; files written before are whole.
        TrainingInterruptedError: it was stopped by a signal; its state is saved.
    """
    resolved = resolve(config, data=data)
    return train_resolved(resolved, observer=observer, device=device, resume=resume, overwrite=overwrite)


def train_resolved(
    resolved: ResolvedConfig, *, observer: Observer, device: str = "auto", resume: bool = False, overwrite: bool = False
) -> TrainingResult | None:
    """Train a model by a config that is resolved already; arguments, result and errors as in :func:`train`."""
    refuse_second_run()
    config = resolved.config
    folder = Path(config.output_dir)
    resume = resume or (config.resume_checkpoint and (folder / STATE_FILE).exists())
    with (
        _no_empty_folders(folder),
        ExitStack() as held,
        joined_ranks(device, distributed=config.distributed) as (ranks, own_device),
    ):
        ranks.from_first("folder", Done, lambda: _open_folder(config, held, resume=resume, overwrite=overwrite))
        if ranks.rank == 0 and isinstance(observer, StartObserver):
            observer.on_begin()
        notify = Notify()
        notify = notify._replace(building=observer.on_build) if isinstance(observer, BuildObserver) else notify
        notify = notify._replace(reading=observer.on_read) if isinstance(observer, ReadObserver) else notify
        with prepared_data(config, resolved.recipe, lambda: records_source(config), ranks, notify) as gathered:
            resolved = with_outputs_of(resolved, gathered.records[0])
            state = load_state(folder) if resume else None
            run = prepare_run(resolved, gathered, select_device(own_device), ranks, state)
            if ranks.rank == 0 and overwrite and not resume:
                remove_old_run(folder)
            _train(resolved.config, run, gathered, observer=observer, stopped=state)
            return _evaluate(resolved.config, gathered, run, folder) if ranks.rank == 0 else None


def _open_folder(config: TrainingConfig, held: ExitStack, *, resume: bool, overwrite: bool) -> Done:
    """Check the folder and hold it for this run, until ``held`` ends."""
    folder = Path(config.output_dir)
    held.enter_context(sole_writer([folder / STATE_FILE]))
    check_folder(folder, resume=resume, overwrite=overwrite)
    return Done()


@contextmanager
def _no_empty_folders(folder: Path) -> Iterator[None]:
    """Remove the folders again that a failed run has made and that are empty."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in made:
            with suppress(OSError):  # it holds something
                path.rmdir()
        raise


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
            _observers(config, observer, leads=leads) as observers,
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
    kernels = training_kernels(config, n_steps=run.trainer.n_steps, device=run.trainer.device)
    log.info("kernels: %s", kernels.name if kernels.compiled is None else kernels.compiled.path)
    return kernels


def _kept(folder: Path) -> str:
    if not (folder / STATE_FILE).exists():
        return "No state of this run had been saved yet: start it again"
    return (
        f"The last saved state of the run is kept in {folder}, and the same command with --resume continues from there"
    )


@contextmanager
def _observers(config: TrainingConfig, observer: Observer, *, leads: bool) -> Iterator[Observer]:
    """The observers of this process."""
    if not leads:
        yield NoObserver()
    elif config.log_tensorboard:
        with TensorBoardLog(Path(config.output_dir) / "tensorboard") as curves:
            yield Observers([observer, curves])
    else:
        yield observer


def _evaluate(config: TrainingConfig, data: RunData, run: PreparedRun, folder: Path) -> TrainingResult:
    """Metrics of the best model as read back from its file."""
    best, progress = folder / BEST_MODEL, run.trainer.progress
    evaluator = Evaluator(load_predictor(best, device=str(run.trainer.device), dtype=config.dtype))
    chosen = {name: data.chosen(indices) for name, indices in data.split._asdict().items() if indices}
    chosen |= {"replay": iter(run.replay)} if run.replay else {}
    comparisons = {name: evaluator.compare(records) for name, records in chosen.items()}
    metrics = {name: summarise(items) for name, items in comparisons.items()}
    write_json(folder / "metrics.json", {"best_epoch": progress.best_epoch, **metrics})
    if config.write_predictions:
        write_predictions(folder, comparisons)
    return TrainingResult(folder, best, progress.best_epoch, progress.history, metrics, comparisons)
