"""A structure that stays on its device has the energies and forces of one that does not, step after step."""

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.md.verlet import VelocityVerlet
from numpy.testing import assert_allclose
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from alignn_ff import AlignnCalculator
from alignn_ff.domain import OutsideError
from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.execution.replay import Replay
from alignn_ff.graph import system_from_atoms
from alignn_ff.graph.fixed import N_CELL, moved_from
from alignn_ff.md import MDConfig, MDFiles, resume_md, run_md
from alignn_ff.potential import Potential
from alignn_ff.resident import ResidentStructure
from alignn_ff.testing import NAMES, structure
from tests.support.committees import tiny_committee
from tests.support.published_headers import HEADERS as PUBLISHED
from tests.support.tiny_models import CONFIG, tiny_header, tiny_model, tiny_potential

HEADERS = {
    "angles": tiny_header(),
    "moments": tiny_header(config=CONFIG.model_copy(update={"moment_channels": 4})),
    "moments alone": tiny_header(
        config=CONFIG.model_copy(update={"moment_channels": 4, "alignn_layers": 0, "gcn_layers": 2})
    ),
}


def eager(name: str, **fields: object) -> Potential:
    header = HEADERS[name]
    header = header.model_copy(update={"model": header.model.model_copy(update=fields)})
    device = torch.device("cpu")
    return Potential("tiny", header, tiny_model(header), device=device, dtype=torch.float64, backend="eager")


