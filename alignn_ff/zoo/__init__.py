"""Models by name: shipped, added by the user, or downloaded; and the file of each name."""

from alignn_ff.zoo.add import add, remove
from alignn_ff.zoo.cards import ModelCard, Property, cards, cards_in, read_descriptions, shipped_cards
from alignn_ff.zoo.download import Progress, sha256_of
from alignn_ff.zoo.fetch import Source, fetch, read_source
from alignn_ff.zoo.kinds import KindErrors, described_kind
from alignn_ff.zoo.published import PublishedModel, published_models
from alignn_ff.zoo.recommend import Recommendation, choose, recommend
from alignn_ff.zoo.resolve import ORIGINS, Found, Origin, downloaded, file_in, find, model_file
from alignn_ff.zoo.retired import RETIRED, Retired, nearest_name, replaced

__all__ = [
    "ORIGINS",
    "RETIRED",
    "Found",
    "KindErrors",
    "ModelCard",
    "Origin",
    "Progress",
    "Property",
    "PublishedModel",
    "Recommendation",
    "Retired",
    "Source",
    "add",
    "cards",
    "cards_in",
    "choose",
    "described_kind",
    "downloaded",
    "fetch",
    "file_in",
    "find",
    "model_file",
    "nearest_name",
    "published_models",
    "read_descriptions",
    "read_source",
    "recommend",
    "remove",
    "replaced",
    "sha256_of",
    "shipped_cards",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
