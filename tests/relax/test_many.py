"""Relaxations that share passes: each has the numbers of the same relaxation alone."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.constraints import FixAtoms, FixedLine
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE, LBFGS
from scipy.linalg import expm, expm_frechet

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.domain import CHECKS, Check, Outside
from alignn_ff.errors import ConfigError, NotFiniteError, StructureError
from alignn_ff.execution import Executor
from alignn_ff.graph import (
    AtomicGraph,
    AtomicSystem,
    TensorPrediction,
    batch_graphs,
    batch_systems,
    find_pairs,
    graph_of_many,
    graph_of_pairs,
    system_from_atoms,
)
from alignn_ff.relax import OPTIMIZERS, RelaxConfig, relax
from alignn_ff.relax.many import relax_many
from alignn_ff.relax.many.deformation import deformation, strain_gradient
from alignn_ff.relax.many.evaluation import ATOMS_PER_PASS, Evaluator, Moving, Numbers
from tests.support.line_graph import LINE_GRAPH_MODEL

TOGETHER = 1e-9  # Å and eV; sums of the network and of the optimiser in another order


def silicon(number: int, *, strong: float = 0.0) -> list[Atoms]:
    found = []
    for k in range(number):
        atoms = bulk("Si", a=5.35 + 0.04 * k, cubic=k % 2 == 1)
        atoms.rattle(0.04 + 0.02 * k + strong, seed=k)
        found.append(atoms)
    return found


@pytest.fixture(scope="module")
def calculator() -> AlignnCalculator:
    return AlignnCalculator(LINE_GRAPH_MODEL, dtype="float64", outside="ignore")


def config_of(**choices: object) -> RelaxConfig:
    return RelaxConfig.model_validate({"outside": "ignore", "fmax_eV_per_A": 0.05, "max_steps": 12, **choices})


@pytest.mark.parametrize(
    "choices",
    [
        {"optimizer": "fire"},
        {"optimizer": "fire", "relax_cell": "free", "pressure_GPa": 3.0},
        {"optimizer": "lbfgs"},
        {"optimizer": "lbfgs", "relax_cell": "free", "pressure_GPa": -2.0},
        {"optimizer": "lbfgs", "relax_cell": "hydrostatic"},
        {"optimizer": "lbfgs", "relax_cell": "fixed-volume"},
    ],
    ids=lambda choices: " ".join(map(str, choices.values())),
)
def test_each_relaxation_is_the_same_as_alone(calculator: AlignnCalculator, choices: dict[str, object]) -> None:
    config, structures = config_of(**choices), silicon(3)
    structures[1].set_constraint(FixAtoms([0, 3]))
    landed = {each.key: each.result for each in relax_many(structures, calculator, config=config, together=2)}
    assert sorted(landed) == [0, 1, 2]
    for key, start in enumerate(structures):
        alone, found = relax(start, calculator, config=config), landed[key]
        assert not isinstance(found, Exception)
        assert (found.after.step, found.after.converged) == (alone.after.step, alone.after.converged)
        assert found.before.energy_eV == pytest.approx(alone.before.energy_eV, abs=TOGETHER)
        for name in ("energy_eV", "enthalpy_eV", "max_force_eV_per_A", "max_cell_force_eV_per_A"):
            assert getattr(found.after, name) == pytest.approx(getattr(alone.after, name), abs=TOGETHER)
        np.testing.assert_allclose(found.atoms.positions, alone.atoms.positions, atol=TOGETHER)
        np.testing.assert_allclose(found.atoms.cell.array, alone.atoms.cell.array, atol=TOGETHER)
        assert found.after.size is not None
        assert alone.after.size is not None
        assert found.after.size.stress == pytest.approx(alone.after.size.stress, abs=1e-6)
        assert found.space_group_after == alone.space_group_after
        assert found.held_strains == alone.held_strains


@pytest.mark.parametrize(("name", "cls"), [("fire", FIRE), ("lbfgs", LBFGS)])
def test_the_minimum_is_that_of_ase(calculator: AlignnCalculator, name: str, cls: type) -> None:
    (atoms,) = silicon(1)
    config = config_of(optimizer=name, relax_cell="free", fmax_eV_per_A=2e-3, max_steps=400)
    ((_, result, _),) = relax_many([atoms], calculator, config=config)
    assert not isinstance(result, Exception)
    assert result.after.converged
    atoms.calc = calculator
    cls(FrechetCellFilter(atoms), logfile=None).run(fmax=2e-3, steps=400)
    assert result.after.energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-5)
    np.testing.assert_allclose(result.atoms.cell.array, atoms.cell.array, atol=2e-3)


class Quartic:
    """A potential with a narrow curved valley, so that steps overshoot: it makes optimisers go back."""

    def __init__(self, seed: int) -> None:
        self.b = np.random.default_rng(seed).normal(size=(4, 3))

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        valley = x[:, 1] - x[:, 0] ** 2
        value = float((40.0 * valley**2 + (1.0 - x[:, 0]) ** 2 + 0.5 * (x[:, 2] - self.b[:, 2]) ** 2).sum())
        slope = np.column_stack(
            [-160.0 * valley * x[:, 0] - 2.0 * (1.0 - x[:, 0]), 80.0 * valley, x[:, 2] - self.b[:, 2]]
        )
        return value, slope


class QuarticCalculator(AlignnCalculator):
    """The same for ASE."""

    def __init__(self, potential: Quartic) -> None:
        super().__init__(LINE_GRAPH_MODEL)
        self.quartic = potential

    def calculate(self, atoms: Atoms | None = None, *arguments: object, **named: object) -> None:
        assert atoms is not None
        self.atoms = atoms.copy()
        value, slope = self.quartic(atoms.positions)
        self.results = {"energy": value, "free_energy": value, "forces": -slope}


@pytest.mark.parametrize("name", [name for name, row in OPTIMIZERS.items() if row.many is not None])
def test_the_optimiser_of_many_makes_the_steps_of_the_single_one(name: str) -> None:
    n_slots, n_steps = 3, 110  # more than the 100 pairs that L-BFGS keeps
    potentials = [Quartic(seed) for seed in range(n_slots)]
    starts = [np.random.default_rng(10 + seed).normal(size=(4, 3)) for seed in range(n_slots)]
    make = OPTIMIZERS[name].many
    assert make is not None
    stepper, x = make(n_slots), np.stack(starts)
    for slot in range(n_slots):
        stepper.begin(slot, n_rows=4)
    n_back = 0
    accepted: list[list[np.ndarray]] = [[] for _ in range(n_slots)]
    everyone = np.arange(n_slots)
    while min(map(len, accepted)) < n_steps:
        found = [potential(rows) for potential, rows in zip(potentials, x, strict=True)]
        value, gradient = np.array([v for v, _ in found]), np.stack([g for _, g in found])
        back, shorter = stepper.retry(x, value, everyone)
        n_back += len(back)
        chosen = np.setdiff1d(everyone, back)
        for slot in chosen:
            accepted[slot].append(x[slot].copy())
        after = stepper.step(x, value, gradient, chosen)
        x[back] = shorter
        x[chosen] = after
    for slot in range(n_slots):
        atoms = Atoms("H4", positions=starts[slot])
        atoms.calc = QuarticCalculator(potentials[slot])
        optimizer = OPTIMIZERS[name].build(atoms)
        for step, _ in enumerate(optimizer.irun(fmax=0.0, steps=40)):
            np.testing.assert_allclose(accepted[slot][step], atoms.positions, atol=1e-7)
    assert n_back > 0 or name == "fire"


def test_what_a_step_limit_a_wrong_start_and_an_odd_constraint_do(calculator: AlignnCalculator) -> None:
    structures = silicon(3)
    structures[0].positions[0] = np.nan
    structures[1].set_constraint(FixedLine(0, [1, 0, 0]))
    structures.append(bulk("Cu"))
    found = {e.key: e.result for e in relax_many(structures, calculator, config=config_of(max_steps=2), together=4)}
    assert isinstance(found[0], StructureError)
    assert "Cu" in str(found[3])
    for key in (1, 2):  # the first one is relaxed alone
        result = found[key]
        assert not isinstance(result, Exception)
        assert (result.after.step, result.after.converged, result.stopped) == (2, False, False)


def test_a_step_that_fails_ends_its_structure_with_the_step_before(
    calculator: AlignnCalculator, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_passes = [0]

    def evaluate(self: Executor, system: object, graph: object, *, derivatives: bool = True) -> object:
        n_passes[0] += 1
        found = whole(self, system, graph, derivatives=derivatives)  # type: ignore[arg-type]
        if n_passes[0] == 3:
            found.forces[0] = np.nan
        return found

    whole = Executor.evaluate
    monkeypatch.setattr(Executor, "evaluate", evaluate)
    structures = silicon(2)
    found = {e.key: e.result for e in relax_many(structures[:1], calculator, config=config_of(), together=2)}
    result = found[0]
    assert not isinstance(result, Exception)
    assert result.stopped
    assert "step 2" in str(result.ended_by)
    assert result.after.step == 1
    n_passes[0] = 2
    (only,) = relax_many(structures[:1], calculator, config=config_of())
    assert isinstance(only.result, NotFiniteError)


def test_a_relaxation_stops_outside_of_the_training_data(
    calculator: AlignnCalculator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(evaluated: object, seen: object) -> Outside | None:
        below = evaluated.energy_eV / len(evaluated.atoms)  # type: ignore[attr-defined]
        return Outside("too low for a test", 2.0) if below < limit else None

    structures = silicon(2)
    ends = [relax(atoms, calculator, config=config_of()) for atoms in structures]
    limit = 0.5 * (ends[0].before.energy_eV + ends[0].after.energy_eV) / len(structures[0])
    monkeypatch.setitem(CHECKS, "low", Check(find, "too low", stops=True))
    config = config_of(outside="stop")
    found = {e.key: e.result for e in relax_many(structures[:1], calculator, config=config)}
    alone = relax(structures[0], calculator, config=config)
    assert not isinstance(found[0], Exception)
    assert (found[0].stopped, found[0].ended_by) == (True, alone.ended_by)
    assert found[0].after.step == alone.after.step
    np.testing.assert_allclose(found[0].atoms.positions, alone.atoms.positions, atol=TOGETHER)


def test_what_cannot_share_passes_is_refused(calculator: AlignnCalculator) -> None:
    for choices in ({"optimizer": "bfgs_linesearch"}, {"keep_symmetry": True}):
        with pytest.raises(ConfigError, match="share passes with the optimisers lbfgs, fire"):
            list(relax_many(silicon(1), calculator, config=config_of(**choices)))


def test_the_graph_of_many_structures_is_that_of_each(calculator: AlignnCalculator) -> None:
    structures = [*silicon(3), fcc111("Al", (1, 1, 2), vacuum=6.0), molecule("CH4"), Atoms("H"), bulk("Cu", a=2.2)]
    recipe = calculator.potential.header.graph
    systems = [system_from_atoms(atoms) for atoms in structures]
    pairs = [find_pairs(system, recipe) for system in systems]
    system, graph = graph_of_many(systems, pairs, recipe)
    each = [graph_of_pairs(one, found, recipe) for one, found in zip(systems, pairs, strict=True)]
    for found, expected in ((system, batch_systems(systems)), (graph, batch_graphs(each))):
        for name, tensor in expected._asdict().items():
            if tensor is not None:
                assert (getattr(found, name) == tensor).all(), name


def test_passes_and_graphs_ahead_change_no_number(
    calculator: AlignnCalculator, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = [Moving(atoms, calculator.potential) for atoms in silicon(4)]
    moving[1].atoms.positions[1] = moving[1].atoms.positions[0]  # two atoms at one place: an error of this one only
    found: dict[object, list[Numbers | Exception]] = {
        ahead: Evaluator(calculator.potential, ahead=ahead).numbers(moving) for ahead in (False, True)
    }
    monkeypatch.setitem(ATOMS_PER_PASS, "cpu", 8)
    found[None] = Evaluator(calculator.potential, ahead=True).numbers(moving)
    for numbers in found.values():
        assert isinstance(numbers[1], StructureError)
        for one, expected in zip(numbers, found[False], strict=True):
            if isinstance(expected, Exception) or isinstance(one, Exception):
                continue
            assert one.energy == pytest.approx(expected.energy, abs=TOGETHER)
            np.testing.assert_allclose(one.forces, expected.forces, atol=TOGETHER)
            np.testing.assert_allclose(one.stress, expected.stress, atol=TOGETHER)


def test_passes_are_packed_by_atoms_and_by_memory(
    calculator: AlignnCalculator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def evaluate(
        self: Executor, system: AtomicSystem, graph: AtomicGraph, *, derivatives: bool = True
    ) -> TensorPrediction:
        sizes.append(system.positions.shape[0])
        return whole(self, system, graph, derivatives=derivatives)

    whole = Executor.evaluate
    monkeypatch.setattr(Executor, "evaluate", evaluate)
    moving = [Moving(bulk("Si", cubic=True), calculator.potential) for _ in range(5)]
    monkeypatch.setitem(ATOMS_PER_PASS, "cpu", 24)
    Evaluator(calculator.potential).numbers(moving)
    assert sizes == [24, 16]
    monkeypatch.setattr(Executor, "fits", lambda self, size: size.n_atoms <= 16)
    Evaluator(calculator.potential).numbers(moving)
    assert sizes[2:] == [16, 16, 8]


def test_the_gradient_of_a_strain_is_that_of_the_exponential() -> None:
    random = np.random.default_rng(0)
    strains = random.normal(size=(4, 3, 3)) * 0.3
    strains = strains + strains.transpose(0, 2, 1)
    strains[1] = np.diag([0.2, 0.2, 0.2])  # equal eigenvalues
    strains[2] = 0.0
    virials = random.normal(size=(4, 3, 3))
    virials = virials + virials.transpose(0, 2, 1)
    at = deformation(strains)
    found = strain_gradient(at, virials)
    for k in range(4):
        np.testing.assert_allclose(at.matrix[k], expm(strains[k]), atol=1e-12)
        along = virials[k] @ np.linalg.inv(at.matrix[k])
        derivatives = [expm_frechet(strains[k], unit, compute_expm=False) for unit in np.eye(9).reshape(9, 3, 3)]
        expected = np.reshape([(derivative * along).sum() for derivative in derivatives], (3, 3))
        np.testing.assert_allclose(found[k], expected, atol=1e-10)
