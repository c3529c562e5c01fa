"""Models by name: shipped, added by the user, or downloaded; and the file of each name."""

from alignn_ff.zoo.add import add, remove
from alignn_ff.zoo.cards import ModelCard, cards, cards_in, shipped_cards
from alignn_ff.zoo.download import Progress, sha256_of
from alignn_ff.zoo.fetch import Source, fetch, read_source
from alignn_ff.zoo.published import PublishedModel, published_models
from alignn_ff.zoo.resolve import ORIGINS, Found, Origin, choose, downloaded, file_in, find, model_file

__all__ = [
    "ORIGINS",
    "Found",
    "ModelCard",
    "Origin",
    "Progress",
    "PublishedModel",
    "Source",
    "add",
    "cards",
    "cards_in",
    "choose",
    "downloaded",
    "fetch",
    "file_in",
    "find",
    "model_file",
    "published_models",
    "read_source",
    "remove",
    "sha256_of",
    "shipped_cards",
]
