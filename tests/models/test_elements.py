"""Element features: complete rows, explicit gaps, and elements that a scheme cannot distinguish."""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest

import alignn_ff.elements
from alignn_ff.elements import (
    SCHEME_WIDTHS,
    elements_with_features,
    feature_rows,
    indistinguishable_elements,
    scheme_of_width,
)
from alignn_ff.errors import ConfigError, ElementNotCoveredError

FOLDER = Path(alignn_ff.elements.__file__).parent


@pytest.mark.parametrize("scheme", SCHEME_WIDTHS)
def test_every_covered_element_has_a_finite_row(scheme: str) -> None:
    known = elements_with_features(scheme)
    rows = feature_rows(scheme, known)
    assert rows.shape == (len(known), SCHEME_WIDTHS[scheme])
    assert np.isfinite(rows).all()
    assert scheme_of_width(SCHEME_WIDTHS[scheme]) == scheme


def test_rows_have_the_requested_order() -> None:
    assert feature_rows("atomic_number", (14, 1, 8)).ravel().tolist() == [14.0, 1.0, 8.0]


@pytest.mark.parametrize(("scheme", "z", "symbol"), [("cgcnn", 101, "Md"), ("basic", 104, "Rf"), ("cfid", 118, "Og")])
def test_element_without_data_is_named(scheme: str, z: int, symbol: str) -> None:
    with pytest.raises(ElementNotCoveredError, match=rf"'{scheme}' have no data for {symbol}"):
        feature_rows(scheme, (14, z))


@pytest.mark.parametrize("z", [0, -1, 119, 200])
def test_number_that_is_no_element_is_named(z: int) -> None:
    with pytest.raises(ElementNotCoveredError, match="no data for"):
        feature_rows("cgcnn", (z,))


def test_elements_that_cgcnn_cannot_tell_apart_are_named() -> None:
    assert indistinguishable_elements("cgcnn", (57, 58, 14)) == (("La", "Ce"),)
    assert ("Sm", "Gd") in indistinguishable_elements("cgcnn", elements_with_features("cgcnn"))
    assert indistinguishable_elements("atomic_number", elements_with_features("atomic_number")) == ()


def test_width_of_no_scheme_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"93; allowed are 92 \(cgcnn\)"):
        scheme_of_width(93)


def test_table_is_the_one_that_its_provenance_describes() -> None:
    provenance = tomllib.loads((FOLDER / "features.toml").read_text(encoding="utf-8"))
    assert hashlib.sha256((FOLDER / "features.npz").read_bytes()).hexdigest() == provenance["sha256"]
    assert {scheme: provenance[scheme]["width"] for scheme in SCHEME_WIDTHS} == SCHEME_WIDTHS
