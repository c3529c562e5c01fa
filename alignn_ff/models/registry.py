"""Which families exist: one table, name → everything about a family.

A family from outside the package is one more row: ``FAMILIES["mine"] = Family(MyConfig, MyModel, ...)``. From then on a
training config, a model file and the command line can name it.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple, Union

from pydantic import Discriminator, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from alignn_ff.choices import did_you_mean
from alignn_ff.graph import GraphRecipe
from alignn_ff.models.alignn import AlignnConfig, build_alignn
from alignn_ff.models.alignn_atomwise import AlignnAtomwiseConfig, build_alignn_atomwise
from alignn_ff.models.alignn_atomwise_pure import AlignnAtomwisePureConfig, build_alignn_atomwise_pure
from alignn_ff.models.alignn_smooth import AlignnSmooth, AlignnSmoothConfig
from alignn_ff.models.base import EnergyModel, ModelStatistics, PropertyModel
from alignn_ff.models.config import ModelConfig, ModelKind
from alignn_ff.models.ealignn_atomwise import EalignnAtomwiseConfig, build_ealignn_atomwise
from alignn_ff.models.published.advice import published_advice

DEFAULT_FAMILY: Final = "alignn_smooth"
"""Family of a config that names none."""

Build = Callable[[Any, GraphRecipe, tuple[int, ...], ModelStatistics], EnergyModel | PropertyModel]
Advice = Callable[[Any], tuple[str, ...]]


def _no_advice(_config: ModelConfig) -> tuple[str, ...]:
    return ()


class Family(NamedTuple):
    """One family of models.

    Attributes:
        config: schema of its hyper-parameters; its field ``name`` has the family's name as the only value.
        build: (config, recipe, elements, statistics) → model with random weights.
        smooth: whether the energy is C² in all positions and the cell.
        kinds: what its configs may make of it; ``config.kind`` is one of them.
        published: whether graphs are built as the published package builds them from the same fields.
        advice: config → sentences about choices that are legal and have an effect that one may not expect.
    """

    config: type[ModelConfig]
    build: Build
    smooth: bool
    kinds: tuple[ModelKind, ...]
    published: bool = False
    advice: Advice = _no_advice


FAMILIES: Final[dict[str, Family]] = {
    "alignn_smooth": Family(AlignnSmoothConfig, AlignnSmooth, smooth=True, kinds=("energy",)),
    "alignn": Family(AlignnConfig, build_alignn, smooth=False, kinds=("property",), published=True),
    "alignn_atomwise": Family(
        AlignnAtomwiseConfig,
        build_alignn_atomwise,
        smooth=False,
        kinds=("energy", "property"),
        published=True,
        advice=published_advice,
    ),
    "alignn_atomwise_pure": Family(
        AlignnAtomwisePureConfig,
        build_alignn_atomwise_pure,
        smooth=False,
        kinds=("energy", "property"),
        published=True,
        advice=published_advice,
    ),
    "ealignn_atomwise": Family(
        EalignnAtomwiseConfig,
        build_ealignn_atomwise,
        smooth=False,
        kinds=("energy", "property"),
        published=True,
        advice=published_advice,
    ),
}


def build_model(
    config: ModelConfig, recipe: GraphRecipe, elements: tuple[int, ...], statistics: ModelStatistics
) -> EnergyModel | PropertyModel:
    """A model of the family that ``config.name`` names, with random weights in float32."""
    return FAMILIES[config.name].build(config, recipe, elements, statistics)


def validate_model_config(content: object) -> ModelConfig:
    """The config of the family that ``content`` names, from a dictionary or a config.

    Raises:
        ValueError: no such family, or a field is not valid (a pydantic ValidationError).
    """
    name = _family_of(content)
    if name not in FAMILIES:
        raise ValueError(_no_family(name) if name else NO_CONFIG)
    return _union(tuple(FAMILIES.items())).validate_python(content)


def _no_family(name: str) -> str:
    return f"no family {name!r}; allowed are {', '.join(FAMILIES)}{did_you_mean(name, FAMILIES)}"


NO_CONFIG: Final = 'a model is an object such as {"name": "alignn_smooth"}'


class _AnyFamily:
    """Makes pydantic look up the row of :data:`FAMILIES` when a value is validated, not when a schema is defined."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            validate_model_config, serialization=core_schema.simple_ser_schema("any")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(_union(tuple(FAMILIES.items())).core_schema)


AnyModelConfig = Annotated[ModelConfig, _AnyFamily()]
"""Type of a pydantic field that holds the config of any family in the table."""


@lru_cache(maxsize=4)
def _union(rows: tuple[tuple[str, Family], ...]) -> TypeAdapter[ModelConfig]:
    """The configs of the rows, distinguished by ``name``."""
    members = tuple(Annotated[family.config, Tag(name)] for name, family in rows)
    of_all: Any = Annotated[Union[members], Discriminator(_family_of)]  # noqa: UP007 - the members are data
    return TypeAdapter(of_all)


def _family_of(content: object) -> str | None:
    if isinstance(content, ModelConfig):
        return content.name
    return str(content.get("name", DEFAULT_FAMILY)) if isinstance(content, Mapping) else None