def assert_same(resident: AlignnCalculator, usual: AlignnCalculator, atoms: Atoms) -> None:
    for calculator in (resident, usual):
        calculator.get_property("energy", atoms)
    assert resident.results.keys() == usual.results.keys()
    for name, expected in usual.results.items():
        assert_allclose(resident.results[name], expected, rtol=1e-11, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("model", HEADERS)
@pytest.mark.parametrize("name", NAMES)
def test_any_structure_has_the_numbers_of_the_usual_way(name: str, model: str) -> None:
    random, atoms = np.random.default_rng(0), structure(name, (1, 8, 14))
    resident, usual = (AlignnCalculator(eager(model), resident=choice, outside="ignore") for choice in (True, False))
    for _ in range(3):
        assert_same(resident, usual, atoms)
        atoms.rattle(0.1, rng=random)


def test_lists_and_recordings_are_made_when_they_are_needed_and_not_before() -> None:
    potential, random = eager("moments"), np.random.default_rng(0)
    atoms = bulk("Si", a=5.65, cubic=True) * (2, 2, 2)  # a shell of twelve neighbours is just beyond the cutoff
    resident, usual = ResidentStructure(potential), AlignnCalculator(potential)

    def check() -> tuple[int, int]:
        step = resident.evaluate(system_from_atoms(atoms))
        assert step is not None
        assert_allclose(step.prediction.forces, usual.get_property("forces", atoms), rtol=1e-11, atol=1e-11)
        return resident.n_lists, resident.n_recordings

    assert check() == (1, 1)
    atoms.rattle(0.05, rng=random)
    assert check() == (1, 1)
    atoms.positions += 5.0  # a drift costs nothing
    assert check() == (1, 1)
    atoms.positions[3] += 0.9
    assert check() == (2, 2)
    atoms.set_cell(atoms.cell.array * 0.95, scale_atoms=True)
    assert check() == (2, 3)  # the list still reaches far enough, and has more neighbours than there is room for
    atoms.set_cell(atoms.cell.array * 0.85, scale_atoms=True)
    assert check()[0] == 3
    atoms = structure("molecule", (1, 8, 14))
    assert check()[0] == 4


class Replayed:
    """What a CUDA graph does, on the CPU: the operations of one step, with their shapes, on the numbers of another."""

    def __init__(self, function: object, n_inputs: int, device: torch.device) -> None:
        self._function, self._traced = function, None

    def __call__(self, numbers: Tensor) -> Tensor:
        if self._traced is None:
            self._traced = make_fx(self._function)(numbers)
        result: Tensor = self._traced(numbers)
        return result


@pytest.mark.parametrize("model", HEADERS)
def test_the_operations_of_one_step_replayed_give_the_numbers_of_the_next(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in a step depends on a number that the host has seen: a recording can stand for it.

    Without repulsion, which on a CPU, not on a GPU, is computed for a choice of edges.
    """
    monkeypatch.setattr("alignn_ff.resident.Replay", Replayed)
    potential, random = eager(model, use_zbl=False), np.random.default_rng(0)
    resident, usual = AlignnCalculator(potential, resident=True), AlignnCalculator(potential)
    atoms = bulk("Si", a=5.2, cubic=True) * (2, 1, 1)
    atoms.rattle(0.05, rng=random)
    for _ in range(4):
        assert_same(resident, usual, atoms)
        atoms.rattle(0.05, rng=random)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.005 * random.normal(size=(3, 3))), scale_atoms=True)
    held = resident._own.resident_on(potential)
    assert held.n_recordings <= 2, "four steps, of which at most one found its arrays too small"


def test_without_cuda_a_replay_is_a_call() -> None:
    calls: list[int] = []

    def double(numbers: Tensor) -> Tensor:
        calls.append(len(numbers))
        return 2.0 * numbers

    replay = Replay(double, 3, torch.device("cpu"))
    assert replay(torch.tensor([1.0, 2.0, 3.0]).double()).tolist() == [2.0, 4.0, 6.0]
    assert calls == [3]


def test_dynamics_is_that_of_the_usual_way_and_conserves_energy() -> None:
    potential, ends = eager("moments"), []
    for resident in (True, False):
        atoms = bulk("Si", cubic=True) * (2, 1, 1)
        atoms.set_momenta(np.random.default_rng(2).normal(scale=3.0, size=(len(atoms), 3)))
        atoms.calc = AlignnCalculator(potential, resident=resident, outside="ignore")
        began = atoms.get_total_energy()
        VelocityVerlet(atoms, 0.5 * units.fs).run(20)
        assert abs(atoms.get_total_energy() - began) < 2e-3 * len(atoms)
        ends.append(atoms.positions)
    assert_allclose(*ends, rtol=0, atol=1e-9)


def test_what_is_outside_is_found_as_in_the_usual_way(caplog: pytest.LogCaptureFixture) -> None:
    header = HEADERS["angles"]
    domain = header.domain.model_copy(update={"shortest_distance_A": {"Si-Si": 2.3}})
    header = header.model_copy(update={"domain": domain})
    potential = tiny_potential(header)
    potential.executor.use("eager")
    atoms = bulk("Si", cubic=True)
    atoms.positions[1] -= 0.3
    found = []
    for resident in (True, False):
        calculator = AlignnCalculator(potential, resident=resident)
        with caplog.at_level(logging.WARNING):
            calculator.get_property("energy", atoms)
        found.append(calculator.results["outside"])
    assert found[0] == found[1] != []
    with pytest.raises(OutsideError, match="Å apart"):
        AlignnCalculator(potential, resident=True, outside="stop").get_property("energy", atoms)


def test_atoms_at_one_place_are_refused_as_in_the_usual_way() -> None:
    """Also by a model that knows no shortest distances."""
    atoms = bulk("Si", cubic=True)
    calculator = AlignnCalculator(eager("angles"), resident=True)
    calculator.get_property("energy", atoms)
    atoms.positions[1] = atoms.positions[0]
    with pytest.raises(StructureError, match="atoms at one place: 0 and 1"):
        calculator.get_property("energy", atoms)


@pytest.mark.parametrize(
    ("potential", "reason"),
    [
        (lambda: tiny_potential(next(iter(PUBLISHED.values()))), "not all pairs below a cutoff"),
        (tiny_committee, "committee"),
    ],
)
def test_what_cannot_stay_is_refused_with_the_reason(potential: object, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        AlignnCalculator(potential(), resident=True)  # type: ignore[operator]


def test_native_kernels_are_refused(kernels: object) -> None:
    potential = tiny_potential()
    potential.executor.use("native")
    with pytest.raises(ConfigError, match="its backend is native; take eager or triton"):
        AlignnCalculator(potential, resident=True)


def test_a_copy_of_the_calculator_keeps_the_choice() -> None:
    calculator = AlignnCalculator(eager("angles"), resident=True)
    atoms = bulk("Si")
    energy = calculator.get_property("energy", atoms)
    again = pickle.loads(pickle.dumps(calculator))
    assert again.resident
    assert again.get_property("energy", bulk("Si")) == pytest.approx(energy, abs=1e-11)


def test_a_run_that_is_resumed_keeps_the_choice(si_model_file: Path, tmp_path: Path) -> None:
    calculator = AlignnCalculator(si_model_file, backend="eager", resident=True, outside="ignore")
    files = MDFiles(tmp_path / "run")
    run_md(bulk("Si", cubic=True), calculator, config=MDConfig(steps=4, temperature_K=50.0, seed=1), files=files)
    result = resume_md(files.restart, steps=6)
    assert result.model.resident


def test_the_array_of_a_step_holds_positions_and_cell() -> None:
    potential = eager("angles")
    atoms = bulk("Si")
    resident = ResidentStructure(potential)
    resident.evaluate(system_from_atoms(atoms))
    assert resident._known is not None
    flat = moved_from(resident._known.fixed, atoms.positions, atoms.cell.array)
    assert flat.shape == (3 * len(atoms) + N_CELL,)
