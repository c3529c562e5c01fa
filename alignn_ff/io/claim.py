"""Checks before any work is done: nothing is overwritten without permission, and the outputs can be written."""

import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ase import Atoms

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.io.sole_writer import sole_writer
from alignn_ff.io.structures import write_structure

log = logging.getLogger(__name__)


class EarlierRun(NamedTuple):
    """A run of the same outputs that may have been made before.

    Attributes:
        command: that resumes it with ``--restart``.
        restart: its restart file.
        report: exists if a guard stopped it; its files may then be replaced by a corrected run. None if there is none.
    """

    command: str
    restart: Path
    report: Path | None = None


@contextmanager
def claimed(
    paths: Iterable[Path], *, overwrite: bool, source: Path | None = None, earlier: EarlierRun | None = None
) -> Iterator[None]:
    """A context in which this run alone writes its outputs; arguments and errors as in :func:`claim`.

    Raises:
        ConfigError: also if another run is writing one of them.
    """
    outputs = list(paths)
    with sole_writer(path for path in outputs if not path.is_dir()):
        claim(outputs, overwrite=overwrite, source=source, earlier=earlier)
        yield


def claim(
    paths: Iterable[Path], *, overwrite: bool, source: Path | None = None, earlier: EarlierRun | None = None
) -> None:
    """Make sure that files may be written, and create their folders.

    Args:
        paths: of the outputs.
        overwrite: whether existing files may be replaced.
        source: the input, which no output may replace.
        earlier: the run that may have written them.

    Raises:
        ConfigError: an output is the input or a folder, its folder is read-only, or it exists already and
            ``overwrite`` is False.
    """
    wanted = list(paths)
    if source is not None and source.resolve() in {path.resolve() for path in wanted}:
        raise ConfigError(f"the output {source} would replace the input; choose another path")
    _refuse_folders(wanted)
    present = [str(path) for path in wanted if path.exists()]
    if present and not overwrite and not _was_stopped(earlier):
        exist = "exists" if len(present) == 1 else "exist"
        raise ConfigError(
            f"{', '.join(present)} {exist} already; nothing was written. Choose another path, or add --overwrite"
            f"{_how_to_resume(earlier)}"
        )
    for path in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise ConfigError(f"the output {path} cannot be written: its folder is read-only; choose another path")


def _refuse_folders(paths: Iterable[Path]) -> None:
    folders = [str(path) for path in paths if path.is_dir()]
    if folders:
        raise ConfigError(f"the output {', '.join(folders)} is a folder; --output takes the name of a file")


def _was_stopped(earlier: EarlierRun | None) -> bool:
    """Whether a guard stopped the earlier run."""
    if earlier is None or earlier.report is None or not earlier.report.exists():
        return False
    log.warning("replacing the files of the run that a guard stopped (%s)", earlier.report)
    return True


def _how_to_resume(earlier: EarlierRun | None) -> str:
    if earlier is None or not earlier.restart.exists():
        return ""
    return f"; `alignn-ff {earlier.command} --restart {earlier.restart}` resumes the run that wrote them"


def check_format(path: Path, atoms: Atoms) -> None:
    """Make sure that a structure can be written in the format of a file name, by writing it to a temporary folder.

    Raises:
        StructureError: it cannot.
        ConfigError: the name is that of a folder.
    """
    _refuse_folders([path])
    with tempfile.TemporaryDirectory() as folder:
        try:
            write_structure(Path(folder) / path.name, atoms)
        except (StructureError, RuntimeError) as error:
            reason = error.__cause__ or error
            raise StructureError(
                f"cannot write this structure as {path} ({reason}); .extxyz can hold any structure"
            ) from error
