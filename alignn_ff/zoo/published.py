"""The models of the published package: names and addresses from its list, which are not verified."""

import json
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class PublishedModel(BaseModel):
    """One model that the published package offers for download.

    Attributes:
        url: of a zip file with ``config.json`` and weights.
        kind: its category in the published package.
        target, unit: of its output, if that package states them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    kind: str
    target: str
    unit: str


@cache
def published_models() -> dict[str, PublishedModel]:
    """Name → model, by name."""
    content = json.loads(files("alignn_ff.zoo").joinpath("published_models.json").read_text(encoding="utf-8"))
    return {name: PublishedModel.model_validate(fields) for name, fields in content["models"].items()}
