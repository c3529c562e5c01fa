"""A relaxation does not follow its model out of the training data, nor ends there as converged."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, diamond111
from ase.calculators.emt import EMT

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.domain import Finding
from alignn_ff.io import read_structure
from alignn_ff.relax import RelaxConfig, read_state, relax, relax_files, resume
from alignn_ff.relax.domain import RelaxationGuard, judge
from alignn_ff.relax.relaxation import RelaxRecords
from alignn_ff.relax.result import RelaxStep
from tests.support.command_line import CommandLine
from tests.support.line_graph import LINE_GRAPH_MODEL

CELL = RelaxConfig(relax_cell="free")


@pytest.fixture(scope="module")
def silicon() -> AlignnCalculator:
    return AlignnCalculator(LINE_GRAPH_MODEL, device="cpu", dtype="float64", backend="eager")


COLLAPSES = {
    "fcc": bulk("Si", "fcc", a=3.6),
    "simple cubic": bulk("Si", "sc", a=2.5),
    "hcp": bulk("Si", "hcp", a=2.7, c=4.4),
    "bcc": bulk("Si", "bcc", a=3.1),
    "dense diamond": bulk("Si", a=4.4),
}


@pytest.mark.parametrize("name", COLLAPSES)
def test_a_hole_of_the_model_is_no_result(name: str, silicon: AlignnCalculator) -> None:
    start = COLLAPSES[name]
    result = relax(start, silicon, config=CELL)
    if not result.stopped:  # a compressed crystal may find back
        assert not result.outside
        assert result.after.energy_eV / len(start) > -5.43
        return
    assert not result.after.converged
    assert result.ended_by is not None
    assert "outside of the training data" in result.ended_by
    assert result.atoms.get_volume() > 0.8 * start.get_volume()
    assert result.atoms.get_all_distances(mic=True).max() < 10
    assert result.atoms.get_potential_energy() == result.after.energy_eV


def slab() -> Atoms:
    return diamond111("Si", (1, 1, 6), vacuum=8.0)


def rough() -> Atoms:
    atoms = bulk("Si", cubic=True) * 2
    atoms.rattle(0.3, seed=1)
    return atoms


@pytest.mark.parametrize(
    "start, config",
    [(rough(), CELL), (bulk("Si", a=4.8), CELL), (bulk("Si", a=6.2), CELL), (slab(), RelaxConfig())],
    ids=["close atoms and high energy", "compressed", "expanded", "slab"],
)
def test_a_rough_start_may_find_back(start: Atoms, config: RelaxConfig, silicon: AlignnCalculator) -> None:
    result = relax(start, silicon, config=config)
    assert result.after.converged
    assert (result.stopped, result.outside) == (False, ())


def test_the_user_may_follow_the_model(silicon: AlignnCalculator) -> None:
    result = relax(COLLAPSES["fcc"], silicon, config=RelaxConfig(relax_cell="free", outside="warn"))
    assert result.after.converged
    assert {finding.check for finding in result.outside} >= {"energy_below", "volume"}


def test_the_command_writes_the_last_sane_structure(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    COLLAPSES["bcc"].write("bcc.vasp")
    words = ("relax", "bcc.vasp", "--cell", "--model", LINE_GRAPH_MODEL)
    done = command_line(*words, "--trajectory", "steps.extxyz", "--device", "cpu")
    assert done.code == 4
    assert "outside of the training data" in done.stdout.replace("\n", " ")
    assert "--restart" not in done.stdout
    files = relax_files(Path("bcc.vasp"), COLLAPSES["bcc"])
    written = json.loads(files.result.read_text())
    assert (written["stopped"], written["converged"]) == (True, False)
    assert read_structure(files.structure).get_volume() == pytest.approx(written["volume_after_A3"])
    assert read_structure(Path("steps.extxyz")).get_volume() == pytest.approx(written["volume_after_A3"])
    assert not files.restart.exists()
    followed = command_line(*words, "--outside", "warn", "--steps", 2, "--overwrite")
    assert followed.code == 3


def test_a_resumed_relaxation_has_the_room_of_its_start(tmp_path: Path, silicon: AlignnCalculator) -> None:
    records = RelaxRecords(state=tmp_path / "state.json")
    relax(rough(), silicon, config=RelaxConfig(max_steps=2), records=records)
    assert resume(read_state(tmp_path / "state.json"), silicon, max_steps=200).after.converged


def test_a_step_that_fails_loses_nothing(tmp_path: Path) -> None:
    class Breaks(EMT):
        n_evaluations = 0

        def calculate(self, *arguments: object, **settings: object) -> None:
            super().calculate(*arguments, **settings)
            self.n_evaluations += 1
            if self.n_evaluations > 3:
                self.results["forces"] = np.full((len(self.atoms), 3), np.nan)

    copper = bulk("Cu", cubic=True)
    copper.rattle(0.1, seed=2)
    records = RelaxRecords(state=tmp_path / "state.json")
    result = relax(copper, Breaks(), config=RelaxConfig(optimizer="fire"), records=records)
    assert result.stopped
    assert result.after.step == 2
    assert result.atoms.get_potential_energy() == result.after.energy_eV
    assert "step 3" in (result.ended_by or "")
    assert not (tmp_path / "state.json").exists()


@pytest.mark.parametrize("check", ["lone_atom", "dimer"])
def test_a_structure_that_came_apart_has_not_converged(check: str) -> None:
    """Beyond the cutoff there are no forces: xenon ended there as converged, at twice its volume."""
    apart = Finding(check, "atom(s) 0 (Xe) have no neighbours", stops=False, excess=2.0)
    ended = RelaxStep(4, -0.17, -0.17, 0.0, 0.0, None, converged=True)
    step, reason = judge(RelaxationGuard("stop", ()), ended, (apart,))
    assert step is not None
    assert not step.converged
    assert reason is not None
    assert "the structure came apart" in reason
    assert judge(RelaxationGuard("stop", ()), ended._replace(converged=False), (apart,)).reason is None
    for guard in (RelaxationGuard("stop", (apart,)), RelaxationGuard("warn", ())):
        assert judge(guard, ended, (apart,)).reason is None
    assert judge(RelaxationGuard("stop", (apart,)), ended, (apart._replace(excess=3.0),)).reason is not None


class Parting(AlignnCalculator):
    """Says of every structure but the first that an atom has lost its neighbours."""

    n_evaluations = 0

    def calculate(self, *words: Any, **named: Any) -> None:
        super().calculate(*words, **named)
        self.n_evaluations += 1
        if self.n_evaluations > 1:
            self.findings = (Finding("lone_atom", "atom(s) 0 (Si) have no neighbours", stops=False, excess=2.0),)


def test_a_relaxation_ends_there_as_not_converged() -> None:
    start = bulk("Si", cubic=True)
    start.rattle(0.02, seed=3)
    for outside, stops in (("stop", True), ("warn", False)):
        calculator = Parting(LINE_GRAPH_MODEL, device="cpu", dtype="float64", backend="eager")
        result = relax(start, calculator, config=RelaxConfig(outside=outside))
        assert (result.stopped, result.after.converged) == (stops, not stops)
        assert ("the structure came apart" in (result.ended_by or "")) == stops
