"""Laws of the deviations of forces and stress from the last layer of one model, and the doors that lead to them."""

import json
import pickle
from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from scipy.spatial.transform import Rotation

from alignn_ff import AlignnCalculator, checkpoint, load_potential
from alignn_ff.checkpoint import Header
from alignn_ff.checkpoint.older import with_factors
from alignn_ff.errors import ConfigError
from alignn_ff.execution import derivatives_along, features_of
from alignn_ff.graph import GraphRecipe, Spread, build_graph, edge_vectors, system_from_atoms
from alignn_ff.md import MDConfig, MDFiles, resume_md, run_md
from alignn_ff.md.guards.limits import GuardLimits
from alignn_ff.models import (
    AlignnAtomwiseConfig,
    LastLayerRecord,
    Posterior,
    Products,
    label_products,
    posterior_factor,
)
from alignn_ff.potential import Potential
from alignn_ff.train.uncertainty.calibration import Measured
from alignn_ff.train.uncertainty.derivatives import best_posterior, informative
from tests.support.command_line import CommandLine
from tests.support.committees import tiny_committee, with_last_layer
from tests.support.tiny_models import PUBLISHED, published_header, tiny_header, tiny_potential

FORCES, STRESS = Posterior(0.7, 1e-3), Posterior(1.9, 1e-2)
LARGEST_SHIFT = 1e-4
"""Å or strain, of finite differences."""


def crystal(seed: int = 0, size: float = 0.1) -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.symbols[1] = "O"
    atoms.positions += np.random.default_rng(seed).normal(size=(8, 3)) * size
    return atoms


def layered(header: Header | None = None, *, uncertainty: str = "forces") -> Potential:
    plain = with_last_layer([crystal(seed, 0.03) for seed in range(12)], header, regulariser=1e-4)
    layer = plain.model.last_layer
    assert layer is not None
    layer.record = layer.record._replace(forces=FORCES, stress=STRESS)
    own = plain.header.model_copy(update={"last_layer": layer.record})
    return Potential("last layer", own, plain.model, device=plain.device, dtype=plain.dtype, uncertainty=uncertainty)  # type: ignore[arg-type]


def published() -> Header:
    return published_header(
        AlignnAtomwiseConfig(**PUBLISHED), GraphRecipe(neighbor_strategy="radius_graph", cutoff=4.0)
    )


def spread_of(potential: Potential, atoms: Atoms) -> Spread:
    spread = potential.predict_tensors([atoms], spread=True)[0].spread
    assert spread is not None
    assert spread.forces is not None
    assert spread.stress is not None
    return spread


def summed_features(potential: Potential, atoms: Atoms) -> np.ndarray:
    """(n_features,) φ."""
    system = system_from_atoms(atoms)
    graph = build_graph(system, potential.header.graph)
    with torch.no_grad():
        return features_of(potential.model, graph, edge_vectors(system, graph)).sum(0).numpy()


def differences(potential: Potential, atoms: Atoms, move: object) -> np.ndarray:
    """(n_features,) central difference of φ over a move of a copy of the structure."""
    ends = []
    for sign in (1, -1):
        moved = atoms.copy()
        move(moved, sign * LARGEST_SHIFT)  # type: ignore[operator]
        ends.append(summed_features(potential, moved))
    return np.asarray((ends[0] - ends[1]) / (2 * LARGEST_SHIFT))


def inverse(potential: Potential, posterior: Posterior) -> np.ndarray:
    """α²·V of forces and stress."""
    assert potential.model.last_layer is not None
    factor = potential.model.last_layer.force_factor.numpy()
    return np.asarray(posterior.scale**2 * factor @ factor.T)


@pytest.mark.parametrize("header", [tiny_header(), published()], ids=["smooth", "published"])
def test_the_variance_of_forces_and_stress_is_that_of_finite_differences_of_the_inputs(header: Header) -> None:
    potential, atoms = layered(header), crystal()
    found = spread_of(potential, atoms)
    matrix = inverse(potential, FORCES)
    for atom in (0, 1, 5):
        total = 0.0
        for axis in range(3):

            def move(each: Atoms, step: float, atom: int = atom, axis: int = axis) -> None:
                each.positions[atom, axis] += step

            change = differences(potential, atoms, move)
            total += change @ matrix @ change
        assert float(found.forces[atom]) == pytest.approx(np.sqrt(total), rel=1e-5)
    matrix, total = inverse(potential, STRESS), 0.0
    for row in range(3):
        for column in range(3):

            def strain(each: Atoms, step: float, row: int = row, column: int = column) -> None:
                deformation = np.eye(3)
                deformation[row, column] += step / 2
                deformation[column, row] += step / 2
                each.set_cell(each.cell.array @ deformation, scale_atoms=True)

            change = differences(potential, atoms, strain) / atoms.get_volume()
            total += change @ matrix @ change
    assert float(found.stress[0]) == pytest.approx(np.sqrt(total), rel=1e-5)


