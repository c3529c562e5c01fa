"""Find a model file by a name, a path or a set of elements."""

import logging
import os
from pathlib import Path
from typing import Final, Literal, NamedTuple

from alignn_ff.errors import CheckpointError, ModelNotFoundError
from alignn_ff.zoo import places
from alignn_ff.zoo.cards import ModelCard, cards, cards_in, shipped_cards
from alignn_ff.zoo.download import sha256_of
from alignn_ff.zoo.fetch import SOURCE_NAME, Source, read_source
from alignn_ff.zoo.published import published_models
from alignn_ff.zoo.retired import nearest_name, replaced

log = logging.getLogger(__name__)

MODEL_FILE_NAMES = ("model.pt", "best_model.pt")

Origin = Literal["shipped", "own zoo", "downloaded", "file"]

ORIGINS: Final[dict[Origin, str]] = {
    "shipped": "shipped with alignn-ff",
    "own zoo": "from your own zoo",
    "downloaded": "downloaded",
    "file": "from a file",
}
"""Where a model can come from, in words."""


class Found(NamedTuple):
    """The file of a model, and where it comes from."""

    file: Path
    origin: Origin


def find(name_or_path: str | Path) -> Found:
    """The file of a model given by its file, a folder that holds one, or a name.

    Text with a path separator, or that begins with "." or "~", is a path. Other text is a name, which is looked up
    among the shipped models, then in the user's zoo, then among those downloaded. Text that is no name of any model is
    a path too. A file or folder in the current directory therefore never replaces a model of the same name.

    Raises:
        ModelNotFoundError: no such file, folder or name.
        CheckpointError: the file in the user's zoo or in the cache is not the one that was added or downloaded.
    """
    text = str(name_or_path)
    if not text:
        raise ModelNotFoundError("the name of the model is empty; give a name of the zoo, a file or a folder")
    path = Path(text).expanduser()
    if _is_path(text) or (isinstance(name_or_path, Path) and path.exists()):
        return _at(path, text)
    named = _named(text)
    if named is not None:
        _warn_of_namesake(text, path, named)
        return named
    if path.exists() and (path.suffix or not _known(text)):
        try:
            return _at(path, text)
        except ModelNotFoundError as error:
            names = [card.name for card in cards()]
            raise ModelNotFoundError(
                f"{error}; the zoo has no model {text!r} either, `alignn-ff zoo list` shows its models"
                f"{nearest_name(text, names)}"
            ) from error
    raise ModelNotFoundError(_not_found(text))


def model_file(name_or_path: str | Path) -> Path:
    """The file of a model; arguments and errors as in :func:`find`."""
    return find(name_or_path).file


def _is_path(text: str) -> bool:
    separators = {os.sep, os.altsep} - {None}
    return text.startswith((".", "~")) or any(str(separator) in text for separator in separators)


def _at(path: Path, text: str) -> Found:
    """The model at a path.

    Raises:
        ModelNotFoundError: there is none.
    """
    if path.is_file():
        return Found(path, "file")
    if path.is_dir():
        return Found(file_in(path), "file")
    raise ModelNotFoundError(_not_found(text))


def _named(name: str) -> Found | None:
    """The model of a name; None if there is none."""
    for card in shipped_cards():
        if card.name == name and card.file.is_file():
            return Found(card.file, "shipped")
    for card in cards_in(places.user_zoo()):
        if card.name == name:
            return Found(_unchanged(card), "own zoo")
    if name in downloaded():
        _check_the_card_of(name, read_source(places.download_cache() / name))
        return Found(file_in(places.download_cache() / name), "downloaded")
    return None


def _known(name: str) -> bool:
    """Whether a model that is not here has the name: one to download, or one that no longer ships."""
    return replaced(name) is not None or name in published_models() or name in {card.name for card in shipped_cards()}


def _warn_of_namesake(name: str, path: Path, named: Found) -> None:
    """Warn if a model of the same name lies in the current directory."""
    try:
        here = _at(path, name).file
    except ModelNotFoundError:
        return
    if here.resolve() != named.file.resolve():
        log.warning(
            "the model %r is the one %s; that in %s is not used, write %s for it",
            name,
            ORIGINS[named.origin],
            path.resolve(),
            f".{os.sep}{name}",
        )


def file_in(folder: Path) -> Path:
    """The model file in a folder.

    Raises:
        ModelNotFoundError: there is none.
    """
    for name in MODEL_FILE_NAMES:
        if (folder / name).is_file():
            return folder / name
    raise ModelNotFoundError(f"the folder {folder} holds no model: it has none of {', '.join(MODEL_FILE_NAMES)}")


def downloaded() -> list[str]:
    """Names of the models in the download cache."""
    return sorted(path.parent.name for path in places.download_cache().glob(f"*/{SOURCE_NAME}"))


def _check_the_card_of(name: str, source: Source) -> None:
    """Check that a download under the name of a model of this package is that model.

    Raises:
        CheckpointError: it is another file.
    """
    expected = next((card.sha256 for card in shipped_cards() if card.name == name and card.url is not None), None)
    if expected is not None and source.sha256 != expected:
        folder = places.download_cache() / name
        raise CheckpointError(
            f"{folder} is from {source.url}, and is not the model {name!r} of this package; remove the folder and run "
            f"`alignn-ff zoo fetch {name}`"
        )


def _unchanged(card: ModelCard) -> Path:
    if not card.file.is_file():
        raise ModelNotFoundError(f"{card.file}, the file of the model {card.name!r}, is missing; add the model again")
    if sha256_of(card.file) != card.sha256:
        raise CheckpointError(
            f"{card.file} is not the file that was added as {card.name!r}: its SHA-256 differs from that of its card; "
            "add the model again with --overwrite"
        )
    return card.file


def _not_found(name: str) -> str:
    there = [card.name for card in cards() if card.present_file is not None]
    names = list(dict.fromkeys([*there, *downloaded()]))
    available = ", ".join(names) or "no models"
    old = replaced(name)
    if old is not None:
        return old
    fetched = next((card for card in shipped_cards() if card.name == name and card.url is not None), None)
    if fetched is not None:
        return (
            f"the model {name!r} is too large to ship and is not downloaded yet: `alignn-ff zoo fetch {name}` "
            f"downloads it once, with a network; on a machine without one, copy {fetched.url} to {fetched.file}. "
            f"Available: {available}"
        )
    if name in published_models():
        return (
            f"the model {name!r} of the published package is not downloaded yet; use `alignn-ff zoo fetch {name}`. "
            f"Available: {available}"
        )
    return (
        f"no model {name!r}: no such file or folder, and the zoo has {available}; `alignn-ff zoo list` shows them"
        f"{nearest_name(name, names)}"
    )
