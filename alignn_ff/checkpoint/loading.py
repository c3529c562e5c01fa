"""Reads any model file: of this package or of the published one."""

from pathlib import Path

from alignn_ff.checkpoint.format import Checkpoint, load_own, read_archive
from alignn_ff.checkpoint.published import is_published, load_published


def load(path: Path) -> Checkpoint:
    """Read a model file of this package, or the weights of a published folder.

    Raises:
        CheckpointError: not a model file, damaged, of a newer version, or with weights that do not fit the config.
    """
    content = read_archive(path)
    if is_published(path, content):
        return load_published(path, content)
    return load_own(path, content)