def test_the_variance_is_that_of_an_ensemble_of_last_layers() -> None:
    potential, atoms = layered(), crystal()
    prepared = potential.prepare(atoms)
    every = derivatives_along(potential.model, prepared.system, prepared.graph, torch.eye(8).double())
    per_input = torch.stack([forces for forces, _ in every]).numpy()
    drawn = np.random.default_rng(0).multivariate_normal(np.zeros(8), inverse(potential, FORCES), 4000)
    forces = np.einsum("nk,kic->nic", drawn, per_input)
    np.testing.assert_allclose(np.sqrt(forces.var(0).sum(1)), spread_of(potential, atoms).forces, rtol=0.05)


def test_each_last_layer_has_no_net_force_so_that_of_all_atoms_has_no_deviation() -> None:
    potential = layered()
    prepared = potential.prepare(crystal())
    for forces, _ in derivatives_along(potential.model, prepared.system, prepared.graph, torch.eye(8).double()):
        assert float(forces.sum(0).abs().max()) < 1e-12 * max(1.0, float(forces.abs().max()))


def test_forces_that_are_zero_by_symmetry_have_no_deviation() -> None:
    potential = layered()
    perfect = spread_of(potential, bulk("Si", cubic=True))
    assert float(perfect.forces.max()) < 1e-10 * float(spread_of(potential, crystal()).forces.max())
    assert float(perfect.stress) > 0


def test_deviations_do_not_change_with_rotation_and_follow_permutations_and_supercells() -> None:
    potential, atoms = layered(), crystal()
    expected = spread_of(potential, atoms)
    turned, matrix = atoms.copy(), Rotation.from_euler("xyz", (0.3, 1.1, -0.7)).as_matrix()
    turned.set_cell(atoms.cell.array @ matrix.T)
    turned.positions = atoms.positions @ matrix.T
    order = np.random.default_rng(1).permutation(8)
    found = {"turned": turned, "permuted": atoms[order], "repeated": atoms * (2, 1, 1)}
    forces = expected.forces.numpy()
    wanted = {"turned": forces, "permuted": forces[order], "repeated": np.concatenate([forces] * 2)}
    for name, structure in found.items():
        spread = spread_of(potential, structure)
        np.testing.assert_allclose(spread.forces, wanted[name], rtol=1e-7, err_msg=name)
        np.testing.assert_allclose(spread.stress, expected.stress, rtol=1e-7, err_msg=name)


def test_deviations_in_a_batch_are_those_of_single_structures() -> None:
    potential, structures = layered(), [crystal(), Atoms("SiO", [[0, 0, 0], [1.6, 0, 0]]), crystal(3), Atoms("Si")]
    for atoms, found in zip(structures, potential.predict_tensors(structures, spread=True), strict=True):
        alone = spread_of(potential, atoms)
        assert found.spread is not None
        for one, other in zip(found.spread, alone, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-14)
    assert float(alone.forces) == 0.0
    assert bool(alone.stress.isnan())


def test_they_are_computed_only_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    atoms = crystal()
    plain = AlignnCalculator(layered(uncertainty="energy"), outside="ignore")
    assert plain.get_property("energy_std", atoms) > 0
    with pytest.raises(PropertyNotImplementedError):
        plain.get_property("forces_std", atoms)
    asked, calls = layered(), list[int]()
    compute = asked.last_layer_spread
    monkeypatch.setattr(asked, "last_layer_spread", lambda *given: calls.append(1) or compute(*given))
    atoms.calc = AlignnCalculator(asked, outside="ignore")
    atoms.get_forces()
    assert calls == []
    np.testing.assert_allclose(atoms.calc.get_property("forces_std", atoms), spread_of(layered(), atoms).forces)
    assert atoms.calc.get_property("stress_std", atoms) > 0
    assert len(calls) == 1


