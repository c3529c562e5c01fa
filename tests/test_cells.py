"""Laws of the geometry of cells: volume, heights, gaps, projectors, for any orientation and periodicity."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc100, graphene

from alignn_ff.cells import VACUUM_A, gaps_A, heights_A, is_bulk, span_projector, volume_A3


def test_a_cell_without_three_vectors_has_no_volume_heights_or_gaps() -> None:
    for atoms in (Atoms("Cu"), graphene()):
        assert volume_A3(atoms) is None
        assert (heights_A(atoms), gaps_A(atoms)) == ((), ())
        assert not is_bulk(atoms)


def test_heights_are_volume_over_face_and_turn_with_the_cell() -> None:
    skewed = Atoms("Cu", cell=[[3, 1, 0], [0, 4, 1], [2, 0, 5]], pbc=True)
    a, b, c = skewed.cell.array
    faces = [np.linalg.norm(np.cross(*pair)) for pair in ((b, c), (c, a), (a, b))]
    expected = skewed.get_volume() / np.array(faces)
    np.testing.assert_allclose(heights_A(skewed), expected)
    skewed.rotate(37, (1, 2, 3), rotate_cell=True)
    np.testing.assert_allclose(heights_A(skewed), expected)


@pytest.mark.parametrize("shift", [0.0, 3.0, 7.5])
def test_a_gap_is_the_vacuum_wherever_the_slab_lies_in_its_cell(shift: float) -> None:
    slab = fcc100("Cu", (1, 1, 3), vacuum=4.0, periodic=True)
    slab.positions[:, 2] += shift
    assert gaps_A(slab)[2] == pytest.approx(8.0)


@pytest.mark.parametrize("symbol", ["Cs", "Rb", "Ba", "Ar", "Xe", "Si", "Cu", "Sr"])
def test_planes_of_elements_are_closer_than_a_vacuum(symbol: str) -> None:
    assert max(gaps_A(bulk(symbol))) < VACUUM_A


def test_a_projector_spans_only_the_chosen_vectors() -> None:
    cell = np.array([[3.0, 1.0, 0.0], [0.0, 4.0, 1.0], [2.0, 0.0, 5.0]])
    for chosen in np.array(np.meshgrid(*[[False, True]] * 3)).T.reshape(-1, 3):
        projector = span_projector(cell, chosen)
        np.testing.assert_allclose(projector @ projector, projector, atol=1e-12)
        np.testing.assert_allclose(cell[chosen] @ projector, cell[chosen], atol=1e-12)
        assert np.trace(projector) == pytest.approx(chosen.sum())
    np.testing.assert_array_equal(span_projector(cell, np.ones(3, dtype=bool)), np.eye(3))
