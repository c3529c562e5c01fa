"""Downloaded models: downloaded once, checked, and then available offline.

Each has a folder ``<cache>/<name>/`` with ``source.json``, which holds the address and the hashes of its files.
"""

import datetime as dt
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from alignn_ff.checkpoint.format import read_archive
from alignn_ff.errors import CheckpointError, ConfigError, DownloadError, ModelNotFoundError
from alignn_ff.io import write_json
from alignn_ff.zoo import places
from alignn_ff.zoo.archive import unpack_model
from alignn_ff.zoo.cards import shipped_cards
from alignn_ff.zoo.download import Progress, download, sha256_of
from alignn_ff.zoo.published import published_models
from alignn_ff.zoo.retired import replaced

SOURCE_NAME: Final = "source.json"


class Source(BaseModel):
    """Origin of a downloaded model.

    Attributes:
        url: the address.
        sha256: of the file at that address.
        files: name → SHA-256 of each file in the folder.
        fetched: date and time, UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    sha256: str
    files: dict[str, str]
    fetched: str


def fetch(
    name_or_url: str,
    *,
    name: str | None = None,
    sha256: str | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """The folder of a downloaded model; it is downloaded if it is not in the cache.

    Args:
        name_or_url: a model of this package that does not ship, one that the published package lists, or an http(s)
            address of a model file or of a zip of a published folder.
        name: name in the cache; None means the listed name, or the last part of the address.
        sha256: expected SHA-256 of the downloaded file. The published package lists none; cards hold one.
        cache: folder of downloaded models; None means the user's cache.
        progress: called with the number of bytes.

    Raises:
        ModelNotFoundError: no listed model has this name.
        DownloadError: see :func:`download`; or the name is already used for another address.
        CheckpointError: the files were changed after the download, or the download is not a model.
    """
    url = _address(name_or_url)
    sha256 = sha256 or _checksum(name_or_url)
    name = valid_name(name or (name_or_url if name_or_url != url else Path(urlsplit(url).path).stem))
    folder = (cache or places.download_cache()) / name
    if (folder / SOURCE_NAME).is_file():
        return _already_here(folder, url, sha256)
    folder.parent.mkdir(parents=True, exist_ok=True)
    archive = folder.parent / f"{name}.download"
    download(url, archive, sha256=sha256, progress=progress)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as scratch:
        fresh = Path(scratch) / name
        fresh.mkdir()
        try:
            files = unpack_model(archive, fresh)
            read_archive(files[-1])
        except (DownloadError, CheckpointError):
            archive.unlink()  # complete and wrong, so resuming it would not help
            raise
        source = Source(
            url=url,
            sha256=sha256_of(archive),
            files={file.name: sha256_of(file) for file in files},
            fetched=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        )
        write_json(fresh / SOURCE_NAME, source.model_dump())
        shutil.rmtree(folder, ignore_errors=True)  # left by an interrupted fetch: it has no source.json
        fresh.rename(folder)
    archive.unlink()
    return folder


def read_source(folder: Path) -> Source:
    """Origin of a downloaded model, after a check that its files are unchanged.

    Raises:
        CheckpointError: they are changed, or the record cannot be read.
    """
    try:
        source = Source.model_validate_json((folder / SOURCE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise CheckpointError(f"{folder / SOURCE_NAME} cannot be read; remove {folder} and fetch it again") from error
    for name, expected in source.files.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != expected:
            raise CheckpointError(
                f"{folder / name} is not the file that was downloaded; remove {folder} and fetch it again"
            )
    return source


def valid_name(name: str) -> str:
    """Check that a name is valid as the name of a folder, and return it.

    Raises:
        ConfigError: the name is not valid.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) or name == "auto":
        raise ConfigError(
            f"{name!r} cannot be the name of a model: letters, digits, '.', '_' and '-', beginning with a letter or "
            "digit, and not 'auto'; give another one with --name"
        )
    return name


def _address(name_or_url: str) -> str:
    if "://" in name_or_url:
        return name_or_url
    own = [card.url for card in shipped_cards() if card.name == name_or_url and card.url is not None]
    if own:
        return own[0]
    if name_or_url in {card.name for card in shipped_cards()}:
        raise ModelNotFoundError(f"the model {name_or_url!r} ships with alignn-ff; there is nothing to fetch")
    listed = published_models()
    if name_or_url not in listed:
        raise ModelNotFoundError(
            replaced(name_or_url)
            or f"the published package lists no model {name_or_url!r}; `alignn-ff zoo list --published` shows its "
            f"{len(listed)} names, and any https:// address of a model can be fetched"
        )
    return listed[name_or_url].url


def _checksum(name: str) -> str | None:
    """SHA-256 of a model of this package that does not ship; None of any other."""
    return next((card.sha256 for card in shipped_cards() if card.name == name and card.url is not None), None)


def _already_here(folder: Path, url: str, sha256: str | None) -> Path:
    source = read_source(folder)
    if source.url != url:
        raise DownloadError(f"{folder.name!r} is from {source.url}, not from {url}; give another name with --name")
    if sha256 is not None and source.sha256 != sha256.lower():
        raise DownloadError(
            f"{folder.name!r} is in the cache, but was downloaded with the SHA-256 {source.sha256}, but "
            f"{sha256.lower()} is expected; remove {folder} to fetch it again"
        )
    return folder