def test_a_committee_gives_its_own_with_either_word() -> None:
    plain, atoms = tiny_committee(), crystal()
    asked = Potential(
        "committee", plain.header, plain.model, device=plain.device, dtype=plain.dtype, uncertainty="forces"
    )
    assert torch.equal(spread_of(plain, atoms).forces, spread_of(asked, atoms).forces)


def test_the_word_survives_a_pickle_and_contradictions_and_models_without_deviations_are_refused() -> None:
    potential = layered()
    assert pickle.loads(pickle.dumps(potential)).forces_std_by == "last_layer"
    with pytest.raises(ConfigError, match="uncertainty energy was requested"):
        AlignnCalculator(potential, uncertainty="energy")
    plain = tiny_potential()
    for word, match in (("forces", "has none"), ("stress", "allowed are energy, forces")):
        with pytest.raises(ConfigError, match=match):
            Potential("x", plain.header, plain.model, device=plain.device, dtype=plain.dtype, uncertainty=word)  # type: ignore[arg-type]


def test_the_factor_is_that_of_a_fit_whose_labels_have_their_own_errors() -> None:
    """The covariance of fitted weights, drawn many times with errors that differ from label to label."""
    generator = np.random.default_rng(0)
    rows, scales = generator.normal(size=(40, 5)), generator.uniform(0.1, 2.0, 40)
    noise = scales * generator.normal(size=(20_000, 40))
    drawn = noise @ np.linalg.pinv(rows).T
    factor = posterior_factor(label_products(torch.tensor(rows), torch.tensor(scales)), 0.0).numpy()
    np.testing.assert_allclose(factor @ factor.T, np.cov(drawn.T), atol=0.03 * np.abs(np.cov(drawn.T)).max())


