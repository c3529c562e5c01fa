"""One temperature for dynamics and analysis, for any degrees of freedom; private names of ASE exist."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, fcc111, molecule
from ase.calculators.lj import LennardJones
from ase.constraints import FixAtoms

from alignn_ff import ase_private
from alignn_ff.analysis.observables.thermodynamics import temperature_K
from alignn_ff.kinetics import freedom, observed_freedom, stop_rotation, stop_translation, temperature
from alignn_ff.md import MDConfig, run_md


def dimer() -> Atoms:
    return Atoms("Ar2", [[0, 0, 0], [0, 0, 3.8]])


def slab() -> Atoms:
    return fcc111("Cu", (2, 2, 2), vacuum=8.0)


def held() -> Atoms:
    atoms = bulk("Cu", cubic=True)
    atoms.set_constraint(FixAtoms([0]))
    return atoms


EXPECTED = {
    "linear molecule": (dimer, 1),
    "bent molecule": (lambda: molecule("H2O"), 3),
    "one atom": (lambda: Atoms("Ar"), 0),
    "slab": (slab, 3 * 8 - 3),
    "crystal": (lambda: bulk("Cu", cubic=True), 9),
    "fixed atoms": (held, 9),
}


def moving(atoms: Atoms) -> Atoms:
    rng = np.random.default_rng(0)
    atoms.set_momenta(rng.normal(size=(len(atoms), 3)) * (len(atoms) > 1))  # one atom that conserves momentum rests
    if not atoms.constraints:
        stop_translation(atoms)
        if atoms.pbc.sum() < 2:
            stop_rotation(atoms)
    return atoms


@pytest.mark.parametrize("name", EXPECTED)
def test_a_frame_counts_the_motions_that_dynamics_counts(name):
    make, n_dof = EXPECTED[name]
    atoms = moving(make())
    counted = observed_freedom(atoms)
    assert counted.n_dof == n_dof
    assert counted.n_dof == freedom(atoms, conserves_momentum=True, conserves_rotation=True).n_dof
    if n_dof:
        expected = 2.0 * atoms.get_kinetic_energy() / (n_dof * units.kB)
        assert temperature_K(atoms) == pytest.approx(expected, rel=1e-9)
        assert temperature(atoms, counted) == pytest.approx(expected, rel=1e-9)
    else:
        assert temperature_K(atoms) is None


def test_a_dimer_has_the_same_temperature_in_dynamics_and_in_the_analysis():
    found = []

    def compare(snapshot):
        found.append((snapshot.temperature_K, temperature_K(snapshot.atoms)))

    config = MDConfig(steps=20, timestep_fs=2.0, temperature_K=60.0, ensemble="nve")
    run_md(dimer(), LennardJones(sigma=3.4, epsilon=0.0104, rc=9.0), config=config, on_step=compare)
    ours, analysed = np.array(found).T
    np.testing.assert_allclose(analysed, ours, rtol=1e-6)


def test_a_drifting_crystal_counts_its_drift():
    atoms = moving(bulk("Cu", cubic=True))
    atoms.set_momenta(atoms.get_momenta() + 1.0)
    assert observed_freedom(atoms).n_dof == 12


def test_private_names_of_ase_exist():
    """A change of ASE could break these silently: a state that is not saved, a method that is never called."""
    for owner, names in ase_private.OVERRIDDEN.items():
        assert all(hasattr(owner, name) for name in names)
    from ase.md import nose_hoover_chain, velocitydistribution

    atoms = bulk("Cu", cubic=True)
    atoms.calc = LennardJones()
    velocitydistribution.thermalize_momenta(atoms, 300 * units.kB, rng=np.random.default_rng(0))
    for integrator_type, names in ase_private.MTK_STATE.items():
        more = {"mask": np.array([True, True, False])} if "Masked" in integrator_type.__name__ else {}
        integrator = integrator_type(
            atoms, timestep=1.0, temperature_K=300.0, pressure_au=0.0, tdamp=100.0, pdamp=1000.0, **more
        )
        for name in names:
            owner = integrator
            for part in name.split("."):
                assert hasattr(owner, part), f"{integrator_type.__name__} has no {name}"
                owner = getattr(owner, part)
    chain = nose_hoover_chain.NoseHooverChainNVT(atoms, timestep=1.0, temperature_K=300.0, tdamp=100.0)
    for name in ("_thermostat", "_q", "_p"):
        assert hasattr(chain, name)
    for name in ("_num_atoms_global", "_Q", "_kT", "_tdamp", "_eta", "_p_eta"):
        assert hasattr(chain._thermostat, name)
