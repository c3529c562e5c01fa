"""Laws of standard deviations: of committees, and of the last layer of one model."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from scipy.spatial.transform import Rotation

from alignn_ff import AlignnCalculator, checkpoint, load_potential
from alignn_ff.calculator.results import DEVIATIONS
from alignn_ff.checkpoint import Header, SpreadFactors, Uncertainty
from alignn_ff.errors import CheckpointError
from alignn_ff.graph import GraphRecipe, build_graph, edge_vectors, system_from_atoms
from alignn_ff.models import AlignnAtomwiseConfig, predict
from alignn_ff.potential import Potential
from tests.support.committees import committee_header, tiny_committee, with_last_layer, write_committee
from tests.support.tiny_models import CONFIG, PUBLISHED, published_header, tiny_header, tiny_model, tiny_potential


def crystal(seed: int = 0, size: float = 0.1) -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.symbols[1] = "O"
    atoms.positions += np.random.default_rng(seed).normal(size=(8, 3)) * size
    return atoms


def layered() -> Potential:
    return with_last_layer([crystal(seed, 0.03) for seed in range(12)])


POTENTIALS = {"committee": tiny_committee, "last layer": layered}


def all_deviations(potential: Potential, atoms: Atoms) -> dict[str, np.ndarray]:
    atoms = atoms.copy()
    calculator = AlignnCalculator(potential, outside="ignore")
    names = [name for name in DEVIATIONS if name in calculator.implemented_properties]
    return {name: np.asarray(calculator.get_property(name, atoms)) for name in names}


@pytest.fixture(scope="module", params=POTENTIALS, ids=POTENTIALS.keys())
def potential(request: pytest.FixtureRequest) -> Potential:
    return POTENTIALS[request.param]()


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], rel: float = 1e-7) -> None:
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], rtol=rel, atol=1e-9, err_msg=name)


def test_the_energy_of_a_committee_is_the_mean_and_the_deviation_that_of_its_members() -> None:
    atoms, members = crystal(), [tiny_potential(seed=seed).predict_tensors([crystal()])[0] for seed in range(3)]
    mean = tiny_committee().predict_tensors([atoms])[0]
    energies = np.array([float(member.energy) for member in members])
    forces = np.array([member.forces.numpy() for member in members])
    stress = np.array([member.stress.numpy()[0] for member in members])
    assert float(mean.energy) == pytest.approx(energies.mean(), rel=1e-12)
    np.testing.assert_allclose(mean.forces, forces.mean(0), atol=1e-12)
    np.testing.assert_allclose(mean.stress[0], stress.mean(0), atol=1e-12)
    assert float(mean.spread.energy) == pytest.approx(energies.std(ddof=1), rel=1e-9)
    np.testing.assert_allclose(mean.spread.forces, np.sqrt(forces.var(0, ddof=1).sum(1)), rtol=1e-9)
    np.testing.assert_allclose(mean.spread.stress, np.sqrt(stress.var(0, ddof=1).sum()), rtol=1e-9)


def test_forces_of_a_committee_are_the_negative_gradient_of_the_mean_energy() -> None:
    committee, atoms, step = tiny_committee(), crystal(), 1e-4
    forces = committee.predict_tensors([atoms])[0].forces
    for atom, axis in ((0, 0), (3, 2)):
        moved = [atoms.copy() for _ in range(2)]
        for sign, each in zip((1, -1), moved, strict=True):
            each.positions[atom, axis] += sign * step
        up, down = (float(p.energy) for p in committee.predict_tensors(moved, derivatives=False))
        assert float(forces[atom, axis]) == pytest.approx(-(up - down) / (2 * step), abs=1e-6)


def test_identical_members_have_no_spread() -> None:
    spread = tiny_committee((4, 4, 4)).predict_tensors([crystal()])[0].spread
    assert all(float(part.abs().max()) < 1e-12 for part in spread)


def test_deviations_do_not_change_with_rotation(potential: Potential) -> None:
    atoms = crystal()
    turned, matrix = atoms.copy(), Rotation.from_euler("xyz", (0.3, 1.1, -0.7)).as_matrix()
    turned.set_cell(atoms.cell.array @ matrix.T)
    turned.positions = atoms.positions @ matrix.T
    assert_same(all_deviations(potential, turned), all_deviations(potential, atoms))


def test_deviations_follow_a_permutation(potential: Potential) -> None:
    atoms, order = crystal(), np.random.default_rng(1).permutation(8)
    expected = all_deviations(potential, atoms)
    for name in ("energies_std", "forces_std"):
        if name in expected:
            expected[name] = expected[name][order]
    assert_same(all_deviations(potential, atoms[order]), expected)


def test_the_deviation_of_the_energy_is_extensive_and_the_others_are_not(potential: Potential) -> None:
    atoms = crystal()
    expected, found = all_deviations(potential, atoms), all_deviations(potential, atoms * (2, 1, 1))
    expected["energy_std"] = 2 * expected["energy_std"]
    for name in ("energies_std", "forces_std"):
        if name in expected:
            expected[name] = np.concatenate([expected[name]] * 2)
    assert_same(found, expected)


def test_deviations_in_a_batch_are_those_of_single_structures(potential: Potential) -> None:
    structures = [crystal(), Atoms("SiO", [[0, 0, 0], [1.6, 0, 0]]), crystal(3)]
    together = potential.predict_tensors(structures, spread=True)
    for atoms, found in zip(structures, together, strict=True):
        alone = potential.predict_tensors([atoms], spread=True)[0].spread
        for one, other in zip(found.spread, alone, strict=True):
            if one is not None:
                np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


def test_the_deviation_of_the_last_layer_grows_away_from_the_training_data() -> None:
    potential = layered()
    sizes = (0.03, 0.1, 0.2, 0.3)
    found = [np.mean([all_deviations(potential, crystal(50 + k, s))["energy_std"] for k in range(4)]) for s in sizes]
    assert found == sorted(found)
    assert found[-1] > 5 * found[0]


def test_an_exact_free_atom_has_no_deviation_of_the_last_layer() -> None:
    header = tiny_header(exact_free_atoms=True)
    potential = with_last_layer([crystal(seed) for seed in range(4)], header)
    free = potential.predict_tensors([Atoms("Si")], spread=True)[0].spread
    assert float(free.energy) == pytest.approx(0.0, abs=1e-12)


def test_the_learned_energy_is_linear_in_the_inputs_of_the_last_layer() -> None:
    for header in (tiny_header(config=CONFIG.model_copy(update={"use_zbl": False})), published()):
        model = tiny_model(header).double()
        energies, inputs = [], []
        for seed in range(10):
            system = system_from_atoms(crystal(seed))
            graph = build_graph(system, header.graph)
            vectors = edge_vectors(system, graph)
            energies.append(model(graph, vectors)[2:])
            inputs.append(model.last_layer_features(graph, vectors)[2:])  # atoms of silicon
        matrix = torch.cat(inputs)
        matrix = torch.cat([matrix, torch.ones(len(matrix), 1)], 1).double()
        energy = torch.cat(energies)
        fit = torch.linalg.lstsq(matrix, energy[:, None]).solution
        assert float((matrix @ fit - energy[:, None]).abs().max()) < 1e-8


def published() -> Header:
    recipe = GraphRecipe(neighbor_strategy="radius_graph", cutoff=4.0)
    return published_header(AlignnAtomwiseConfig(**PUBLISHED), recipe)


def test_a_committee_survives_file_pickle_and_backend(tmp_path: Path) -> None:
    atoms = crystal()
    path = write_committee(tmp_path / "committee.pt")
    loaded = load_potential(path, dtype="float64")
    expected = tiny_committee().predict_tensors([atoms])[0]
    for again in (loaded, pickle.loads(pickle.dumps(loaded))):
        found = again.predict_tensors([atoms])[0]
        assert torch.equal(found.forces, expected.forces)
        assert torch.equal(found.spread.forces, expected.spread.forces)
    eager = predict(loaded.model, *loaded.prepare(atoms)[:2])
    assert float(eager.energy) == pytest.approx(float(expected.energy), rel=1e-12)
    np.testing.assert_allclose(eager.forces, expected.forces, atol=1e-10)


def test_a_last_layer_survives_file_and_pickle(tmp_path: Path) -> None:
    potential, atoms = layered(), crystal()
    checkpoint.save(tmp_path / "model.pt", potential.header, potential.model.state_dict())
    loaded = load_potential(tmp_path / "model.pt", dtype="float64")
    for again in (loaded, pickle.loads(pickle.dumps(loaded))):
        assert_same(all_deviations(again, atoms), all_deviations(potential, atoms))


def test_factors_of_the_file_multiply_the_deviations_of_a_committee() -> None:
    header = committee_header(3)
    factors = Uncertainty(factors=SpreadFactors(2.0, 3.0, 5.0))
    plain, atoms = tiny_committee(), crystal()
    model = plain.model
    larger = Potential(
        "x", header.model_copy(update={"uncertainty": factors}), model, device=plain.device, dtype=plain.dtype
    )
    one, other = all_deviations(plain, atoms), all_deviations(larger, atoms)
    ratios = {name: float(np.mean(other[name] / one[name])) for name in one}
    assert ratios == pytest.approx({"energy_std": 2.0, "energies_std": 2.0, "forces_std": 3.0, "stress_std": 5.0})


def test_results_hold_deviations_beside_those_that_ase_lists() -> None:
    atoms = crystal()
    atoms.calc = AlignnCalculator(tiny_committee())
    atoms.get_potential_energy()
    results = atoms.calc.results
    assert set(DEVIATIONS).isdisjoint(results.keys())
    assert results["forces_std"].shape == (8,)
    assert results["energy_std"] > 0
    assert results["outside"] == ()


def test_a_model_without_uncertainty_says_so() -> None:
    atoms = crystal()
    atoms.calc = AlignnCalculator(tiny_potential())
    with pytest.raises(PropertyNotImplementedError):
        atoms.calc.get_property("energy_std", atoms)
    assert tiny_potential().predict_tensors([atoms], spread=True)[0].spread is None


def test_a_committee_of_one_is_refused(tmp_path: Path) -> None:
    header = committee_header(3)
    broken = header.model_copy(update={"members": header.members[:1]})
    checkpoint.save(tmp_path / "model.pt", broken, tiny_committee().model.state_dict())
    with pytest.raises(CheckpointError, match="at least two"):
        load_potential(tmp_path / "model.pt")
