"""Every table that an evaluation reads is C²: values and two derivatives are continuous at each knot."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from alignn_ff.execution.published.scalars import TABLE_END_A, tabulate_angles, tabulate_lengths
from alignn_ff.execution.published.table import Table, read, read_slope
from alignn_ff.execution.published.weights import layers_of
from alignn_ff.loading import cast_network
from alignn_ff.models.published.atomwise import AtomwiseEnergy
from tests.support.tiny_models import tiny_model
from tests.support.wide_headers import HEADERS

CASES = [
    *((name, torch.float32) for name in HEADERS if name != "alignn_smooth"),
    ("alignn_atomwise", torch.float64),
]
"""alignn_smooth has no tables."""


def model_of(name: str, dtype: torch.dtype) -> AtomwiseEnergy:
    model = cast_network(tiny_model(HEADERS[name]), dtype)
    assert isinstance(model, AtomwiseEnergy)
    return model


def tables_of(model: AtomwiseEnergy) -> Iterator[tuple[str, Table]]:
    layers = layers_of(model)
    for kind, tables in (("angles", tabulate_angles(model, layers)), ("lengths", tabulate_lengths(model, layers))):
        if tables is not None:
            yield from ((f"{name} of {kind}", table) for name, table in tables._asdict().items())


def at_ends(table: Table, order: int) -> tuple[Tensor, Tensor]:
    """(n_pieces, width) derivatives of an order at the beginning and the end of each piece, per unit of x."""
    factors = torch.ones(6, dtype=torch.float64)
    for k in range(order):
        factors *= torch.arange(6) - k
    scaled = table.pieces.double() * factors[:, None] / table.step**order
    return scaled[:, order], scaled.sum(1)


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_values_and_two_derivatives_are_continuous_at_every_knot(name: str, dtype: torch.dtype) -> None:
    allowed = {torch.float64: (1e-14, 1e-11, 1e-8), torch.float32: (2e-7, 1e-5, 1e-3)}[dtype]
    model = model_of(name, dtype)
    found = dict(tables_of(model))
    assert "states of angles" in found
    assert ("gates of lengths" in found) == (dtype == torch.float32 and not model.config.shapes_bonds)
    for title, table in found.items():
        assert table.pieces.dtype == dtype
        for order, relative in enumerate(allowed):
            begin, end = at_ends(table, order)
            jump = (begin[1:] - end[:-1]).abs().max() / begin.abs().max()
            assert jump < relative, f"{title}: derivative {order} jumps by {jump:.1e} of its largest value"


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_the_slope_that_forces_are_made_of_is_that_of_what_is_read(name: str, dtype: torch.dtype) -> None:
    for title, table in tables_of(model_of(name, dtype)):
        table = table._replace(pieces=table.pieces.double())
        places = torch.linspace(0.0, len(table.pieces) - 1, 257, dtype=torch.float64)
        x = table.low + table.step * (places.floor() + 0.2 + 0.6 * places.frac())  # between knots
        step = 1e-6
        differences = (read(table, x + step) - read(table, x - step)) / (2 * step)
        assert (read_slope(table, x) - differences).abs().max() < 1e-6 * (1 + differences.abs().max()), title


def test_lengths_are_constant_where_their_table_ends() -> None:
    """A length beyond the last knot has the value of the last knot."""
    for title, table in tables_of(model_of("alignn_atomwise", torch.float32)):
        if "lengths" in title:
            assert table.low + table.step * len(table.pieces) == pytest.approx(TABLE_END_A)
            for order in (1, 2):
                _, end = at_ends(table, order)
                assert end[-1].abs().max() < 1e-3 * end.abs().max(), title
