"""The rule that nothing is overwritten unless that was asked for, and that what will be written can be."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from ase import Atoms

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.io import write_structure


def claim(paths: Iterable[Path], *, source: Path, overwrite: bool) -> None:
    """Make sure that files may be written: before the work, not after it.

    Raises:
        ConfigError: a file is the input, or is there already and ``overwrite`` is False.
    """
    wanted = list(paths)
    if source.resolve() in {path.resolve() for path in wanted}:
        raise ConfigError(f"the output {source} would replace the input; choose another --output")
    folders = [str(path) for path in wanted if path.is_dir()]
    if folders:
        raise ConfigError(f"the output {', '.join(folders)} is a folder; --output takes the name of a file")
    present = [str(path) for path in wanted if path.exists()]
    if present and not overwrite:
        raise ConfigError(
            f"already there: {', '.join(present)}; nothing was written. Choose another --output, or allow it with "
            "--overwrite"
        )
    for path in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)


def check_format(path: Path, atoms: Atoms) -> None:
    """Make sure that a structure can be written in the format that a file name tells, by trying it elsewhere.

    Raises:
        StructureError: it cannot.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            write_structure(Path(folder) / path.name, atoms)
        except (StructureError, RuntimeError) as error:
            reason = error.__cause__ or error
            raise StructureError(f"cannot write this structure as {path} ({reason}); .extxyz takes any") from error
