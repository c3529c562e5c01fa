"""Find a model file by a name, a path or a set of elements."""

from collections.abc import Iterable
from pathlib import Path

from ase.data import chemical_symbols

from alignn_ff.errors import CheckpointError, ElementNotCoveredError, ModelNotFoundError
from alignn_ff.zoo import places
from alignn_ff.zoo.cards import ModelCard, cards, cards_in, shipped_cards
from alignn_ff.zoo.download import sha256_of
from alignn_ff.zoo.fetch import SOURCE_NAME, read_source
from alignn_ff.zoo.published import published_models

MODEL_FILE_NAMES = ("model.pt", "best_model.pt")


def model_file(name_or_path: str | Path) -> Path:
    """The file of a model given by its file, a folder that holds one, or a name.

    A name is looked up among the shipped models, then in the user's zoo, then among those downloaded.

    Raises:
        ModelNotFoundError: no such file, folder or name.
        CheckpointError: the file in the user's zoo or in the cache is not the one that was added or downloaded.
    """
    if not str(name_or_path):
        raise ModelNotFoundError("the name of the model is empty; give a name of the zoo, a file or a folder")
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        return file_in(path)
    name = str(name_or_path)
    for card in shipped_cards():
        if card.name == name:
            return card.file
    for card in cards_in(places.user_zoo()):
        if card.name == name:
            return _unchanged(card)
    if name in downloaded():
        read_source(places.download_cache() / name)
        return file_in(places.download_cache() / name)
    raise ModelNotFoundError(_not_found(name))


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


def choose(atomic_numbers: Iterable[int]) -> ModelCard:
    """The shipped model for a structure: the one with the fewest elements that covers all of its elements.

    Models that a user added or downloaded are never chosen; they are used by name only.

    Raises:
        ElementNotCoveredError: no model covers all elements.
    """
    needed = frozenset(int(z) for z in atomic_numbers)
    shipped = shipped_cards()
    covering = [card for card in shipped if needed <= card.atomic_numbers]
    if covering:
        return min(covering, key=lambda card: (len(card.elements), card.name))
    symbols = ", ".join(chemical_symbols[z] for z in sorted(needed))
    there = "; ".join(f"{card.name} ({', '.join(card.elements)})" for card in shipped) or "none"
    raise ElementNotCoveredError(
        f"no shipped model covers {symbols}. Shipped models: {there}. Give your own with --model PATH, "
        "or train one: alignn-ff train config.json --data your.extxyz"
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
    available = ", ".join([*(card.name for card in cards()), *downloaded()]) or "no models"
    if name in published_models():
        return (
            f"the model {name!r} of the published package is not downloaded yet; use `alignn-ff zoo fetch {name}`. "
            f"Available: {available}"
        )
    return f"no model {name!r}: no such file or folder, and the zoo has {available}; `alignn-ff zoo list` shows them"
