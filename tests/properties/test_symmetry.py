"""Symmetry searches that find nothing are errors for people, whatever was searched before."""

from collections.abc import Callable

import pytest
from ase import Atoms

from alignn_ff.errors import StructureError
from alignn_ff.properties.elasticity import ElasticConfig
from alignn_ff.properties.elasticity.constants import point_group, standard_axes
from alignn_ff.properties.phonons.primitive import primitive_cell
from alignn_ff.properties.symmetry import refine, symmetry_dataset

TOLERANCE_A = 0.01


@pytest.mark.parametrize(
    "search",
    [
        lambda atoms: symmetry_dataset(atoms, TOLERANCE_A),
        lambda atoms: primitive_cell(atoms, TOLERANCE_A),
        lambda atoms: standard_axes(atoms, ElasticConfig()),
        lambda atoms: refine(atoms, TOLERANCE_A),
    ],
    ids=["dataset", "primitive", "standard", "refine"],
)
def test_atoms_on_top_of_each_other_have_no_symmetry(search: Callable[[Atoms], object]) -> None:
    double = Atoms("Si2", positions=[[0, 0, 0], [0, 0, 0]], cell=[3, 3, 3], pbc=True)
    for _ in range(2):
        with pytest.raises(StructureError, match=r"no symmetry was found within 0\.01 Å"):
            search(double)
    assert len(point_group(double, TOLERANCE_A)) == 1
