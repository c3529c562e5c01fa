"""From a name, a path or a set of elements to a model file."""

from collections.abc import Iterable
from pathlib import Path

from ase.data import chemical_symbols

from alignn_ff.errors import ElementNotCoveredError, ModelNotFoundError
from alignn_ff.zoo.cards import ModelCard, cards

MODEL_FILE_NAMES = ("model.pt", "best_model.pt")


def model_file(name_or_path: str | Path) -> Path:
    """The file of a model given by its zoo name, its file, or a folder that holds one.

    Raises:
        ModelNotFoundError: neither a model of the zoo nor a file or folder with a model.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        for name in MODEL_FILE_NAMES:
            if (path / name).is_file():
                return path / name
        raise ModelNotFoundError(f"the folder {path} holds no model: none of {', '.join(MODEL_FILE_NAMES)} is in it")
    known = cards()
    for card in known:
        if card.name == str(name_or_path):
            return card.file
    raise ModelNotFoundError(
        f"no model {str(name_or_path)!r}: no such file or folder, and the zoo has "
        f"{', '.join(card.name for card in known) or 'no models'}; `alignn-ff zoo list` shows them"
    )


def choose(atomic_numbers: Iterable[int]) -> ModelCard:
    """The shipped model for a structure: the one with the fewest elements that knows all of these.

    Raises:
        ElementNotCoveredError: no model knows all elements.
    """
    needed = frozenset(int(z) for z in atomic_numbers)
    known = cards()
    covering = [card for card in known if needed <= card.atomic_numbers]
    if covering:
        return min(covering, key=lambda card: (len(card.elements), card.name))
    symbols = ", ".join(chemical_symbols[z] for z in sorted(needed))
    there = "; ".join(f"{card.name} ({', '.join(card.elements)})" for card in known) or "none"
    raise ElementNotCoveredError(
        f"no shipped model covers {symbols}. Models at hand: {there}. Bring your own with --model PATH, "
        "or train one: alignn-ff train config.json --data your.extxyz"
    )
