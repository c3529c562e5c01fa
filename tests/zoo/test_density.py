"""No shipped model of few elements has a hole: lattices lie above its ground state at any density; chains stay sane."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii

from alignn_ff import AlignnCalculator, load_potential
from alignn_ff.relax import RelaxConfig, relax
from alignn_ff.train.floor.structures import LATTICES, lattice
from alignn_ff.zoo import shipped_cards

FEW = 8
"""Elements of a model that is made for them; the lattices of universal are in its own tests."""
COMPOUNDS = {"nacl": ("NaCl", {"rocksalt": 4, "cesiumchloride": 1, "zincblende": 4})}
"""Models of a compound, whose data hold no elements: formula, lattices and formula units of their cubic cells."""
MODELS = [
    (card.name, element)
    for card in shipped_cards()
    if len(card.elements) <= FEW and card.name not in COMPOUNDS
    for element in card.elements
]
RESOLVED_EV = 0.002
"""Per atom; copper's fcc and hcp are 4 meV apart."""


@pytest.mark.parametrize(
    "dense",
    [bulk("Si", "fcc", a=3.6), bulk("Si", "sc", a=2.5), bulk("Si", "bcc", a=3.1)],
    ids=["fcc", "simple cubic", "bcc"],
)
def test_dense_silicon_relaxes_to_nothing_below_diamond(dense: Atoms) -> None:
    calculator = AlignnCalculator("si", dtype="float64")
    config = RelaxConfig(relax_cell="free", max_steps=60)
    diamond, other = (
        relax(atoms, calculator, config=config).atoms.get_potential_energy() / len(atoms)
        for atoms in (bulk("Si"), dense)
    )
    assert other > diamond + 0.2


@pytest.mark.parametrize(("name", "element"), MODELS)
def test_chains_of_three_atoms_have_energies_of_bonds(name: str, element: str) -> None:
    """Straight chains, which no data hold, were once lifted by thousands of eV in a model with small errors."""
    potential = load_potential(name, dtype="float64")
    number = atomic_numbers[element]
    bond = 2.0 * covalent_radii[number]
    chains = [
        Atoms([number] * 3, [[length, 0, 0], [0, 0, 0], [length * np.cos(angle), length * np.sin(angle), 0]])
        for length in bond * np.array([0.8, 0.9, 1.0, 1.1, 1.2])
        for angle in np.linspace(np.pi / 3.0, np.pi, 12)
    ]
    energies = np.array([found.energy for found in potential.predict(chains, derivatives=False)]) / 3.0
    assert np.ptp(energies) < 4.0


@pytest.mark.parametrize(("name", "element"), MODELS)
def test_lattices_have_one_minimum_above_the_ground_state_and_repel_when_dense(name: str, element: str) -> None:
    """From half to twice the volume of the ground state."""
    potential = load_potential(name)
    volumes = np.geomspace(5.0, 90.0, 260)
    curves = {}
    for kind in LATTICES:
        structures = [lattice(kind, [element], volume) for volume in volumes]
        found = potential.predict(structures, derivatives=False)
        curves[kind] = np.array([one.energy / len(atoms) for one, atoms in zip(found, structures, strict=True)])
    ground = min(curves.values(), key=lambda energies: energies[80:].min())
    volume = volumes[80:][ground[80:].argmin()]
    inside = (volumes >= 0.5 * volume) & (volumes <= 2.0 * volume)
    for kind, energies in curves.items():
        falls = np.diff(energies[inside]) < 0.0
        assert energies[inside].min() >= ground[inside].min() - RESOLVED_EV, kind
        assert falls[0], kind
        assert np.count_nonzero(falls[:-1] & ~falls[1:]) == 1, kind


@pytest.mark.parametrize("name", COMPOUNDS)
def test_lattices_of_a_compound_have_one_minimum_and_the_first_is_the_ground_state(name: str) -> None:
    """From half to twice the volume of the ground state and beyond."""
    potential = load_potential(name)
    formula, lattices = COMPOUNDS[name]
    volumes, lowest = np.geomspace(10.0, 60.0, 200), {}
    for kind, units in lattices.items():
        structures = [bulk(formula, kind, a=(2.0 * units * volume) ** (1.0 / 3.0)) for volume in volumes]
        energies = np.array([found.energy for found in potential.predict(structures, derivatives=False)]) / 2.0
        falls = np.diff(energies) < 0.0
        assert falls[0], kind
        assert np.count_nonzero(falls[:-1] & ~falls[1:]) == 1, kind
        lowest[kind] = energies.min()
    assert min(lowest, key=lambda kind: lowest[kind]) == next(iter(lattices))
