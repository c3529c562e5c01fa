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

A committee has such a folder for each member, ``member-1``, ``member-2``, …, and in the folder itself the file of all
members, ``best_model.pt``, the metrics and predictions of their mean, and ``committee.json``.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from alignn_ff.io import sole_writer
from alignn_ff.loading import select_device
from alignn_ff.train.artifacts import check_folder
from alignn_ff.train.committee import begun, check_committee_folder, member_folders, train_committee
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.datasets import records_source
from alignn_ff.train.distributed.message import Done
from alignn_ff.train.distributed.process_group import joined_ranks
from alignn_ff.train.loop.observers import BuildObserver, Observer, ReadObserver, StartObserver
from alignn_ff.train.loop.state import STATE_FILE
from alignn_ff.train.main_guard import refuse_second_run
from alignn_ff.train.resolution import ResolvedConfig, resolve, with_outputs_of
from alignn_ff.train.run_data import Notify, prepared_data
from alignn_ff.train.session import Manner, TrainingResult, train_model

log = logging.getLogger(__name__)


def train(
    config: TrainingConfig,
    *,
    observer: Observer,
    data: str | Path | None = None,
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
    data = None if data is None else Path(data)
    resolved = resolve(config, data=data)
    return train_resolved(resolved, observer=observer, device=device, resume=resume, overwrite=overwrite)


def train_resolved(
    resolved: ResolvedConfig, *, observer: Observer, device: str = "auto", resume: bool = False, overwrite: bool = False
) -> TrainingResult | None:
    """Train a model by a config that is resolved already; arguments, result and errors as in :func:`train`."""
    refuse_second_run()
    config = resolved.config
    folder = Path(config.output_dir)
    resume = resume or (config.resume_checkpoint and begun(folder))
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
        manner = Manner(select_device(own_device), ranks, observer, resume=resume, overwrite=overwrite)
        with prepared_data(config, resolved.recipe, lambda: records_source(config), ranks, notify) as gathered:
            resolved = with_outputs_of(resolved, gathered.records[0])
            train_here = train_model if config.ensemble == 1 else train_committee
            return train_here(resolved, gathered, manner)


def _open_folder(config: TrainingConfig, held: ExitStack, *, resume: bool, overwrite: bool) -> Done:
    """Check the folder and hold it for this run, until ``held`` ends."""
    folder = Path(config.output_dir)
    held.enter_context(sole_writer([folder / STATE_FILE]))
    if config.ensemble == 1:
        check_folder(folder, resume=resume, overwrite=overwrite)
    for member in member_folders(config):
        check_folder(member, resume=resume, overwrite=overwrite)
    check_committee_folder(config, overwrite=overwrite)
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
