"""What a training shows on stderr while it runs: a bar on a terminal, and a line per minute elsewhere."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol, Self

from alignn_ff.cli.console import errors, shows_bars

if TYPE_CHECKING:
    from rich.progress import TaskID

    from alignn_ff.train import Progress, TrainingConfig

SHOWN: Final[Mapping[str, str]] = {
    "val_force_MAE_eV_per_A": "val F {:.4f} eV/Å",
    "val_energy_MAE_meV_per_atom": "E {:.2f} meV/atom",
    "val_target_MAE": "val target MAE {:.4g}",
    "val_accuracy": "val accuracy {:.3f}",
    "val_atomwise_MAE": "atomwise MAE {:.4g}",
}
"""Columns of the history that are shown during a run."""

SECONDS_PER_LINE: Final = 60.0


class TrainingProgress(Protocol):
    """An observer of a training, used as a context."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *error: object) -> None:
        """Show no more."""

    def on_begin(self) -> None:
        """Before the data are read."""

    def on_read(self, done: int) -> None:
        """After some records were read."""

    def on_build(self, done: int, total: int) -> None:
        """After some graphs of the cache were built."""

    def on_start(self, row: dict[str, float]) -> None:
        """Before the first step of a run that starts from a model, with the errors of that model."""

    def on_step(self, progress: "Progress", n_steps: int) -> None:
        """After a step."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """After an epoch."""


def training_progress(config: "TrainingConfig") -> TrainingProgress:
    """A bar on a terminal and in a notebook, else lines."""
    return ProgressBar(config) if shows_bars() else ProgressLines(config)


def described_errors(row: Mapping[str, float]) -> str:
    """Losses and errors of a row of the history."""
    parts = [f"loss {row['train_total_loss']:.4g}"] if "train_total_loss" in row else []
    return " · ".join(parts + [shown.format(row[name]) for name, shown in SHOWN.items() if name in row])


def described_start(row: Mapping[str, float]) -> str:
    """The errors of the model that a run starts from."""
    return f"before the first step, with reference energies of these data: {described_errors(row)}"


class ProgressLines:
    """A line at the start, one per minute, and one at the end.

    Args:
        config: of the run; without ``progress`` nothing is printed.
    """

    def __init__(self, config: "TrainingConfig") -> None:
        self._config = config
        self._printed = time.monotonic()
        self._state = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is left to do."""

    def on_begin(self) -> None:
        """Print what is trained on."""
        source = self._config.data or self._config.dataset
        self._print(f"training on {source}, {self._config.epochs} epochs, into {self._config.output_dir}")

    def on_read(self, done: int) -> None:
        """Print the number of structures, where a minute has passed."""
        if self._is_time():
            self._print(f"read: {done} structures")

    def on_build(self, done: int, total: int) -> None:
        """Print the number of graphs, where a minute has passed."""
        if self._is_time():
            self._print(f"graphs: {done} of {total}")

    def on_start(self, row: dict[str, float]) -> None:
        """Print the errors of the model that the run starts from."""
        self._print(described_start(row))

    def on_step(self, progress: "Progress", n_steps: int) -> None:
        """Print the number of steps, where a minute has passed."""
        if self._is_time():
            self._print(
                f"step {progress.step}/{n_steps} · epoch {progress.epoch}{self._state} · {progress.seconds:.0f} s"
            )

    def on_epoch(self, row: dict[str, float]) -> None:
        """Print the errors of the last epoch, and of others where a minute has passed."""
        self._state = f" · {described_errors(row)}"
        epoch, n_epochs = int(row["epoch"]), self._config.epochs
        if epoch == n_epochs or self._is_time():
            self._print(f"epoch {epoch}/{n_epochs}{self._state} · {row['seconds']:.0f} s")

    def _is_time(self) -> bool:
        return time.monotonic() - self._printed >= SECONDS_PER_LINE

    def _print(self, line: str) -> None:
        if self._config.progress:
            errors.print(line, markup=False, soft_wrap=True)
        self._printed = time.monotonic()


class ProgressBar:
    """A bar with losses and remaining time.

    Args:
        config: of the run; without ``progress`` nothing is shown.
    """

    def __init__(self, config: "TrainingConfig") -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._config = config
        self._bar = Progress(
            TextColumn("[bold]{task.description}[/]"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=errors,
            disable=not config.progress,
        )
        self._task: TaskID | None = None
        self._graphs: TaskID | None = None
        self._state = "…"

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def on_begin(self) -> None:
        """Nothing is shown yet."""

    def on_read(self, done: int) -> None:
        """Show the number of structures."""
        if self._graphs is None:
            self._graphs = self._bar.add_task("read", total=None, state="structures")
        self._bar.update(self._graphs, completed=done)

    def on_build(self, done: int, total: int) -> None:
        """Advance the bar of the graph cache."""
        if self._graphs is None:
            self._graphs = self._bar.add_task("graphs", total=total, state="")
        self._bar.update(self._graphs, completed=done, total=total, description="graphs", state="")

    def on_start(self, row: dict[str, float]) -> None:
        """Print the errors of the model that the run starts from."""
        if self._config.progress:
            errors.print(described_start(row), markup=False)

    def on_step(self, progress: "Progress", n_steps: int) -> None:
        """Advance the bar."""
        if self._graphs is not None:
            self._bar.remove_task(self._graphs)
            self._graphs = None
        if self._task is None:
            self._task = self._bar.add_task("training", total=n_steps, state="")
        self._bar.update(self._task, completed=progress.step, state=self._described(progress.epoch))

    def on_epoch(self, row: dict[str, float]) -> None:
        """Show the latest errors."""
        self._state = described_errors(row)
        if self._task is not None:
            self._bar.update(self._task, state=self._described(int(row["epoch"])), refresh=True)

    def _described(self, epoch: int) -> str:
        return f"steps · epoch {epoch} · {self._state}"
