"""Values of fields that a config leaves out, where they depend on other fields.

Each function takes the content of a config as it was given, a dictionary, and gives a completed one.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from alignn_ff.elements import SCHEME_WIDTHS
from alignn_ff.models import DEFAULT_FAMILY, FAMILIES, ModelConfig

Content = dict[str, Any]

SMOOTH_DEFAULTS: Final[Content] = {"neighbor_strategy": "radius_graph", "cutoff_extra": 0.0}
"""Values that smooth families need, where the published defaults differ."""


def completed(content: Mapping[str, Any]) -> Content:
    """The content with all values that follow from it.

    Raises:
        ValueError: fields contradict each other.
    """
    result = dict(content)
    for complete in COMPLETIONS:
        result = complete(result)
    return result


def _name_the_family(content: Content) -> Content:
    """A model without a name is of the default family."""
    model = content.get("model", {})
    return {**content, "model": {"name": DEFAULT_FAMILY, **model}} if isinstance(model, dict) else content


def _take_user_data(content: Content) -> Content:
    """Where data are given, the data set is user_data."""
    return {"dataset": "user_data", **content} if content.get("data") is not None else content


def _suit_smooth_families(content: Content) -> Content:
    name = _family(content)
    return {**SMOOTH_DEFAULTS, **content} if name in FAMILIES and FAMILIES[name].smooth else content


def _take_feature_width(content: Content) -> Content:
    """A model without a width of its element features takes that of ``atom_features``."""
    scheme, model = content.get("atom_features", "cgcnn"), content["model"]
    if scheme not in SCHEME_WIDTHS or not _has_field(content, "atom_input_features"):
        return content
    given = model.get("atom_input_features", SCHEME_WIDTHS[scheme])
    if given != SCHEME_WIDTHS[scheme]:
        raise ValueError(
            f"model.atom_input_features is {given}, but atom_features {scheme!r} has {SCHEME_WIDTHS[scheme]} "
            "numbers per element: leave the one out, or change the other"
        )
    return {**content, "model": {**model, "atom_input_features": given}}


def _classify(content: Content) -> Content:
    """A threshold makes classes of the targets, so the model must be a classifier."""
    if content.get("classification_threshold") is None or not isinstance(content["model"], dict):
        return content
    if _family(content) in FAMILIES and "property" not in FAMILIES[_family(content)].kinds:
        raise ValueError(
            f"classification_threshold is set, but {_family(content)} predicts energies only: take model.name "
            "alignn or alignn_atomwise, or leave the threshold out"
        )
    return {**content, "model": {**content["model"], "classification": True}}


def _inflate_zeros(content: Content) -> Content:
    """The criterion zig needs two outputs per target, so a model without forces gets them."""
    model = content["model"]
    if content.get("criterion") != "zig" or not _has_field(content, "zero_inflated"):
        return content
    forces = _has_field(content, "gradwise_weight") and model.get("calculate_gradient", True)
    if forces and model.get("gradwise_weight", 1.0):
        return content
    return {**content, "model": {**model, "zero_inflated": True}}


COMPLETIONS: Final[tuple[Callable[[Content], Content], ...]] = (
    _name_the_family,
    _take_user_data,
    _suit_smooth_families,
    _take_feature_width,
    _classify,
    _inflate_zeros,
)


def _family(content: Content) -> str:
    model = content["model"]
    if isinstance(model, ModelConfig):
        return model.name
    return str(model.get("name") if isinstance(model, dict) else None)


def _has_field(content: Content, field: str) -> bool:
    name = _family(content)
    known = name in FAMILIES and field in FAMILIES[name].config.model_fields
    return known and isinstance(content["model"], dict)
