"""Checks before any work is done: nothing is overwritten without permission, and the outputs can be written."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ase import Atoms

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.io.sole_writer import sole_writer
from alignn_ff.io.structures import write_structure


@contextmanager
def claimed(paths: Iterable[Path], *, overwrite: bool, source: Path | None = None) -> Iterator[None]:
    """A context in which this run alone writes its outputs; arguments and errors as in :func:`claim`.

    Raises:
        ConfigError: also if another run is writing one of them.
    """
    outputs = list(paths)
    with sole_writer(path for path in outputs if not path.is_dir()):
        claim(outputs, overwrite=overwrite, source=source)
        yield


def claim(paths: Iterable[Path], *, overwrite: bool, source: Path | None = None) -> None:
    """Make sure that files may be written, and create their folders.

    Args:
        paths: of the outputs.
        overwrite: whether existing files may be replaced.
        source: the input, which no output may replace.

    Raises:
        ConfigError: an output is the input or a folder, or exists already and ``overwrite`` is False.
    """
    wanted = list(paths)
    if source is not None and source.resolve() in {path.resolve() for path in wanted}:
        raise ConfigError(f"the output {source} would replace the input; choose another --output")
    folders = [str(path) for path in wanted if path.is_dir()]
    if folders:
        raise ConfigError(f"the output {', '.join(folders)} is a folder; --output takes the name of a file")
    present = [str(path) for path in wanted if path.exists()]
    if present and not overwrite:
        raise ConfigError(
            f"{', '.join(present)} exists already; nothing was written. Choose another --output, or add --overwrite"
        )
    for path in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)


def check_format(path: Path, atoms: Atoms) -> None:
    """Make sure that a structure can be written in the format of a file name, by writing it to a temporary folder.

    Raises:
        StructureError: it cannot.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            write_structure(Path(folder) / path.name, atoms)
        except (StructureError, RuntimeError) as error:
            reason = error.__cause__ or error
            raise StructureError(
                f"cannot write this structure as {path} ({reason}); .extxyz can hold any structure"
            ) from error
