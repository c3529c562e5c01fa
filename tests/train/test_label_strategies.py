"""Labels of any values: they survive every format, and what is no number is refused; by hypothesis."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alignn_ff.errors import DataError
from alignn_ff.train import read_records
from alignn_ff.train.datasets.arrays import scalar, shaped, stress_tensor
from alignn_ff.train.datasets.formats import write_records
from alignn_ff.train.records.record import Record

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """A crystal with any energy, forces and symmetric stress, each of which may be missing but not all."""
    n_atoms = draw(st.integers(1, 4))
    atoms = Atoms(
        "Si" * n_atoms, positions=3.0 * np.arange(3 * n_atoms).reshape(n_atoms, 3), cell=[20, 21, 22], pbc=True
    )
    stress = draw(arrays(np.float64, (3, 3), elements=st.floats(-10, 10, allow_subnormal=False)))
    return Record(
        identifier=f"frame-{draw(st.integers(0, 999))}",
        atoms=atoms,
        energy=draw(NUMBERS),
        forces=draw(st.none() | arrays(np.float64, (n_atoms, 3), elements=NUMBERS)),
        stress=draw(st.none() | st.just(0.5 * (stress + stress.T))),
        group=draw(st.sampled_from(["", "bulk", "7"])),
    )


@pytest.mark.parametrize("suffix", [".extxyz", ".db", ".json"])
@QUICK
@given(record=records())
def test_labels_survive_every_format(suffix: str, record: Record) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data{suffix}"
        write_records(path, [record])
        (found,) = read_records(path)
    assert found.energy == pytest.approx(record.energy, rel=1e-12, abs=1e-7)
    for kind, tolerance in (("forces", 1e-7), ("stress", 1e-7)):
        one, other = getattr(found, kind), getattr(record, kind)
        assert (one is None) == (other is None)
        if other is not None:
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=tolerance)


@QUICK
@given(value=st.booleans() | st.text(max_size=5) | st.sampled_from([np.nan, np.inf, None, [True], ["a"], {}, [[1.0]]]))
def test_what_is_no_number_is_refused(value: Any) -> None:
    for check in (
        lambda: scalar("energy", value),
        lambda: shaped("forces", value, (2, 3)),
        lambda: stress_tensor("s", value),
    ):
        with pytest.raises(DataError, match=r"the label '\w+'"):
            check()


@QUICK
@given(
    shape=st.sampled_from([(1,), (2,), (3, 2), (2, 3, 1), (4, 3)]), tensor=arrays(np.float64, (3, 3), elements=NUMBERS)
)
def test_misshapen_forces_and_lopsided_stresses_are_refused(shape: tuple[int, ...], tensor: np.ndarray) -> None:
    with pytest.raises(DataError, match="shape"):
        shaped("forces", np.zeros(shape), (2, 3))
    if np.abs(tensor - tensor.T).max() > 2e-3 * max(np.abs(tensor).max(), 1e-6):
        with pytest.raises(DataError, match="not symmetric"):
            stress_tensor("stress", tensor)


def test_a_truth_value_in_a_comment_line_is_not_an_energy(tmp_path: Path) -> None:
    write(tmp_path / "a.extxyz", Atoms("Si", info={"energy": True}))
    with pytest.raises(DataError, match="truth value"):
        read_records(tmp_path / "a.extxyz")
