"""Tensors on disk, complete or absent."""

import io
from pathlib import Path

import torch

from alignn_ff.io.atomic import atomic_write


def write_tensors(path: Path, content: object) -> None:
    """Write what ``torch.save`` makes of plain data and tensors, atomically.

    The bytes are made in memory first, since ``torch.save`` replaces the error of a full disk by one of its own.

    Raises:
        StorageError: the disk is full, over quota or failing.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
