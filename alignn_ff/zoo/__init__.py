"""The models that ship, and how a name or a path becomes a model file."""

from alignn_ff.zoo.cards import ModelCard, cards
from alignn_ff.zoo.resolve import choose, model_file

__all__ = ["ModelCard", "cards", "choose", "model_file"]