def test_labels_of_equal_errors_give_the_inverse_of_their_matrix_and_what_none_shows_is_uncertain() -> None:
    rows = torch.randn(30, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows[:, 3] = 0.0  # no label shows this direction
    for errors in (torch.full((30,), 0.1), torch.zeros(30)):
        factor = posterior_factor(label_products(rows, errors), 1e-3)
        found, seen = factor @ factor.T, rows.T @ rows
        expected = torch.linalg.inv(seen + 1e-3 * seen.trace() / 4 * torch.eye(4))
        torch.testing.assert_close(found / found[0, 0], expected / expected[0, 0])
        assert float(found[3, 3]) > 100 * float(found.diagonal()[:3].max())


def old_content(potential: Potential, covariance: torch.Tensor, version: int) -> dict[str, object]:
    """A model file as versions 5 and 6 wrote it, with the matrix F."""
    state = {name: value for name, value in potential.model.state_dict().items() if "_factor" not in name}
    checkpoint.save(Path("new.pt"), potential.header, potential.model.state_dict())
    content = torch.load("new.pt", weights_only=True)
    header = json.loads(content["header"])
    del header["uncertainty"]["groups"]
    if version == 5:
        header["last_layer"] = header["last_layer"][:5]
    state["last_layer.covariance"] = covariance
    return {**content, "version": version, "header": json.dumps(header), "state": state}


@pytest.mark.parametrize("version", [5, 6])
def test_older_files_keep_their_deviations(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    potential = layered()
    covariance = torch.randn(8, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    covariance = covariance @ covariance.T
    torch.save(old_content(potential, covariance, version), "old.pt")
    loaded = load_potential("./old.pt", dtype="float64", uncertainty="forces")
    record = loaded.header.last_layer
    assert isinstance(record, LastLayerRecord)
    known = record.forces or record.energy
    prepared = loaded.prepare(crystal())
    along = derivatives_along(loaded.model, prepared.system, prepared.graph, torch.eye(8).double())
    jacobian = torch.stack([forces for forces, _ in along]).numpy()
    ridge = known.regulariser * float(covariance.trace()) / 8
    matrix = known.scale**2 * np.linalg.inv(covariance.numpy() + ridge * np.eye(8))
    expected = np.sqrt(np.einsum("kic,kl,lic->i", jacobian, matrix, jacobian))
    np.testing.assert_allclose(spread_of(loaded, crystal()).forces, expected, rtol=1e-5)


def test_older_files_of_committees_keep_the_deviations_of_each_member() -> None:
    covariances = {f"models.{k}.last_layer.covariance": torch.eye(3).double() * (k + 1) for k in range(2)}
    record = [3, 0.5, 0.0, 10, 4]
    header = {"last_layer": None, "members": [[[], record], [[], record]]}
    content = with_factors({"header": json.dumps(header), "state": {**covariances, "models.0.scale": torch.ones(1)}})
    state = content["state"]
    assert isinstance(state, dict)
    assert sorted(state) == [
        *(f"models.0.last_layer.{name}_factor" for name in ("energy", "force", "stress")),
        "models.0.scale",
        *(f"models.1.last_layer.{name}_factor" for name in ("energy", "force", "stress")),
    ]
    factor = state["models.1.last_layer.energy_factor"]
    torch.testing.assert_close(factor @ factor.T, torch.eye(3).double() / 2)


def test_the_fit_finds_the_scale_that_errors_were_drawn_with() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(3000, 3, 8, generator=generator, dtype=torch.float64)
    rows *= torch.rand(3000, 1, 1, generator=generator, dtype=torch.float64)
    values = torch.logspace(-6, 2, 8, dtype=torch.float64)
    seen = Products(values.diag(), torch.zeros(8, 8, dtype=torch.float64))
    variance = (1e-4 * values.mean() + values).reciprocal()
    weights = torch.randn(3000, 1, 8, generator=generator, dtype=torch.float64) * variance.sqrt()
    errors = 0.3 * (rows * weights).sum(2).norm(dim=1)
    found = best_posterior([seen], rows, errors, n_axes=3, unit="eV/Å")
    assert found.posterior.scale == pytest.approx(0.3, rel=0.05)
    assert found.posterior.regulariser == pytest.approx(1e-4)


def write(path: Path) -> Path:
    potential = layered()
    checkpoint.save(path, potential.header, potential.model.state_dict())
    return path


def test_the_option_reaches_energy_relax_and_batch(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, structure = write(tmp_path / "model.pt"), tmp_path / "si.extxyz"
    ase.io.write(structure, crystal())
    options = ("--model", model, "--outside", "ignore", "--uncertainty", "forces")
    found = json.loads(command_line("energy", structure, *options, "--json").stdout)
    expected = spread_of(load_potential(model, uncertainty="forces"), crystal())
    assert found["forces_std_eV_per_A"] == pytest.approx(expected.forces.tolist(), rel=1e-3)
    assert found["stress_std_eV_per_A3"] == pytest.approx(float(expected.stress), rel=1e-3)
    assert "forces_std_eV_per_A" not in json.loads(command_line("energy", structure, *options[:4], "--json").stdout)
    command_line("relax", structure, *options, "--steps", 1)
    assert json.loads(Path("si-relaxed.json").read_text())["forces_std_eV_per_A"]
    command_line("batch", "energy", structure, "-o", "out", *options)
    assert "max_force_std_eV_per_A" in Path("out/shard-0000.jsonl").read_text()
    wrong = command_line("energy", structure, *options[:4], "--uncertainty", "stress")
    assert (wrong.code, "allowed are energy, forces" in wrong.stderr) == (2, True)


def test_dynamics_harvests_by_forces_with_one_model_and_so_does_its_restart(tmp_path: Path) -> None:
    model, harvest = write(tmp_path / "model.pt"), tmp_path / "harvest.extxyz"
    off = GuardLimits(max_temperature_K=None, max_drift_meV_per_atom_per_ps=None, uncertainty_every=1)
    chosen = MDConfig(
        steps=3, timestep_fs=0.5, guards=off, uncertain_above=1e-9, harvest=harvest, harvest_gap_fs=0, log_every=3
    )
    calculator = AlignnCalculator(model, outside="ignore", uncertainty="forces")
    files = MDFiles(tmp_path / "run", harvest=harvest)
    result = run_md(crystal(), calculator, config=chosen, files=files)
    assert (result.uncertainty.unit, result.uncertainty.n_harvested) == ("eV/Å", 4)
    assert ase.io.read(harvest, 0).arrays["forces_std"].shape == (8,)
    longer = resume_md(files.restart, steps=5, outside="ignore")
    assert (longer.uncertainty.unit, longer.uncertainty.n_harvested) == ("eV/Å", 6)


def test_rounding_of_forces_that_are_zero_by_symmetry_decides_no_scale() -> None:
    deviations = np.array([*np.full(50, 1e-7), *np.full(50, 0.02), 200.0])  # one atom far from all data
    kept = informative(Measured(np.full(101, 0.02), deviations, 3, "eV/Å"))
    assert kept.deviations.tolist() == [*np.full(50, 0.02), 200.0]
