"""What a training says that diverges or leaves out steps: where, which records, what is kept, and what to try."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alignn_ff.train.artifacts import BEST_MODEL
from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.loop.observers import NoObserver
from alignn_ff.train.loop.replay import WithReplay
from alignn_ff.train.loop.state import STATE_FILE
from alignn_ff.train.preparation import PreparedRun
from alignn_ff.train.run_data import RunData
from alignn_ff.train.trainer.divergence import DivergedError
from alignn_ff.train.trainer.skipping import Skipped

log = logging.getLogger(__name__)

SHOWN: Final = 8

MANY_SKIPS: Final = 0.2
"""Part of the steps of an epoch that may be left out without a warning."""


def divergence_message(error: DivergedError, config: TrainingConfig, run: PreparedRun, data: RunData) -> str:
    """What a user needs to know about a training that was stopped by numbers that are not finite."""
    trainer = run.trainer
    where = f"step {error.step} of {trainer.steps.n_steps} (epoch {trainer.progress.epoch + (not error.validation)})"
    names = _names(error, config, run, data)
    which = f" The records are {_some(names)}." if names else ""
    clip = "gradient_clip_norm" + ("" if config.gradient_clip_norm is None else f" (now {config.gradient_clip_norm:g})")
    return (
        f"training was stopped at {where}: the {error.what} is not finite.{which} {_kept(Path(config.output_dir))} Try "
        f"a smaller learning_rate (now {config.learning_rate:g}), a longer warm-up (warmup_steps, now "
        f"{trainer.steps.n_warmup}) or {clip}, and look for wrong labels of these records with alignn-ff data describe"
    )


def skip_message(skipped: Skipped, config: TrainingConfig, run: PreparedRun, data: RunData) -> str:
    """Which step was not taken, with the records that it is made of."""
    names = _some(_trained(skipped.training, config, run, data))
    return (
        f"step {skipped.step} is left out: its gradient norm is {skipped.norm:.3g}, more than {skipped.limit:.3g} "
        f"(skip_gradient_factor, max_gradient_norm). The records are {names}"
    )


def skips_message(n_skipped: int, n_steps: int) -> str:
    """How many steps of a run were not taken."""
    return (
        f"{n_skipped} of {n_steps} steps were left out, since their gradients were too large (skip_gradient_factor, "
        "max_gradient_norm); look for wrong labels of their records with alignn-ff data describe"
    )


class SkipWarnings(NoObserver):
    """Warns of an epoch many of whose steps were not taken."""

    def __init__(self, steps_per_epoch: int) -> None:
        self._steps_per_epoch = steps_per_epoch

    def on_epoch(self, row: dict[str, float]) -> None:
        """Look at how many were left out."""
        share = row.get("skipped_steps", 0.0) / self._steps_per_epoch
        if share > MANY_SKIPS:
            log.warning(
                "%.0f%% of the steps of epoch %d were left out, since their gradients were too large. A model that has "
                "gone astray on some structures cannot come back while steps with them are left out: take a smaller "
                "learning_rate, or a larger max_gradient_norm or skip_gradient_factor",
                100.0 * share,
                row["epoch"],
            )


def _names(error: DivergedError, config: TrainingConfig, run: PreparedRun, data: RunData) -> list[str]:
    """Identifiers of the records concerned."""
    if not error.training:
        return [data.records[data.split.val[row]].identifier for row in error.validation if data.split.val]
    return _trained(error.training, config, run, data)


def _trained(rows: Sequence[int], config: TrainingConfig, run: PreparedRun, data: RunData) -> list[str]:
    """Identifiers of samples of this epoch."""
    samples = WithReplay(
        [("", index) for index in data.split.train],
        [(record.identifier, 0) for record in run.replay],
        run.trainer.batches.n_replayed,
        seed=config.random_seed,
        epoch=run.trainer.progress.epoch,
    )
    chosen = [samples[row] for row in rows]
    return [name or data.records[index].identifier for name, index in chosen]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f", … ({len(names)} in all)" if len(names) > SHOWN else "")


def _kept(folder: Path) -> str:
    """What is on disk of the run before it diverged."""
    if not (folder / STATE_FILE).exists() and not (folder / BEST_MODEL).exists():
        return "Nothing of this run had been saved yet."
    return (
        f"The last good state and the best model before are kept in {folder}; to start again with other values, take "
        "--overwrite or another --output."
    )
