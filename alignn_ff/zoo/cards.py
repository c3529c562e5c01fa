"""Model cards: description, training data and errors of each model of a zoo."""

import json
import re
import tomllib
from pathlib import Path
from typing import Final

from ase.data import atomic_numbers
from pydantic import BaseModel, ConfigDict, ValidationError

from alignn_ff.errors import CheckpointError
from alignn_ff.zoo import places

CARD_NAME = "card.toml"
NOT_STATED = "not stated"
DISPERSION_WORDS: Final = re.compile(r"D[234]\b|D3\(|vdW|VV10|MBD|TS\b", re.IGNORECASE)
"""Words in a level of theory that contains dispersion."""


class ModelCard(BaseModel):
    """One model of a zoo, read from its ``card.toml``.

    Attributes:
        name: value of ``--model``.
        summary: one sentence.
        elements: chemical symbols of the elements that it covers.
        family: family of the model.
        data, data_licence, data_reference: training data.
        level_of_theory: of the training data.
        dispersion: that the training functional contains, such as "D3(BJ)"; "none" if it contains none.
        licence: of the weights.
        n_parameters: trainable parameters.
        cutoff_A, three_body_cutoff_A: graph recipe.
        metrics: errors, with the unit in the name.
        not_in_data: kinds of structures that the training data are known not to hold, a sentence each.
        sha256: of the model file.
        folder: that contains the card (not part of the card).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    summary: str
    elements: tuple[str, ...]
    family: str
    data: str = NOT_STATED
    data_licence: str = NOT_STATED
    data_reference: str = NOT_STATED
    level_of_theory: str = NOT_STATED
    dispersion: str = NOT_STATED
    licence: str = NOT_STATED
    n_parameters: int
    cutoff_A: float
    three_body_cutoff_A: float | None = None
    sha256: str
    not_in_data: tuple[str, ...] = ()
    metrics: dict[str, float] = {}
    folder: Path

    @property
    def atomic_numbers(self) -> frozenset[int]:
        """Atomic numbers of the elements."""
        return frozenset(atomic_numbers[symbol] for symbol in self.elements)

    def contained_dispersion(self) -> str | None:
        """Dispersion in the training functional: "" if there is none, None if the card does not state it."""
        if self.dispersion != NOT_STATED:
            return "" if self.dispersion.lower() == "none" else self.dispersion
        return self.level_of_theory if DISPERSION_WORDS.search(self.level_of_theory) else None

    @property
    def file(self) -> Path:
        """The model file beside the card."""
        return self.folder / "model.pt"


def cards() -> list[ModelCard]:
    """Cards of all shipped models by name, then those of the user's models."""
    return [*shipped_cards(), *cards_in(places.user_zoo())]


def shipped_cards() -> list[ModelCard]:
    """Cards of the shipped models, by name."""
    return cards_in(zoo_folder())


def zoo_folder() -> Path:
    """Folder of the shipped models: inside the installed package, or beside it in a source tree."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "models_zoo"
    return installed if any(installed.glob("*/card.toml")) else package.parent / "models_zoo"


def cards_in(zoo: Path) -> list[ModelCard]:
    """Cards of the models in one folder, by name."""
    return [read_card(path) for path in sorted(zoo.glob(f"*/{CARD_NAME}"))]


def read_card(path: Path) -> ModelCard:
    """Read one card.

    Raises:
        CheckpointError: the card is not valid.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return ModelCard.model_validate({**content, "folder": path.parent})
    except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        raise CheckpointError(f"the model card {path} is not valid: {error}") from error


def card_text(card: ModelCard) -> str:
    """A card as TOML, in the form that :func:`read_card` reads."""
    fields = card.model_dump(mode="json", exclude={"folder", "metrics"}, exclude_none=True)
    lines = [f"{name} = {_toml(value)}" for name, value in fields.items()]
    metrics = [f"{_toml(name)} = {_toml(value)}" for name, value in card.metrics.items()]
    return "\n".join([*lines, "", "[metrics]", *metrics, ""])


def _toml(value: object) -> str:
    """Strings, numbers and lists are written alike in TOML and JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
