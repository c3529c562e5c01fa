"""A check finds what is wrong with a force field in the row of that law, and passes those that are right."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator

from alignn_ff.check import CheckConfig, Report, check_calculator, check_potential, load_calculator
from alignn_ff.errors import ConfigError, ElementNotCoveredError
from alignn_ff.testing import LAWS
from tests.support.command_line import CommandLine
from tests.support.published_headers import HEADERS
from tests.support.tiny_models import tiny_header, tiny_potential
from tests.support.wrong_calculators import (
    JumpsAtItsCutoff,
    NetForce,
    Noisy,
    NotRotationInvariant,
    NotTheDerivative,
    Right,
    WrongStressSign,
)

FORCES = "forces_are_minus_the_slope_of_the_reported_energy"
STRESS = "stress_is_the_strain_slope_of_the_reported_energy"
TURNED = "turned_structure_has_the_same_energy_and_turned_forces"
TORQUE = "torques_sum_to_zero_in_free_space"
NET = "forces_sum_to_zero"
BITS = "same_structure_has_the_same_bits"
PAIR = "forces_explain_the_energy_of_a_pair"
LATTICE = "other_vectors_of_the_same_lattice_change_nothing"
WATCHED = (FORCES, STRESS, TURNED, TORQUE, NET, BITS, PAIR, LATTICE)


def checked(calculator: Calculator, *, only: tuple[str, ...] = WATCHED, strict: bool = False) -> Report:
    config = CheckConfig(effort="quick", only=only, strict=strict, seconds=1e6)
    return check_calculator(calculator, elements=(14,), config=config)


@pytest.mark.parametrize(
    ("calculator", "broken"),
    [
        (Right, set()),
        (WrongStressSign, {STRESS}),
        (NotTheDerivative, {FORCES, PAIR}),
        (NetForce, {FORCES, NET, TURNED, PAIR}),
        (Noisy, {FORCES, STRESS, TURNED, NET, TORQUE, BITS, LATTICE}),
        (NotRotationInvariant, {TURNED, TORQUE}),
        (JumpsAtItsCutoff, {PAIR}),
    ],
)
def test_each_fault_is_found_in_the_row_of_its_law(calculator: type[Calculator], broken: set[str]) -> None:
    report = checked(calculator())
    assert {row.law for row in report.failed} == broken
    assert report.passed == (not broken)
    for row in report.failed:
        assert row.verdict == "failed"
        assert row.worst is not None
        assert not row.worst.holds
        assert row.broken


def test_the_place_of_a_jump_is_found_without_knowing_the_cutoff() -> None:
    (row,) = checked(JumpsAtItsCutoff(), only=(PAIR,)).rows
    (curve,) = row.curves
    assert curve.marks
    assert all(math.isclose(mark, 4.2, abs_tol=1e-3) for mark in curve.marks)
    assert row.worst is not None
    assert "4.2" in row.broken[0].reason


def test_a_calculator_that_raises_fails_with_its_error() -> None:
    class Breaks(Right):
        def calculate(self, *args: object, **kwargs: object) -> None:
            raise ZeroDivisionError("by its own fault")

    report = checked(Breaks(), only=(FORCES, BITS))
    assert {row.verdict for row in report.rows} == {"failed"}
    assert "ZeroDivisionError: by its own fault" in report.rows[0].broken[0].reason


def test_judgements_are_warnings_and_failures_only_where_strict() -> None:
    only = ("dimers_repel_at_short_range", "crystals_have_one_volume")
    assert checked(Right(), only=only).count("warning") == 0

    class Holes(Right):
        def calculate(self, *args: object, **kwargs: object) -> None:
            super().calculate(*args, **kwargs)
            self.results["energy"] = -abs(self.results["energy"])

    report = checked(Holes(), only=only)
    assert report.passed
    assert report.count("warning") == 2
    assert not checked(Holes(), only=only, strict=True).passed


def test_a_spike_of_straight_clusters_is_found_with_its_place() -> None:
    """What a network may do where it has no data: pairs are right, nearly straight triples are lifted."""

    class Spiked(Right):
        def calculate(self, *args: object, **kwargs: object) -> None:
            super().calculate(*args, **kwargs)
            atoms = self.atoms
            for i, j, k in itertools.permutations(range(len(atoms)), 3):
                first, second = atoms.positions[i] - atoms.positions[j], atoms.positions[k] - atoms.positions[j]
                lengths = np.linalg.norm(first), np.linalg.norm(second)
                if max(lengths) < 3.5 and first @ second < -0.98 * lengths[0] * lengths[1]:
                    self.results["energy"] += 1000.0

    only = ("clusters_hold_no_spikes",)
    assert checked(Right(), only=only).count("warning") == 0
    (row,) = checked(Spiked(), only=only).rows
    assert row.verdict == "warning"
    assert row.worst is not None
    assert row.worst.quantity == "height of a cluster above its pairs"
    assert row.worst.value > 100.0
    assert "widest angle 17" in row.worst.note or "widest angle 18" in row.worst.note


def test_energies_that_are_no_numbers_pass_no_judgement() -> None:
    class NoNumber(Right):
        def calculate(self, *args: object, **kwargs: object) -> None:
            super().calculate(*args, **kwargs)
            self.results["energy"] = float("nan")

    only = ("dimers_repel_at_short_range", "clusters_hold_no_spikes", "crystals_have_one_volume")
    assert [row.verdict for row in checked(NoNumber(), only=only).rows] == ["warning"] * 3


def test_published_families_jump_as_expected_and_keep_all_other_laws() -> None:
    potential = tiny_potential(HEADERS["atomwise"])
    report = check_potential(potential, config=CheckConfig(effort="quick", seconds=1e6))
    assert report.passed, [row.broken for row in report.failed]
    assert report.count("expected") > 0
    jumps = {row.law for row in report.rows if row.verdict == "expected"}
    assert PAIR in jumps
    assert all("is not smooth" in row.note for row in report.rows if row.verdict == "expected")
    strict = check_potential(potential, config=CheckConfig(effort="quick", only=(PAIR,), strict=True))
    assert not strict.passed


@pytest.fixture(scope="module")
def silicon() -> Report:
    structures = {"crystal": bulk("Si", cubic=True)}
    config = CheckConfig(effort="quick", seconds=1e6)
    return check_potential(tiny_potential(tiny_header((14,))), config=config, structures=structures)


def test_a_smooth_model_keeps_every_law_also_on_a_structure_of_the_user(silicon: Report) -> None:
    assert silicon.passed, [row.broken for row in silicon.failed]
    assert [row.law for row in silicon.rows] == list(LAWS)
    assert silicon.count("expected") == silicon.count("not run") == 0
    on_own = next(row for row in silicon.rows if row.law == "structures_have_one_volume")
    assert on_own.n_cases == 1


def test_report_has_a_figure_and_a_limit_for_each_law_and_is_json(silicon: Report) -> None:
    content = json.loads(json.dumps(silicon.to_json(), allow_nan=False))
    assert content["passed"] is True
    assert content["model"]["dtype"] == "float64"
    for row in content["rows"]:
        assert row["title"]
        if row["verdict"] == "passed":
            assert row["worst"]["limit"] is not None
            assert row["worst"]["holds"]
    assert sum(content["counts"].values()) == len(LAWS)


def test_a_law_that_was_not_reached_in_time_is_not_passed() -> None:
    report = check_calculator(Right(), elements=(14,), config=CheckConfig(effort="quick", seconds=1e-9))
    assert {row.verdict for row in report.rows} <= {"not run", "not applicable"}
    assert report.count("not run") > 10


def test_a_structure_with_other_elements_is_refused_before_the_check() -> None:
    with pytest.raises(ElementNotCoveredError):
        check_potential(tiny_potential(tiny_header((14,))), structures={"copper": bulk("Cu")})


def test_an_unknown_law_is_refused_with_the_names() -> None:
    with pytest.raises(ConfigError, match=f"no law gravity.*{FORCES}"):
        checked(Right(), only=("gravity",))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("ase.calculators.emt", "module:Class"),
        ("no_such_package:Any", "cannot import no_such_package"),
        ("ase.calculators.emt:NoSuch", "has no NoSuch"),
        ("ase.atoms:Atoms", "not an ASE calculator"),
        ("alignn_ff.calculator:AlignnCalculator", "cannot be made"),
    ],
)
def test_a_wrong_place_of_a_calculator_is_one_message(place: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_calculator(place, {"model": "no-such-model"} if "Alignn" in place else {})


# the command


def test_command_prints_a_table_and_writes_json_and_one_page(
    command_line: CommandLine, si_model_file: Path, tmp_path: Path
) -> None:
    files = ("--json", tmp_path / "check.json", "--html", tmp_path / "check.html")
    only = ("--only", f"{FORCES},{PAIR},dimers_repel_at_short_range")
    done = command_line("check", si_model_file, "--quick", "--seconds", "1e6", "--device", "cpu", *only, *files)
    assert done.code == 0, done.stdout
    assert "forces are minus the slope of the" in done.stdout
    assert "passed:" in done.stdout
    assert json.loads((tmp_path / "check.json").read_text())["passed"]
    page = (tmp_path / "check.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "src=" not in page
    assert "<script" not in page
    again = command_line("check", si_model_file, "--quick", *files)
    assert again.code == 2
    assert "already; nothing was written" in again.stderr


def test_command_checks_a_calculator_of_the_current_folder_and_exits_with_1(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_calculator.py").write_text("from tests.support.wrong_calculators import WrongStressSign as Mine\n")
    words = ("check", "--calculator", "my_calculator:Mine", "--elements", "Si", "--quick")
    done = command_line(*words, "--only", f"{STRESS},{NET}")
    assert done.code == 1
    assert "FAILED" in done.stdout
    assert "stress is the slope of the energy under strain" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give the MODEL"),
        (("si", "--quick", "--full"), "exclude each other"),
        (("si", "--elements", "Si"), "belong to --calculator"),
        (("si", "--cutoff", "5"), "belongs to --calculator"),
        (("no-such-model",), "no-such-model"),
        (("--calculator", "ase.calculators.emt:EMT"), "--elements"),
        (("si", "no-such.vasp"), "no such structure file"),
    ],
)
def test_wrong_words_are_one_message_and_exit_code_2(
    command_line: CommandLine, words: tuple[str, ...], message: str
) -> None:
    done = command_line("check", *words)
    assert done.code == 2
    assert message in done.stderr
