"""Unpack a downloaded file into a model folder: a model file of this package, or a zip of a published folder.

The paths in the file are not used: members are found by their base names and written under fixed names.
"""

import re
import shutil
import zipfile
from pathlib import Path
from typing import Final

from alignn_ff.errors import DownloadError
from alignn_ff.io import disk_errors

CONFIG_NAME: Final = "config.json"
LARGEST_BYTES: Final = 4 << 30
"""Largest file that is unpacked; a larger one is not a model."""


def unpack_model(file: Path, folder: Path) -> list[Path]:
    """Write the model in a downloaded file to ``folder``, under the standard names.

    Returns:
        The files: ``model.pt``; or ``config.json`` and ``best_model.pt`` of a published folder.

    Raises:
        DownloadError: the file is damaged or holds neither.
        StorageError: the disk is full, over quota or failing.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
            if damaged is not None:
                raise DownloadError(f"{file.name} is damaged: the checksum of {damaged} is wrong")
            config = _member(archive, [CONFIG_NAME])
            if config is None:
                with disk_errors(folder / "model.pt"):
                    return [Path(shutil.copy(file, folder / "model.pt"))]
            weights = _member(archive, WEIGHTS)
            if weights is None:
                raise DownloadError(f"{file.name} holds a {CONFIG_NAME}, but no weights (best_model.pt)")
            return [
                _extract(archive, config, folder / CONFIG_NAME),
                _extract(archive, weights, folder / "best_model.pt"),
            ]
    except zipfile.BadZipFile as error:
        raise DownloadError(
            f"{file.name} is not a model: neither a model file nor a zip of a published folder ({error})"
        ) from error


WEIGHTS: Final = [r"best_model\.pt", r"checkpoint_\d+\.pt"]
"""Base names of weights in published zips, the best first; of several checkpoints the last is used."""


def _member(archive: zipfile.ZipFile, patterns: list[str]) -> zipfile.ZipInfo | None:
    for pattern in patterns:
        found = [info for info in archive.infolist() if re.fullmatch(pattern, info.filename.rsplit("/", 1)[-1])]
        if found:
            return max(found, key=lambda info: [int(number) for number in re.findall(r"\d+", info.filename[-20:])])
    return None


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> Path:
    if member.file_size > LARGEST_BYTES:
        raise DownloadError(f"{member.filename} would have {member.file_size} bytes; that is too large for a model")
    with archive.open(member) as source, disk_errors(target), target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    return target
