"""What a model is told of an element: the four published feature schemes, as tables."""

from alignn_ff.elements.features import (
    SCHEME_WIDTHS,
    FeatureScheme,
    alike,
    covered_elements,
    feature_rows,
    scheme_of_width,
)

__all__ = ["SCHEME_WIDTHS", "FeatureScheme", "alike", "covered_elements", "feature_rows", "scheme_of_width"]
