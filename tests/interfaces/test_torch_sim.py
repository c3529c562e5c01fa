"""torch-sim gives the numbers of the package, relaxes batches, and runs dynamics."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff import load_potential
from tests.support.exports import SMOOTH, eager

ts = pytest.importorskip("torch_sim", reason="torch-sim is not installed; pip install 'alignn-ff[torch-sim]'")
pytestmark = pytest.mark.filterwarnings("ignore")  # of torch-sim itself


def crystals() -> list[Atoms]:
    """Two of different sizes, without symmetry."""
    found = [bulk("Si", cubic=True), bulk("Si").repeat((2, 2, 1))]
    for seed, atoms in enumerate(found):
        atoms.rattle(0.08, seed=seed)
        atoms.set_cell(atoms.cell.array + 0.05 * np.eye(3)[[1, 2, 0]], scale_atoms=True)
    return found


def test_results_are_those_of_the_package_for_each_structure_of_a_batch() -> None:
    from alignn_ff.interfaces.torch_sim import AlignnModel

    potential = eager(SMOOTH["smooth, moments"])
    model = AlignnModel(potential)
    molecule = Atoms("SiO2", [[0, 0, 0], [1.6, 0.1, 0], [-0.3, 1.7, 0]])
    for structures in (crystals(), [molecule]):
        state = ts.io.atoms_to_state(structures, model.device, model.dtype)
        for _ in range(2):  # the second time from the lists of neighbours that were kept
            found = model(state)
            expected = potential.predict_tensors(structures)
            torch.testing.assert_close(found["energy"], torch.cat([each.energy for each in expected]))
            torch.testing.assert_close(found["forces"], torch.cat([each.forces for each in expected]))
            torch.testing.assert_close(found["stress"], torch.cat([each.stress for each in expected]), equal_nan=True)
    model.compute_stress = False
    assert set(model(state)) == {"energy", "forces"}
    model.compute_forces = False
    assert set(model(state)) == {"energy"}


def test_a_batched_relaxation_and_langevin_dynamics_of_the_shipped_model() -> None:
    from alignn_ff.interfaces.torch_sim import AlignnModel

    model = AlignnModel(load_potential("si", dtype="float64", backend="eager"))
    start = crystals()
    relaxed = ts.optimize(
        start,
        model,
        optimizer=ts.optimizers.frechet_cell_fire,
        convergence_fn=ts.generate_force_convergence_fn(0.02),
        max_steps=60,
    )
    per_atom = relaxed.energy / torch.tensor([float(len(atoms)) for atoms in start])
    assert float(per_atom[0]) == pytest.approx(float(per_atom[1]), abs=2e-3)
    moving = ts.integrate(relaxed, model, integrator=ts.nvt_langevin, n_steps=10, temperature=300.0, timestep=0.001)
    assert torch.isfinite(moving.energy).all()
    assert (moving.energy > relaxed.energy).all()
