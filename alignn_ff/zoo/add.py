"""Add a model to the user's zoo: read, check, and write it in the format of this package, with a card."""

import datetime as dt
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ase.data import chemical_symbols
from pydantic import ValidationError

from alignn_ff import checkpoint
from alignn_ff.checkpoint import Checkpoint
from alignn_ff.checkpoint.uncertainty_words import uncertainty_in_words
from alignn_ff.domain import seen_pairs, unseen_pairs
from alignn_ff.domain.description import not_in_data
from alignn_ff.errors import ConfigError
from alignn_ff.io import atomic_write, write_json
from alignn_ff.zoo import places
from alignn_ff.zoo.cards import CARD_NAME, ModelCard, card_text, read_card, shipped_cards, zoo_folder
from alignn_ff.zoo.download import sha256_of
from alignn_ff.zoo.fetch import valid_name
from alignn_ff.zoo.kinds import KindErrors
from alignn_ff.zoo.resolve import model_file

CONFIG_NAME: Final = "config.json"
NOTHING: Final[Mapping[str, Any]] = {}


def add(
    model: str | Path,
    *,
    name: str | None = None,
    summary: str | None = None,
    zoo: Path | None = None,
    overwrite: bool = False,
    described: Mapping[str, Any] = NOTHING,
    held_out: Sequence[KindErrors] = (),
) -> ModelCard:
    """Add a model to a zoo, so that it can be used by name.

    Args:
        model: a model file, a training output folder, a published folder, or a name.
        name: its name in the zoo; None means the name of the folder (or file).
        summary: one sentence for the card.
        zoo: folder of the zoo; None means the user's zoo.
        overwrite: replace an existing model of that name.
        described: further fields of the card, as :func:`read_descriptions` reads them.
        held_out: errors by kind of data; empty: those in ``described``.

    Raises:
        ModelNotFoundError, CheckpointError: there is no such model, or it cannot be read.
        ConfigError: the name is not valid, or is taken, or a description is not allowed.
    """
    source = model_file(Path(model) if Path(model).exists() else model)  # a folder here, before a model of that name
    loaded = checkpoint.load(source)
    name = valid_name(name or (source.resolve().parent.name if Path(model).is_dir() else Path(model).stem))
    zoo = zoo or places.user_zoo()
    _check_free(name, zoo, overwrite=overwrite)
    zoo.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=zoo, prefix=f".{name}-") as scratch:
        fresh = Path(scratch) / name
        provenance = loaded.header.provenance.shareable()
        header = loaded.header.model_copy(update={"provenance": provenance})
        checkpoint.save(fresh / "model.pt", header, loaded.model.state_dict())
        checkpoint.load(fresh / "model.pt")
        summary = (
            summary or described.get("summary") or f"added on {dt.datetime.now(dt.UTC).date()} from {source.resolve()}"
        )
        card = _card(loaded, fresh, {**described, "name": name, "summary": summary}, held_out)
        with atomic_write(fresh / CARD_NAME) as temporary:
            temporary.write_text(card_text(card), encoding="utf-8")
        if provenance.training_config:
            write_json(fresh / CONFIG_NAME, provenance.training_config)
        if (zoo / name).exists():
            (zoo / name).rename(Path(scratch) / "replaced")
        fresh.rename(zoo / name)
    return read_card(zoo / name / CARD_NAME)


def _card(loaded: Checkpoint, folder: Path, described: Mapping[str, Any], held_out: Sequence[KindErrors]) -> ModelCard:
    """The card of a model whose file is in a folder.

    Raises:
        ConfigError: a description is not valid.
    """
    header = loaded.header
    missing = unseen_pairs(header.elements, seen_pairs(header.domain)) if seen_pairs(header.domain) else None
    measured = {
        "elements": tuple(chemical_symbols[z] for z in header.elements),
        "family": header.model.name,
        "n_parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "cutoff_A": header.graph.cutoff,
        "three_body_cutoff_A": header.graph.three_body_cutoff,
        "sha256": sha256_of(folder / "model.pt"),
        "n_bytes": (folder / "model.pt").stat().st_size,
        "uncertainty": uncertainty_in_words(header),
        "folder": folder,
    }
    known = {"not_in_data": not_in_data(header), "unseen_pairs": missing}
    given = {"held_out": tuple(held_out)} if held_out else {}
    try:
        return ModelCard.model_validate({**known, **described, **given, **measured})
    except ValidationError as error:
        raise ConfigError(f"the card of {described['name']} is not valid: {error}") from error


def remove(name: str, *, zoo: Path | None = None) -> Path:
    """Remove a model from a zoo.

    Raises:
        ConfigError: the zoo has no model of that name.
    """
    folder = (zoo or places.user_zoo()) / valid_name(name)
    if not (folder / CARD_NAME).is_file():
        ships = zoo is None and name in {card.name for card in shipped_cards()}
        why = "; a model that ships with alignn-ff cannot be removed" if ships else ""
        raise ConfigError(f"the zoo {folder.parent} has no model {name!r}{why}")
    shutil.rmtree(folder)
    return folder


def _check_free(name: str, zoo: Path, *, overwrite: bool) -> None:
    if zoo.resolve() != zoo_folder().resolve() and name in {card.name for card in shipped_cards()}:
        raise ConfigError(f"{name!r} is the name of a shipped model; give another one with --name")
    if (zoo / name).exists() and not overwrite:
        raise ConfigError(f"the zoo {zoo} already has a model {name!r}; give another --name, or use --overwrite")
