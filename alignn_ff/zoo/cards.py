"""Model cards: what each shipped model is, was trained on, and how well it does."""

import tomllib
from pathlib import Path

from ase.data import atomic_numbers
from pydantic import BaseModel, ConfigDict, ValidationError

from alignn_ff.errors import CheckpointError


class ModelCard(BaseModel):
    """One model of the zoo, read from its ``card.toml``.

    Attributes:
        name: what ``--model`` takes.
        summary: one sentence.
        elements: chemical symbols that it knows.
        family: family of the model.
        data, data_licence, data_reference: what it was trained on.
        level_of_theory: of the training data.
        licence: of the weights.
        n_parameters: trainable parameters.
        cutoff_A, three_body_cutoff_A: graph recipe.
        metrics: named figures with their unit in the name.
        sha256: of the model file.
        folder: where the card lies (not part of the card).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    summary: str
    elements: tuple[str, ...]
    family: str
    data: str
    data_licence: str
    data_reference: str
    level_of_theory: str
    licence: str
    n_parameters: int
    cutoff_A: float
    three_body_cutoff_A: float
    metrics: dict[str, float]
    sha256: str
    folder: Path

    @property
    def atomic_numbers(self) -> frozenset[int]:
        """Atomic numbers of the elements."""
        return frozenset(atomic_numbers[symbol] for symbol in self.elements)

    @property
    def file(self) -> Path:
        """The model file beside the card."""
        return self.folder / "model.pt"


def cards() -> list[ModelCard]:
    """Cards of all models at hand, by name."""
    return [read_card(path) for path in sorted(zoo_folder().glob("*/card.toml"))]


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


def zoo_folder() -> Path:
    """Folder of the shipped models: inside the installed package, or beside it in a source tree."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "models_zoo"
    return installed if any(installed.glob("*/card.toml")) else package.parent / "models_zoo"
