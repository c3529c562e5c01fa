"""Standard deviations through every door: energy, relax, properties, batch; and reports of what a model has seen."""

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from alignn_ff import AlignnCalculator, checkpoint, load_potential
from alignn_ff.checkpoint import TrainingDomain
from alignn_ff.cli.commands import export
from alignn_ff.runs import single_point
from alignn_ff.runs.domain_report import domain_report
from tests.support.command_line import CommandLine
from tests.support.committees import tiny_committee, write_committee
from tests.support.tiny_models import tiny_header, tiny_model, tiny_potential


@pytest.fixture
def committee(tmp_path: Path) -> Path:
    return write_committee(tmp_path / "committee.pt")


@pytest.fixture
def silicon(tmp_path: Path) -> Path:
    atoms = bulk("Si")
    atoms.rattle(0.05, seed=1)
    ase.io.write(tmp_path / "si.extxyz", atoms)
    return tmp_path / "si.extxyz"


def test_a_single_point_holds_the_deviations_of_its_calculator(silicon: Path) -> None:
    atoms = ase.io.read(silicon)
    assert isinstance(atoms, Atoms)
    found = single_point(atoms, AlignnCalculator(tiny_committee())).to_json()
    spread = tiny_committee().predict_tensors([atoms])[0].spread
    assert spread is not None
    assert found["energy_std_eV"] == pytest.approx(float(spread.energy))
    assert found["forces_std_eV_per_A"] == pytest.approx(spread.forces.tolist())  # type: ignore[union-attr]
    assert "energy_std_eV" not in single_point(atoms, AlignnCalculator(tiny_potential())).to_json()


def test_a_molecule_has_no_deviation_of_the_stress() -> None:
    found = single_point(Atoms("SiO", [[0, 0, 0], [1.6, 0, 0]]), AlignnCalculator(tiny_committee())).to_json()
    assert "stress_std_eV_per_A3" not in found
    assert "forces_std_eV_per_A" in found


