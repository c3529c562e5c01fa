"""Input that a property cannot use: each property that needs a crystal, and each that needs a stable one."""

import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from alignn_ff.errors import SimulationError, StructureError
from alignn_ff.properties import PROPERTIES, compute

NEEDED = {"melting": {"temperature_K": 300.0}}
CRYSTALS = sorted(name for name, row in PROPERTIES.items() if row.inputs == ("STRUCTURE",) and name != "antisite")


@pytest.mark.parametrize("name", CRYSTALS)
def test_slabs_and_molecules_are_refused_by_every_property_of_crystals(name: str) -> None:
    slab = fcc111("Cu", (1, 1, 4), vacuum=10.0, periodic=True)
    for atoms in (slab, molecule("N2")):
        atoms.calc = EMT()
        with pytest.raises(StructureError, match="needs a crystal"):
            compute(name, atoms, config=NEEDED.get(name))


@pytest.mark.parametrize("name", ["qha", "kappa", "thermo"])
def test_an_unstable_crystal_is_refused_where_its_phonons_would_be_used(name: str) -> None:
    simple: Atoms = bulk("Ar", "sc", a=3.6)
    simple.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=7.0)
    config = {"supercell": (2, 2, 2), "mesh_length_A": 10.0, "relax": False, "max_temperature_K": 300.0}
    with pytest.raises(SimulationError, match="stable"):
        compute(name, simple, config=config)
