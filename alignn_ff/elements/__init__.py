"""Element features that models read: the four published schemes, as tables."""

from alignn_ff.elements.features import (
    SCHEME_WIDTHS,
    FeatureScheme,
    elements_with_features,
    feature_rows,
    indistinguishable_elements,
    scheme_of_width,
)

__all__ = [
    "SCHEME_WIDTHS",
    "FeatureScheme",
    "elements_with_features",
    "feature_rows",
    "indistinguishable_elements",
    "scheme_of_width",
]
