"""Fixtures of the tests of analysis."""

from functools import partial
from pathlib import Path

import pytest

from tests.support.trajectories import Measure, analysed


@pytest.fixture
def measure(tmp_path: Path) -> Measure:
    """Write frames, one per fs by default, and analyse them."""
    return partial(analysed, tmp_path)
