"""An optimiser or a cell mode from outside the package is one row: used by name, and resumed to the same bits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.optimize.optimize import Optimizer

from alignn_ff.cells import periodic_directions
from alignn_ff.errors import ConfigError
from alignn_ff.relax import (
    CELL_MODES,
    OPTIMIZERS,
    CellMode,
    OptimizerKind,
    RelaxConfig,
    RelaxRecords,
    read_state,
    relax,
    resume,
)
from tests.support.command_line import CommandLine


class HeavyBall(Optimizer):
    """Steepest descent with momentum; the last step and the strength are its state."""

    def __init__(self, target: Any) -> None:
        super().__init__(target, logfile=None)
        self.memory: Any = None
        self.strength = 0.02

    def step(self, forces: Any = None) -> None:
        if self.memory is None:
            self.memory = np.zeros(self.optimizable.ndofs())
        self.memory = 0.6 * self.memory - self.strength * self.optimizable.get_gradient()
        self.strength *= 1.01
        self.optimizable.set_x(self.optimizable.get_x() + self.memory)


@pytest.fixture
def toy_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    row = OptimizerKind("steepest descent with momentum", HeavyBall, state=("memory", "strength"))
    monkeypatch.setitem(OPTIMIZERS, "toy", row)


def distorted() -> Atoms:
    atoms = bulk("Cu", cubic=True, a=3.7) * (2, 1, 1)
    atoms.rattle(0.05, seed=3)
    return atoms


@pytest.mark.usefixtures("toy_optimizer")
@pytest.mark.parametrize("cell", ["none", "free"])
def test_an_optimiser_from_outside_relaxes_and_resumes_to_the_same_bits(cell: str, tmp_path: Path) -> None:
    config = RelaxConfig(optimizer="toy", relax_cell=cell, max_steps=8, fmax_eV_per_A=1e-6)
    whole = relax(distorted(), EMT(), config=config)
    assert whole.after.energy_eV < whole.before.energy_eV
    first = config.model_copy(update={"max_steps": 3})
    relax(distorted(), EMT(), config=first, records=RelaxRecords(state=tmp_path / "state.json"))
    again = resume(read_state(tmp_path / "state.json"), EMT(), max_steps=8)
    assert again.steps == whole.steps
    np.testing.assert_array_equal(again.atoms.positions, whole.atoms.positions)


@pytest.mark.usefixtures("toy_optimizer")
def test_names_in_errors_and_schema_follow_from_the_tables() -> None:
    properties = RelaxConfig.model_json_schema()["properties"]
    assert properties["optimizer"]["enum"] == list(OPTIMIZERS)
    assert properties["relax_cell"]["enum"] == list(CELL_MODES)
    with pytest.raises(ConfigError, match=r"optimizer is 'bfgs'.*'precon_lbfgs' or 'toy'"):
        RelaxConfig(optimizer="bfgs")
    with pytest.raises(ConfigError, match=r"relax_cell is 'sideways'.*'slab'"):
        RelaxConfig(relax_cell="sideways")


@pytest.mark.usefixtures("toy_optimizer")
def test_the_command_line_takes_an_optimiser_from_outside(
    tmp_path: Path, si_model_file: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bulk("Si", cubic=True).write("POSCAR", format="vasp")
    result = command_line("relax", "POSCAR", "-m", si_model_file, "--optimizer", "toy", "--fmax", 9)
    assert result.code == 0, result.stderr


def test_a_cell_mode_from_outside_keeps_its_strains_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    def along_z(gradient: np.ndarray, projector: np.ndarray) -> np.ndarray:
        return np.diag([0.0, 0.0, gradient[2, 2]])

    row = CellMode("length along z only", periodic_directions, along_z, changes_volume=True)
    monkeypatch.setitem(CELL_MODES, "uniaxial", row)
    start = distorted()
    config = RelaxConfig(relax_cell="uniaxial", pressure_GPa=2.0, fmax_eV_per_A=1e-4)
    result = relax(start, EMT(), config=config)
    assert result.after.converged
    np.testing.assert_allclose(result.atoms.cell.array[:2], start.cell.array[:2], atol=1e-12)
    assert result.after.stress_GPa is not None
    assert result.after.stress_GPa[2] == pytest.approx(-2.0, abs=0.01)
    with pytest.raises(ConfigError, match="use free or hydrostatic or uniaxial"):
        RelaxConfig(relax_cell="slab", pressure_GPa=2.0)


def test_the_tables_of_the_docs_have_every_row() -> None:
    page = (Path(__file__).parents[2] / "docs" / "relaxation.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in (*OPTIMIZERS, *CELL_MODES))
