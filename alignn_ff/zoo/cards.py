"""Model cards: description, training data and errors of each model of a zoo."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from ase.data import atomic_numbers
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from alignn_ff.display import Displayed, Sheet, elements_in_words
from alignn_ff.errors import CheckpointError, ConfigError
from alignn_ff.zoo import places
from alignn_ff.zoo.kinds import KindErrors

CARD_NAME = "card.toml"
BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
"""Keys that TOML allows without quotes."""
NOT_STATED = "not stated"
TABLES: Final = ("metrics", "held_out", "properties")
"""Fields that are written as tables, after the others."""
FROM_THE_MODEL: Final = frozenset(
    {"name", "elements", "family", "n_parameters", "cutoff_A", "three_body_cutoff_A", "sha256", "n_bytes", "folder"}
)
"""Fields that follow from the model, or from other options of ``zoo add``."""
DISPERSION_WORDS: Final = re.compile(r"D[234]\b|D3\(|vdW|VV10|MBD|TS\b", re.IGNORECASE)
"""Words in a level of theory that contains dispersion."""


class Property(BaseModel):
    """A property that a model gives, beside what it should be.

    Attributes:
        name: with the material, such as "C11 of diamond".
        unit: of both numbers.
        value, reference: of the model, and of experiment or of the training data's level of theory; None: not known.
        source: of the reference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    unit: str
    value: float
    reference: float | None = None
    source: str = NOT_STATED


class ModelCard(Displayed, BaseModel):
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
        doi: of a publication about the model.
        speed_us_per_atom, speed_on: of an evaluation with forces and stress, µs, and where it was measured.
        good_for, not_for: advice, a sentence each.
        uncertainty: how it tells its uncertainty, a sentence each; empty if it does not.
        not_in_data: kinds of structures that the training data are known not to hold, a sentence each.
        unseen_pairs: pairs of elements that were never neighbours in the training data; None where that is not known.
        metrics: errors, with the unit in the name.
        held_out: errors by kind of data, of structures that the model (or one of the same config) was not trained on.
        teacher_kinds: those of them whose labels are of another model; the others are of DFT or the like.
        properties: computed with the model, beside references.
        sha256: of the model file.
        n_bytes: size of the model file.
        url: from which the model file is downloaded, where it does not ship.
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
    doi: str | None = None
    speed_us_per_atom: float | None = None
    speed_on: str | None = None
    good_for: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    n_parameters: int
    cutoff_A: float
    three_body_cutoff_A: float | None = None
    sha256: str
    n_bytes: int | None = None
    url: str | None = None
    not_in_data: tuple[str, ...] = ()
    uncertainty: tuple[str, ...] = ()
    unseen_pairs: tuple[str, ...] | None = None
    metrics: dict[str, float] = {}
    held_out: tuple[KindErrors, ...] = ()
    teacher_kinds: tuple[str, ...] = ()
    properties: tuple[Property, ...] = ()
    folder: Path

    @model_validator(mode="after")
    def _teacher_kinds_are_held_out(self) -> Self:
        known = {kind.kind for kind in self.held_out}
        if unknown := [name for name in self.teacher_kinds if name not in known]:
            raise ValueError(
                f"teacher_kinds names {', '.join(unknown)}; kinds of held_out are {', '.join(sorted(known))}"
            )
        return self

    def brief(self) -> str:
        """Name, family, elements."""
        return f"{self.name}: {self.family}, {elements_in_words(self.elements)}, {self.n_parameters:,} parameters"

    def sheet(self) -> Sheet:
        """What the card states, errors by kind of held-out data, and properties beside references."""
        listed = {"held_out", "properties", "metrics", "not_for", "not_in_data", "elements", "folder", "unseen_pairs"}
        stated = {name: getattr(self, name) for name in type(self).model_fields if name not in listed}
        facts = {name: value for name, value in stated.items() if value != NOT_STATED}
        errors = {name: None for kind in self.held_out for name in kind.metrics}
        tables: dict[str, dict[str, Any]] = {}
        if self.held_out:
            kinds = {"kind": [k.kind for k in self.held_out], "structures": [k.n_structures for k in self.held_out]}
            columns = {name: [k.metrics.get(name) for k in self.held_out] for name in errors}
            tables["errors_on_held_out_data"] = {**kinds, **columns}
        if self.properties:
            names = ("name", "unit", "value", "reference", "source")
            tables["properties"] = {name: [getattr(row, name) for row in self.properties] for name in names}
        facts = {**facts, "elements": " ".join(self.elements), **self.metrics}
        return Sheet(facts, tables, [f"Not for: {sentence}" for sentence in (*self.not_for, *self.not_in_data)])

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

    @property
    def present_file(self) -> Path | None:
        """The model file on this machine, beside the card or downloaded; None where there is none."""
        downloaded = places.download_cache() / self.name / "model.pt"
        return next((file for file in (self.file, downloaded) if file.is_file()), None)


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
    fields = card.model_dump(mode="json", exclude={"folder"}, exclude_none=True)
    tables = {name: fields.pop(name) for name in TABLES}
    lines = [f"{name} = {_toml(value)}" for name, value in fields.items()]
    lines += ["", "[metrics]", *_rows(tables["metrics"])]
    for name in ("held_out", "properties"):
        for row in tables[name]:
            metrics = row.pop("metrics", None)
            lines += ["", f"[[{name}]]", *_rows(row)]
            lines += [f"[{name}.metrics]", *_rows(metrics)] if metrics is not None else []
    return "\n".join([*lines, ""])


def read_descriptions(path: Path) -> dict[str, Any]:
    """Fields of a card that a file gives, for a model that is added; those that follow from the model are refused.

    Raises:
        ConfigError: it is not TOML, or holds other fields.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the card {path}: {error}") from error
    allowed = [name for name in ModelCard.model_fields if name not in FROM_THE_MODEL]
    unknown = sorted(content.keys() - {*allowed})
    if unknown:
        raise ConfigError(f"{path} has {', '.join(unknown)}; a card for zoo add may have {', '.join(allowed)}")
    return content


def _rows(table: Mapping[str, object]) -> list[str]:
    return [f"{name if BARE_KEY.fullmatch(name) else _toml(name)} = {_toml(value)}" for name, value in table.items()]


def _toml(value: object) -> str:
    """Strings, numbers and lists are written alike in TOML and JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
