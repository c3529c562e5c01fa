"""Relaxations on a device make the steps of those that share passes, and end as they do."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from ase.constraints import FixAtoms
from scipy.linalg import expm, expm_frechet

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import ConfigError
from alignn_ff.graph import build_graph, find_pairs, graph_of_many, system_from_atoms
from alignn_ff.graph.fixed import fits, fixed_graph, join_lists
from alignn_ff.potential import Potential
from alignn_ff.relax import RelaxConfig, RelaxResult
from alignn_ff.relax.many import RelaxFlight
from alignn_ff.relax.resident import ResidentFlight
from alignn_ff.relax.resident.strain import exponential, strain_gradient
from alignn_ff.resident_many import Found, ResidentMany
from alignn_ff.testing import structure
from tests.support.line_graph import LINE_GRAPH_MODEL
from tests.support.tiny_models import CONFIG, tiny_header, tiny_model, tiny_potential

CLOSE = 1e-9  # Å and eV; sums of the network and of the optimiser in another order


@pytest.fixture(scope="module")
def calculator() -> AlignnCalculator:
    return AlignnCalculator(LINE_GRAPH_MODEL, dtype="float64", outside="ignore", backend="eager")


def config_of(**choices: object) -> RelaxConfig:
    return RelaxConfig.model_validate(
        {"outside": "ignore", "optimizer": "fire", "fmax_eV_per_A": 0.05, "max_steps": 24, **choices}
    )


def silicon(number: int) -> list[Atoms]:
    found = []
    for k in range(number):
        atoms = bulk("Si", a=5.35 + 0.04 * k, cubic=k % 2 == 1)
        atoms.rattle(0.04 + 0.02 * k, seed=k)
        found.append(atoms)
    return found


def flown(flight: RelaxFlight, structures: list[Atoms]) -> list[RelaxResult]:
    waiting, landed = list(enumerate(structures)), {}
    while waiting or flight.n_open:
        while waiting and flight.has_room:
            flight.add(*waiting.pop(0))
        landed.update({each.key: each.result for each in flight.advance()})
    results = [landed[key] for key in range(len(structures))]
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results  # type: ignore[return-value]


def assert_same(found: RelaxResult, expected: RelaxResult) -> None:
    assert (found.after.step, found.after.converged) == (expected.after.step, expected.after.converged)
    for name in ("energy_eV", "enthalpy_eV", "max_force_eV_per_A"):
        assert getattr(found.after, name) == pytest.approx(getattr(expected.after, name), abs=CLOSE)
    np.testing.assert_allclose(found.atoms.positions, expected.atoms.positions, atol=CLOSE)
    np.testing.assert_allclose(found.atoms.cell.array, expected.atoms.cell.array, atol=CLOSE)
    assert [finding.message for finding in found.outside] == [finding.message for finding in expected.outside]
    assert found.before.energy_eV == pytest.approx(expected.before.energy_eV, abs=CLOSE)


@pytest.mark.parametrize(
    "choices",
    [{}, {"relax_cell": "free", "pressure_GPa": 3.0}, {"relax_cell": "fixed-volume"}],
    ids=lambda choices: choices.get("relax_cell", "none"),
)
def test_each_relaxation_makes_the_steps_of_the_usual_way(
    calculator: AlignnCalculator, choices: dict[str, object]
) -> None:
    structures, config = silicon(5), config_of(**choices)
    structures[1].set_constraint(FixAtoms([0, 3]))
    expected = flown(RelaxFlight(calculator, config, n_slots=3), structures)
    found = flown(ResidentFlight(calculator, config, n_slots=3), structures)
    assert {result.after.converged for result in expected} == {True, False}
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)


def test_a_structure_whose_pairs_call_for_a_look_goes_on_in_the_usual_way() -> None:
    """It is admitted, and ends, where it would alone."""
    header = tiny_header()
    domain = header.domain.model_copy(update={"shortest_distance_A": {"Si-Si": 2.2}})
    potential = tiny_potential(header.model_copy(update={"domain": domain}))
    potential.executor.use("eager")
    calculator = AlignnCalculator(potential, outside="ignore")
    structures = [*silicon(2), molecule("Si2H6")]
    structures[1].positions[1] -= 0.2
    for word in ("warn", "stop"):
        config = config_of(outside=word, max_steps=15)
        expected = flown(RelaxFlight(calculator, config, n_slots=4), structures)
        found = flown(ResidentFlight(calculator, config, n_slots=4), structures)
        assert any(result.outside for result in expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
            assert one.ended_by == other.ended_by


@pytest.mark.parametrize("fails", ["at once", "later"])
def test_where_the_memory_of_the_device_does_not_suffice_the_relaxations_go_on_in_the_usual_way(
    calculator: AlignnCalculator, fails: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    structures, config, n_runs = silicon(3), config_of(), [0]
    expected = flown(RelaxFlight(calculator, config, n_slots=3), structures)
    whole = ResidentMany.run

    def run(many: ResidentMany, n_steps: int) -> np.ndarray:
        n_runs[0] += 1
        if fails == "at once" or n_runs[0] > 1:
            raise torch.OutOfMemoryError("too much for a test")
        return whole(many, n_steps)

    monkeypatch.setattr(ResidentMany, "run", run)
    found = flown(ResidentFlight(calculator, config, n_slots=3), structures)
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)
    assert n_runs[0] == (1 if fails == "at once" else 2)
    assert "relaxations go on outside of the device: too much for a test" in caplog.text


def test_what_cannot_relax_on_a_device_is_refused(calculator: AlignnCalculator) -> None:
    with pytest.raises(ConfigError, match=r"optimiser lbfgs cannot keep structures.*--optimizer fire"):
        ResidentFlight(calculator, config_of(optimizer="lbfgs"), n_slots=2)
    with pytest.raises(ConfigError, match="share passes"):
        ResidentFlight(calculator, config_of(keep_symmetry=True), n_slots=2)


# strains


def test_exponentials_of_strains_and_their_derivatives_are_those_of_scipy() -> None:
    random = np.random.default_rng(0)
    strains = np.stack(
        [scale * (matrix + matrix.T) for scale in (0.0, 1e-4, 0.1, 0.5) for matrix in [random.normal(size=(3, 3))]]
    )
    virials = random.normal(size=strains.shape)
    virials = virials + virials.transpose(0, 2, 1)
    found = exponential(torch.from_numpy(strains)).numpy()
    slopes = strain_gradient(torch.from_numpy(strains), torch.from_numpy(virials)).numpy()
    for k, strain in enumerate(strains):
        np.testing.assert_allclose(found[k], expm(strain), rtol=1e-12, atol=1e-13)
        expected = expm_frechet(strain, virials[k] @ expm(-strain), compute_expm=False)
        np.testing.assert_allclose(slopes[k], expected, rtol=1e-11, atol=1e-11)


# steps of many structures


KINDS = ("rattled bulk", "skewed tiny cell", "slab with a cell", "slab without height", "molecule", "one-atom cell")


class Drift:
    """A motion that moves atoms at random, and reports energies; forces are kept for a look."""

    def __init__(self, structures: list[Atoms], amount: float) -> None:
        self.positions = torch.from_numpy(np.concatenate([atoms.positions for atoms in structures]))
        self.cell = torch.from_numpy(np.stack([atoms.cell.array for atoms in structures]))
        self.generator, self.amount = torch.Generator().manual_seed(0), amount
        self.n_moved, self.visited = 0, list[tuple[torch.Tensor, torch.Tensor, Found]]()

    def place(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.positions, self.cell

    def begin(self, step: int) -> None:
        pass

    def move(self, found: Found) -> None:
        if not found.valid:
            return
        self.visited.append((self.positions.clone(), self.cell.clone(), found))
        self.positions += self.amount * torch.randn(self.positions.shape, generator=self.generator).double()
        strain = 0.1 * self.amount * torch.randn(self.cell.shape, generator=self.generator).double()
        self.cell += self.cell @ (strain + strain.mT)

    def report(self) -> torch.Tensor:
        return torch.tensor([float(len(self.visited))], dtype=torch.float64)


@pytest.mark.parametrize("moments", [0, 4])
def test_each_step_has_the_numbers_of_the_usual_way_and_lists_are_made_when_needed(moments: int) -> None:
    header = tiny_header(config=CONFIG.model_copy(update={"moment_channels": moments}))
    potential = Potential(
        "tiny", header, tiny_model(header), device=torch.device("cpu"), dtype=torch.float64, backend="eager"
    )
    structures = [structure(kind, (1, 8, 14)) for kind in KINDS]
    systems = [system_from_atoms(atoms) for atoms in structures]
    motion = Drift(structures, 0.02)
    many = ResidentMany(potential, systems, motion, skin_A=0.4)
    assert many.run(4) == [4.0]
    assert many.run(5) == [9.0]
    assert 1 < many.n_lists < 9
    n_atoms = np.cumsum([len(atoms) for atoms in structures])
    for positions, cell, found in motion.visited:
        parts = np.split(positions.numpy(), n_atoms[:-1])
        for k, (atoms, part) in enumerate(zip(structures, parts, strict=True)):
            there = atoms.copy()
            there.set_cell(cell[k].numpy())
            there.positions = part
            (expected,) = potential.predict_tensors([there])
            torch.testing.assert_close(found.energy[k : k + 1], expected.energy, rtol=1e-11, atol=1e-10)
            first = n_atoms[k] - len(atoms)
            torch.testing.assert_close(found.forces[first : n_atoms[k]], expected.forces, rtol=1e-11, atol=1e-10)
            torch.testing.assert_close(found.stress[k : k + 1], expected.stress, rtol=1e-11, atol=1e-10, equal_nan=True)


def test_the_graph_of_many_structures_is_that_of_the_host() -> None:
    header = tiny_header()
    systems = [system_from_atoms(structure(kind, (1, 8, 14))) for kind in KINDS]
    alarms = torch.zeros(119, 119, dtype=torch.float64)
    many = join_lists(systems, header.graph, alarms, torch.device("cpu"), skin_A=0.8)
    cells = torch.cat([system.cell for system in systems])
    made = fixed_graph(
        many.known, many.capacities, header.graph, many.moved(torch.cat([one.positions for one in systems]), cells)
    )
    assert bool(fits(made.status, many.capacities))
    assert made.status[0] == pytest.approx(0.8, abs=1e-5)
    pairs = [find_pairs(system, header.graph) for system in systems]
    _, expected = graph_of_many(systems, pairs, header.graph)
    for field in ("edge_src", "edge_dst", "edge_shift", "line_nodes", "line_src", "line_dst", "atomic_numbers"):
        rows = getattr(expected, field)
        assert torch.equal(getattr(made.graph, field)[: len(rows)], rows), field
    for field in ("n_atoms", "n_edges", "n_line_nodes", "n_triplets"):
        assert torch.equal(getattr(made.graph, field)[:-1], getattr(expected, field)), field
    fewest = [
        torch.bincount(build_graph(one, header.graph).edge_dst, minlength=len(one.positions)).min() for one in systems
    ]
    assert made.fewest_edges.tolist() == [float(count) for count in fewest]
