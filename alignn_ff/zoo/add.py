"""Add a model to the user's zoo: read, check, and write it in the format of this package, with a card."""

import datetime as dt
import shutil
import tempfile
from pathlib import Path

from ase.data import chemical_symbols

from alignn_ff import checkpoint
from alignn_ff.domain.description import not_in_data
from alignn_ff.errors import ConfigError
from alignn_ff.io import atomic_write
from alignn_ff.zoo import places
from alignn_ff.zoo.cards import CARD_NAME, ModelCard, card_text, read_card, shipped_cards
from alignn_ff.zoo.download import sha256_of
from alignn_ff.zoo.fetch import valid_name
from alignn_ff.zoo.resolve import model_file


def add(
    model: str | Path,
    *,
    name: str | None = None,
    summary: str | None = None,
    zoo: Path | None = None,
    overwrite: bool = False,
) -> ModelCard:
    """Add a model to a zoo, so that it can be used by name.

    Args:
        model: a model file, a training output folder, a published folder, or a name.
        name: its name in the zoo; None means the name of the folder (or file).
        summary: one sentence for the card.
        zoo: folder of the zoo; None means the user's zoo.
        overwrite: replace an existing model of that name.

    Raises:
        ModelNotFoundError, CheckpointError: there is no such model, or it cannot be read.
        ConfigError: the name is not valid, or is taken.
    """
    source = model_file(model)
    loaded = checkpoint.load(source)
    name = valid_name(name or (source.resolve().parent.name if Path(model).is_dir() else Path(model).stem))
    zoo = zoo or places.user_zoo()
    _check_free(name, zoo, overwrite=overwrite)
    zoo.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=zoo, prefix=f".{name}-") as scratch:
        fresh = Path(scratch) / name
        checkpoint.save(fresh / "model.pt", loaded.header, loaded.model.state_dict())
        checkpoint.load(fresh / "model.pt")
        card = ModelCard(
            name=name,
            summary=summary or f"added on {dt.datetime.now(dt.UTC).date()} from {source.resolve()}",
            elements=tuple(chemical_symbols[z] for z in loaded.header.elements),
            family=loaded.header.model.name,
            n_parameters=sum(parameter.numel() for parameter in loaded.model.parameters()),
            cutoff_A=loaded.header.graph.cutoff,
            three_body_cutoff_A=loaded.header.graph.three_body_cutoff,
            sha256=sha256_of(fresh / "model.pt"),
            not_in_data=not_in_data(loaded.header),
            folder=fresh,
        )
        with atomic_write(fresh / CARD_NAME) as temporary:
            temporary.write_text(card_text(card), encoding="utf-8")
        if (zoo / name).exists():
            (zoo / name).rename(Path(scratch) / "replaced")
        fresh.rename(zoo / name)
    return read_card(zoo / name / CARD_NAME)


def remove(name: str, *, zoo: Path | None = None) -> Path:
    """Remove a model from a zoo.

    Raises:
        ConfigError: the zoo has no model of that name.
    """
    folder = (zoo or places.user_zoo()) / valid_name(name)
    if not (folder / CARD_NAME).is_file():
        raise ConfigError(f"the zoo {folder.parent} has no model {name!r}")
    shutil.rmtree(folder)
    return folder


def _check_free(name: str, zoo: Path, *, overwrite: bool) -> None:
    if name in {card.name for card in shipped_cards()}:
        raise ConfigError(f"{name!r} is the name of a shipped model; give another one with --name")
    if (zoo / name).exists() and not overwrite:
        raise ConfigError(f"the zoo {zoo} already has a model {name!r}; give another --name, or use --overwrite")