def test_commands_take_a_committee_and_print_its_deviations(
    committee: Path, silicon: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(silicon.parent)
    result = command_line("energy", silicon, "--model", committee, "--json")
    assert json.loads(result.stdout)["energy_std_eV"] > 0
    assert "largest std of a force" in command_line("energy", silicon, "--model", committee).stdout
    relaxed = command_line("relax", silicon, "--model", committee, "--steps", 2, "--outside", "ignore")
    assert "std of the energy" in relaxed.stdout, relaxed.stderr
    assert json.loads(Path("si-relaxed.json").read_text())["forces_std_eV_per_A"]
    curve = command_line("eos", silicon, "--model", committee, "--json", "--outside", "ignore")
    assert curve.code == 0, curve.stderr


def test_a_batch_writes_the_deviations_of_each_structure(
    committee: Path, silicon: Path, command_line: CommandLine, tmp_path: Path
) -> None:
    options = ("--model", committee, "--outside", "ignore")
    for task, more in (("energy", ()), ("relax", ("--steps", 2))):
        out = tmp_path / task
        result = command_line("batch", task, silicon, "-o", out, *options, *more)
        assert result.code in (0, 3), result.stderr  # 3: not converged
        (line,) = (out / "shard-0000.jsonl").read_text().splitlines()[-1:]
        assert "energy_std_eV" in line
        assert "max_force_std_eV_per_A" in line


@pytest.mark.slow
def test_the_check_of_a_committee_passes_its_laws(committee: Path) -> None:
    from alignn_ff.check import CheckConfig, check_potential

    potential = load_potential(committee, dtype="float64", backend="eager")
    report = check_potential(potential, config=CheckConfig(effort="quick"))
    assert [row.title for row in report.failed] == []


SEEN = TrainingDomain(
    shortest_distance_A={"Si-Si": 2.2},
    energy_per_atom_eV=(-5.0, -1.0),
    energy_above_references_eV=(-4.0, 0.0),
    volume_per_atom_A3=(15.0, 25.0),
    largest_force_eV_per_A=1000.0,
    n_structures=10,
    n_atoms=80,
    n_structures_per_element={"Si": 10, "O": 0},
    n_structures_per_pair={"Si-Si": 10},
)


def test_a_domain_report_compares_elements_pairs_distances_energies_and_forces() -> None:
    header = tiny_header().model_copy(update={"domain": SEEN})
    potential = tiny_potential(header)
    atoms = bulk("Si", cubic=True)
    atoms.symbols[0] = "O"
    atoms.positions[2] += 0.6 * (atoms.positions[1] - atoms.positions[2]) / 2.35
    report = domain_report(atoms, potential)
    verdicts = {line.quantity: line.inside for line in report.compared}
    assert verdicts["Si: training structures, atoms here"] is True
    assert verdicts["O: training structures, atoms here"] is False
    assert verdicts["O-Si neighbours: training structures"] is False
    assert verdicts["Si-Si neighbours: training structures"] is True
    assert verdicts["Si-Si shortest distance"] is False
    assert verdicts["O-Si shortest distance"] is None
    assert verdicts["volume per atom"] is True
    assert verdicts["largest force"] is True
    assert {"energy per atom", "energy per atom above references"} <= verdicts.keys()
    assert {"distance", "unseen_pair"} <= {finding.check for finding in report.findings}
    json.dumps(report.to_json(), allow_nan=False)


def test_a_domain_report_names_elements_that_the_model_does_not_cover() -> None:
    report = domain_report(bulk("Cu"), tiny_potential())
    assert report.not_covered == ("Cu",)
    assert not any("energy" in line.quantity for line in report.compared)


def test_the_domain_report_of_a_committee_has_its_deviations() -> None:
    report = domain_report(bulk("Si"), tiny_committee())
    values = {line.quantity: line.structure for line in report.compared}
    assert values["standard deviation of the energy per atom"] > 0  # type: ignore[operator]
    assert values["largest standard deviation of a force"] is not None


def test_the_command_domain_prints_a_table_and_json(tmp_path: Path, silicon: Path, command_line: CommandLine) -> None:
    header = tiny_header().model_copy(update={"domain": SEEN})
    checkpoint.save(tmp_path / "model.pt", header, tiny_model(header).state_dict())
    result = command_line("domain", tmp_path / "model.pt", silicon)
    assert result.code == 0, result.stderr
    assert "Si-Si shortest distance" in result.stdout
    assert "trained on 10 structures" in result.stdout
    found = json.loads(command_line("domain", tmp_path / "model.pt", silicon, "--json").stdout)
    (row,) = found["structures"]
    distance = next(line for line in row["compared"] if line["quantity"] == "Si-Si shortest distance")
    assert distance["training"] == [2.2, None]
    assert np.isclose(distance["structure"], 2.35, atol=0.2)


def test_an_export_asks_for_a_check_of_the_model_beside_the_file(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(
        export, "check_quickly", lambda model, folder, **named: asked.append(folder / named["file_name"])
    )
    header = tiny_header((14,))
    checkpoint.save(tmp_path / "model.pt", header, tiny_model(header).state_dict())
    for name, more in (("out.pt", ()), ("again.pt", ("--no-check",))):
        ended = command_line("export", tmp_path / "model.pt", "-o", tmp_path / name, *more)
        assert ended.code == 0, ended.stderr
    assert asked == [tmp_path / "out.pt.check.json"]


@pytest.mark.slow
def test_an_export_checks_the_model_and_puts_the_report_beside_the_file(
    tmp_path: Path, command_line: CommandLine
) -> None:
    header = tiny_header((14,))
    checkpoint.save(tmp_path / "model.pt", header, tiny_model(header).state_dict())
    ended = command_line("export", tmp_path / "model.pt", "-o", tmp_path / "out.pt")
    assert ended.code == 0, ended.stderr
    assert "check: " in ended.stderr
    report = json.loads((tmp_path / "out.pt.check.json").read_text())
    assert report["effort"] == "quick"


def test_a_committee_is_not_exported(committee: Path, tmp_path: Path, command_line: CommandLine) -> None:
    ended = command_line("export", committee, "-o", tmp_path / "out.pt")
    assert (ended.code, "committee of 3 models" in ended.stderr) == (2, True)


@pytest.mark.parametrize("foreign", ["training", "held out"])
def test_data_with_other_elements_than_the_model_are_refused(
    foreign: str, si_model_file: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    for name, symbol in {"mine": "Si", "foreign": "Ge"}.items():
        frames = [bulk(symbol, a=5.4 + 0.1 * k) for k in range(4)]
        for frame in frames:
            frame.calc = SinglePointCalculator(frame, energy=-1.0)
        ase.io.write(tmp_path / f"{name}.extxyz", frames)
    data, training = ("mine", "foreign") if foreign == "training" else ("foreign", "mine")
    words = (si_model_file, tmp_path / f"{data}.extxyz", "--training", tmp_path / f"{training}.extxyz")
    refused = command_line("uncertainty", *words, "-o", tmp_path / "new.pt")
    assert refused.code == 2
    assert "the data hold Ge (foreign.extxyz:0 and 3 more), which tiny-si.pt does not cover: it covers Si" in (
        refused.stderr
    )
    assert not (tmp_path / "new.pt").exists()
