"""Observers of a run: when they are called; none, several as one, and TensorBoard curves of the whole history."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from alignn_ff.errors import ConfigError
from alignn_ff.train.loop.state import Progress


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


class Writer(Protocol):
    """The methods of a SummaryWriter that are used here."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """One point of a curve."""

    def close(self) -> None:
        """Write what is still in memory."""


class TensorBoardLog:
    """An observer that writes each epoch's row; used as a context.

    Raises:
        ConfigError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                "log_tensorboard is true, but TensorBoard is not installed: pip install 'alignn-ff[tensorboard]', or "
                f"set it to false ({error})"
            ) from error
        self._writer: Writer = SummaryWriter(log_dir=str(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def on_step(self, progress: Progress, n_steps: int) -> None:
        """Nothing: curves are over epochs."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """One point of each curve, training and validation apart."""
        for name, value in row.items():
            split, _, rest = name.partition("_")
            tag = f"{split}/{rest}" if split in ("train", "val") else name
            if name != "epoch":
                self._writer.add_scalar(tag, value, int(row["epoch"]))


class Observers:
    """Several observers as one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def on_step(self, progress: Progress, n_steps: int) -> None:
        """Call all of them."""
        for observer in self._observers:
            observer.on_step(progress, n_steps)

    def on_epoch(self, row: dict[str, float]) -> None:
        """Call all of them."""
        for observer in self._observers:
            observer.on_epoch(row)


class NoObserver:
    """An observer that does nothing, for all processes but the first."""

    def on_step(self, progress: Progress, n_steps: int) -> None:
        """Do nothing."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """Do nothing."""
