"""The files of a dynamics run: their paths, and the writers of trajectories and log during the run."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from alignn_ff.errors import ConfigError, OutputError
from alignn_ff.io import atomic_write, named_output, write_json
from alignn_ff.md.config import MDConfig
from alignn_ff.md.harvest import Watch
from alignn_ff.md.result import MDResult
from alignn_ff.md.thermo_log import ThermoFile
from alignn_ff.trajectory.extended_xyz import frame_text
from alignn_ff.trajectory.formats import FORMATS, FormatName, FrameFile
from alignn_ff.trajectory.record_file import disk_failed
from alignn_ff.trajectory.snapshot import Snapshot

HARVEST: Final = "harvest"
"""Name of the harvest among the outputs of a run."""


@dataclass(frozen=True)
class MDFiles:
    """Files of a dynamics run; their names begin with ``prefix``, except that of ``harvest``, uncertain frames."""

    prefix: Path
    formats: tuple[FormatName, ...] = ("extxyz",)
    harvest: Path | None = None

    def __post_init__(self) -> None:
        """Check that the harvest has a file of its own.

        Raises:
            ConfigError: it is also another output.
        """
        others = (*self.frames.values(), self.log, self.final, self.summary, self.restart, self.report, self.last_frame)
        if self.harvest is not None and self.harvest.absolute() in [path.absolute() for path in others]:
            raise ConfigError(f"the harvest {self.harvest} is also another output of this run; give it another name")

    @property
    def frames(self) -> dict[FormatName, Path]:
        """Trajectories."""
        return {name: self._named(FORMATS[name].suffix) for name in self.formats}

    @property
    def trajectory(self) -> Path:
        """The first of the trajectories."""
        return self.frames[self.formats[0]]

    @property
    def log(self) -> Path:
        """Energies, temperature, pressure and volume as CSV."""
        return self._named(".csv")

    @property
    def final(self) -> Path:
        """The last structure."""
        return self._named("-final.extxyz")

    @property
    def summary(self) -> Path:
        """The result as JSON."""
        return self._named(".json")

    @property
    def restart(self) -> Path:
        """The file from which a run resumes."""
        return self._named(".restart")

    @property
    def report(self) -> Path:
        """Why a guard stopped the run, as JSON."""
        return self._named("-stopped.json")

    @property
    def last_frame(self) -> Path:
        """The structure on which a guard stopped the run."""
        return self._named("-stopped.extxyz")

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file that a complete run writes."""
        harvest = () if self.harvest is None else (self.harvest,)
        return (*self.frames.values(), self.log, self.final, self.summary, self.restart, *harvest)

    def _named(self, ending: str) -> Path:
        return self.prefix.with_name(self.prefix.name + ending)


def md_files(
    source: str | Path,
    *,
    prefix: str | Path | None = None,
    formats: tuple[FormatName, ...] = ("extxyz",),
    harvest: str | Path | None = None,
) -> MDFiles:
    """Files of a dynamics run of ``source``.

    Names begin with ``prefix``, or with "<stem>-md": in the current directory, or in a folder that ``prefix`` names.
    """
    source = Path(source)
    harvest = None if harvest is None else Path(harvest)
    return MDFiles(named_output(prefix, f"{source.stem}-md"), formats, harvest)


class Outputs:
    """Trajectories and log of a run in progress, as a context that closes them.

    Args:
        files: their paths.
        config: what is written, and how often.
        kept: length of each file when the restart file was written, to which it is truncated; None starts new files.
        watch: writes the harvest.
        uncertain: whether the log has columns of standard deviations.
    """

    def __init__(
        self,
        files: MDFiles,
        config: MDConfig,
        *,
        watch: Watch,
        kept: Mapping[str, int] | None = None,
        uncertain: bool = False,
    ) -> None:
        self._config = config
        stale: tuple[Path, ...] = (files.report, files.last_frame)
        if kept is None:
            stale += (files.summary, files.final, files.restart, previous(files.restart))
        else:
            _check_lengths(files, kept)
        for path in stale:
            path.unlink(missing_ok=True)
        keep: Mapping[str, int | None] = kept or {}
        with ExitStack() as stack:
            self._log = ThermoFile(files.log, keep=keep.get("log"), uncertain=uncertain)
            stack.callback(self._log.close)
            self._frames: dict[str, FrameFile] = {}
            for name, path in files.frames.items():
                self._frames[name] = FORMATS[name].open(path, config.quantities, keep=keep.get(name))
                stack.callback(self._frames[name].close)
            self._harvest = watch.open(files.harvest, keep=keep.get(HARVEST))
            if self._harvest is not None:
                stack.callback(self._harvest.close)
            self._stack = stack.pop_all()

    def write(self, snapshot: Snapshot) -> None:
        """Write the frame and the row of a step, if they are due."""
        if snapshot.step % self._config.write_every == 0:
            for frames in self._frames.values():
                frames.write(snapshot)
        if snapshot.step % self._config.log_every == 0:
            self._log.write(snapshot)

    def sync(self) -> dict[str, int]:
        """Flush everything to the disk; returns the length of each file, in bytes or frames."""
        harvest = {} if self._harvest is None else {HARVEST: self._harvest.sync()}
        return {"log": self._log.sync(), **harvest, **{name: frames.sync() for name, frames in self._frames.items()}}

    def close(self) -> None:
        """Close all files.

        Raises:
            OSError, OutputError: the disk is full or failing.
        """
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except (OSError, OutputError):
            if error is None:
                raise  # otherwise the first error is the one to report


def _check_lengths(files: MDFiles, kept: Mapping[str, int]) -> None:
    """Check that the files exist and are at least as long as when the restart file was written.

    Raises:
        OutputError: a file is missing or shorter.
    """
    paths: dict[str, Path] = {"log": files.log} | {str(name): path for name, path in files.frames.items()}
    paths |= {} if files.harvest is None else {HARVEST: files.harvest}
    for name, path in paths.items():
        empty = kept[name] == 0
        size = path.stat().st_size if path.is_file() else -1
        in_bytes = name in ("log", HARVEST) or FORMATS[name].counts_bytes
        if size < (kept[name] if in_bytes else 1) and not empty:
            found = "is missing" if size < 0 else f"holds {size} bytes"
            raise OutputError(
                f"the output {path} {found}, but the restart file continues after "
                f"{kept[name]} {'bytes' if in_bytes else 'frames'} of it; restore that file"
            )


def write_md_end(files: MDFiles, result: MDResult) -> None:
    """Write the last structure with momenta and the JSON summary, each atomically."""
    try:
        with atomic_write(files.final) as temporary:
            text = frame_text(result.atoms, step=result.n_steps, time_fs=result.simulated_time_fs)
            temporary.write_text(text, encoding="utf-8")
        write_json(files.summary, result.to_json())
    except OSError as error:
        raise disk_failed(files.summary, error) from error


def previous(path: Path) -> Path:
    """Path of the restart file before the last one."""
    return path.with_name(f"{path.stem}-previous{path.suffix}")
