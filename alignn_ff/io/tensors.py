"""Tensors on disk, whole or not there."""

import io
from pathlib import Path

import torch

from alignn_ff.io.atomic import atomic_write


def write_tensors(path: Path, content: object) -> None:
    """Write what ``torch.save`` makes of plain data and tensors, atomically.

    By way of memory, since ``torch.save`` hides what a disk says behind an error of its own.

    Raises:
        StorageError: the disk is full, or fails.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_write(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
