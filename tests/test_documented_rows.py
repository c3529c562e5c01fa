"""The example rows of docs/extending.md, analysis.md and relaxation.md work unchanged."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff import batch, data_checks, execution, export, models, relax, trajectory
from alignn_ff.analysis import OBSERVABLES, AnalysisConfig, analyze
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.check import CheckConfig, check_calculator
from alignn_ff.data_checks import describe
from alignn_ff.domain import CHECKS
from alignn_ff.errors import SimulationError
from alignn_ff.graph import GraphRecipe
from alignn_ff.md import ENSEMBLES, GUARDS, GuardLimits, MDConfig, md_files, resume_md, run_md
from alignn_ff.plots import observable_figures
from alignn_ff.potential import load_potential
from alignn_ff.relax import RelaxConfig, RelaxRecords, read_state, resume
from alignn_ff.runs.domain import OutsideChoice
from alignn_ff.testing import LAWS, PhysicsContract, broken_laws, structure
from alignn_ff.train import Record, read_records, train, validate_config
from alignn_ff.train.choices import criteria, optimizers, schedules
from alignn_ff.train.datasets import formats, write_records
from alignn_ff.train.labels import LABELS
from tests.support.labelled_data import copper_frames, write_frames
from tests.support.pair_crystal import Morse, morse_crystal
from tests.support.tiny_models import published_header, tiny_potential
from tests.support.training_runs import SMALL, Silent
from tests.support.trajectories import trajectory as argon_trajectory

DOCS = Path(__file__).parents[1] / "docs"

TABLES: Final[dict[str, dict[str, Any]]] = {
    "Ensemble": ENSEMBLES,
    "Guard": GUARDS,
    "Check of the domain": CHECKS,
    "Observable": OBSERVABLES,
    "Trajectory format": trajectory.FORMATS,
    "Quantity of a frame": trajectory.QUANTITIES,
    "Optimiser of relaxation": relax.OPTIMIZERS,
    "Cell mode": relax.CELL_MODES,
    "Family": models.FAMILIES,
    "Backend and its law of memory": execution.BACKENDS,
    "Criterion of training": criteria.CRITERIA,
    "Optimiser of training": optimizers.OPTIMIZERS,
    "Schedule of training": schedules.SCHEDULES,
    "Kind of label": LABELS,
    "Data format": formats.FORMATS,
    "Suspicion about data": data_checks.SUSPICIONS,
    "Law of a force field": LAWS,
    "Target of an export": export.TARGETS,
    "Task of a batch": batch.TASKS,
}
"""Heading in docs/extending.md → the table that its example adds to."""


@pytest.fixture(autouse=True)
def _tables() -> Iterator[None]:
    """Remove added rows afterwards."""
    before = {heading: dict(table) for heading, table in TABLES.items()}
    yield
    for heading, table in TABLES.items():
        table.clear()
        table.update(before[heading])


def python_blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run_examples(page: str, **names: object) -> None:
    for code in python_blocks((DOCS / page).read_text(encoding="utf-8")):
        exec(code, dict(names))


def sections() -> dict[str, str]:
    """Heading → text of docs/extending.md."""
    _, *parts = re.split(r"^## ", (DOCS / "extending.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {heading: text for heading, _, text in (part.partition("\n") for part in parts)}


def add_row(heading: str) -> str:
    """Run the example below a heading; the name of the row that it adds."""
    table = TABLES[heading]
    before = set(table)
    (code,) = python_blocks(sections()[heading])
    exec(code, {"__name__": "example"})
    (name,) = set(table) - before
    return name


def trained(folder: Path, data: Path, **changes: object) -> Any:
    content = {**SMALL, "epochs": 2, "num_workers": 0, "use_lmdb": False, "output_dir": str(folder), **changes}
    result = train(validate_config(content), observer=Silent(), data=data, device="cpu")
    assert result is not None
    return result


def test_rows_of_the_page_on_analysis(tmp_path: Path) -> None:
    run_examples("analysis.md", LinesFile=object, read_lines=iter)
    analysis = analyze(argon_trajectory(tmp_path), config=AnalysisConfig(observables=("height",)))
    (axes,) = observable_figures(analysis)["height"].axes
    assert axes.get_ylabel() == "height (Å)"
    assert MDConfig(steps=1, formats=("lines",), quantities=("charges",)).quantities == ("charges",)


def relaxes_and_resumes(folder: Path, **chosen: str) -> None:
    start: Atoms = bulk("Cu", cubic=True, a=3.65)
    start.rattle(0.05, seed=0)
    whole = relax.relax(start, EMT(), config=RelaxConfig(**chosen, max_steps=6))
    first = RelaxConfig(**chosen, max_steps=4)
    relax.relax(start, EMT(), config=first, records=RelaxRecords(state=folder / "s.json"))
    assert resume(read_state(folder / "s.json"), EMT(), max_steps=6).steps == whole.steps


def test_rows_of_the_page_on_relaxation(tmp_path: Path) -> None:
    run_examples("relaxation.md")
    relaxes_and_resumes(tmp_path, optimizer="mdmin", relax_cell="uniaxial")


def test_every_example_of_the_page_has_a_table_and_every_table_an_example() -> None:
    page = (DOCS / "extending.md").read_text(encoding="utf-8")
    assert list(sections()) == list(TABLES)
    assert len(python_blocks(page)) == len(TABLES)
    anchors = {heading.lower().replace(" ", "-") for heading in TABLES}
    assert set(re.findall(r"\(#([a-z-]+)\)", page)) == anchors


@pytest.mark.parametrize("heading", TABLES)
def test_every_example_adds_one_row(heading: str) -> None:
    assert f'["{add_row(heading)}"] = ' in sections()[heading]


def test_the_ensemble_of_the_page_runs_and_resumes(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"ensemble": add_row("Ensemble"), "temperature_K": 40.0, "timestep_fs": 2.0}
    whole = run_md(morse_crystal(2), Morse(), config=MDConfig(**settings, steps=12))
    files = md_files(Path("x"), prefix=tmp_path / "run")
    run_md(morse_crystal(2), Morse(), config=MDConfig(**settings, steps=5), files=files)
    parts = resume_md(files.restart, calculator=Morse(), steps=12)
    assert (parts.atoms.positions == whole.atoms.positions).all()
    assert whole.conserved_quantity.endswith("damping")


def test_the_check_of_the_page_judges_a_molecule() -> None:
    assert add_row("Check of the domain") == "molecule"
    calculator = AlignnCalculator("si", device="cpu", outside="ignore")
    calculator.get_property("energy", Atoms("Si2", [[0, 0, 0], [0, 0, 2.3]]))
    assert "the structure is a molecule; the training data hold bulk structures" in calculator.results["outside"]
    calculator.get_property("energy", bulk("Si"))
    assert calculator.results["outside"] == ()


def test_the_guard_of_the_page_stops_a_cold_run() -> None:
    name = add_row("Guard")
    run_md(morse_crystal(2), Morse(), config=MDConfig(steps=2, temperature_K=40.0))
    limits = GuardLimits(further={name: 1000.0})
    with pytest.raises(SimulationError, match="frozen"):
        run_md(morse_crystal(2), Morse(), config=MDConfig(steps=2, temperature_K=40.0, guards=limits))


def test_the_observable_of_the_page_is_computed_and_drawn(tmp_path: Path) -> None:
    name = add_row("Observable")
    analysis = analyze(argon_trajectory(tmp_path), config=AnalysisConfig(observables=(name,)))
    assert analysis.results[name].summary["mean_per_A3"] == pytest.approx(32 / 10.0**3)
    (axes,) = observable_figures(analysis)["density"].axes
    assert axes.get_ylabel() == "density (Å⁻³)"


class Dipolar(Morse):
    """Morse with a dipole."""

    implemented_properties = [*Morse.implemented_properties, "dipole"]  # noqa: RUF012 - ASE's convention

    def calculate(self, atoms: Atoms, *arguments: object) -> None:
        super().calculate(atoms, *arguments)
        self.results["dipole"] = atoms.positions.sum(axis=0)


def test_the_trajectory_format_of_the_page_is_written_cut_back_and_read(tmp_path: Path) -> None:
    name = add_row("Trajectory format")
    files = md_files(Path("x"), prefix=tmp_path / "run", formats=(name,))
    run_md(morse_crystal(2), Morse(), config=MDConfig(steps=4, write_every=2, formats=(name,)), files=files)
    with files.trajectory.open("a") as file:
        file.write(files.trajectory.read_text().splitlines()[-1] + "\n")
    resume_md(files.restart, calculator=Morse(), steps=8)
    frames = trajectory.read_trajectory(files.trajectory)
    assert [frame.info["time_fs"] for frame in frames] == [0, 2, 4, 6, 8]


def test_the_quantity_of_the_page_is_in_the_frames(tmp_path: Path) -> None:
    name = add_row("Quantity of a frame")
    files = md_files(Path("x"), prefix=tmp_path / "run")
    run_md(morse_crystal(2), Dipolar(), config=MDConfig(steps=2, write_every=1, quantities=(name,)), files=files)
    for frame in trajectory.read_trajectory(files.trajectory):
        assert frame.calc.results[name] == pytest.approx(frame.positions.sum(axis=0), abs=1e-6)


def test_the_optimiser_and_the_cell_mode_of_the_page_relax_and_resume(tmp_path: Path) -> None:
    relaxes_and_resumes(tmp_path, optimizer=add_row("Optimiser of relaxation"), relax_cell=add_row("Cell mode"))


def test_the_family_of_the_page_keeps_the_laws() -> None:
    config = models.FAMILIES[add_row("Family")].config()
    potential = tiny_potential(published_header(config, GraphRecipe(cutoff=4.5, three_body_cutoff=3.2)))
    assert broken_laws(PhysicsContract(), potential) == []


def test_the_backend_of_the_page_evaluates_like_eager(si_model_file: Path) -> None:
    name, atoms = add_row("Backend and its law of memory"), structure("bulk", (14,))
    ours, eager = (load_potential(si_model_file, device="cpu", backend=backend) for backend in (name, "eager"))
    assert ours.backend == name
    assert (ours.predict_tensors([atoms])[0].forces == eager.predict_tensors([atoms])[0].forces).all()


def test_criterion_optimiser_and_schedule_of_the_page_train(tmp_path: Path) -> None:
    data = write_frames(tmp_path / "cu.extxyz", copper_frames(8))
    usual = trained(tmp_path / "usual", data)
    for field, heading in (("criterion", "Criterion"), ("optimizer", "Optimiser"), ("scheduler", "Schedule")):
        ours = trained(tmp_path / field, data, **{field: add_row(f"{heading} of training")})
        assert ours.history[-1]["train_total_loss"] != usual.history[-1]["train_total_loss"]


def test_the_label_of_the_page_is_learned(tmp_path: Path) -> None:
    add_row("Kind of label")
    frames = copper_frames(8)
    for atoms in frames:
        atoms.info["pressure"] = -float(atoms.get_stress()[:3].mean())
    result = trained(tmp_path / "run", write_frames(tmp_path / "cu.extxyz", frames))
    assert {"train_pressure_loss", "val_pressure_MAE_GPa"} <= result.history[-1].keys()


def test_the_data_format_of_the_page_is_read_and_written(tmp_path: Path) -> None:
    add_row("Data format")
    (tmp_path / "all.lattice").write_text("Cu 3.6 -14.0\nCu 3.7 -13.9\n")
    records = read_records(tmp_path)
    assert [record.energy for record in records] == [-14.0, -13.9]
    write_records(tmp_path / "again.lattice", records)
    assert (tmp_path / "again.lattice").read_text() == (tmp_path / "all.lattice").read_text()


def test_the_suspicion_of_the_page_is_found() -> None:
    name = add_row("Suspicion about data")
    one = Record("0", bulk("Cu"), -3.5, None, None, "")
    found = [finding for finding in describe({"train": [one]}).findings if finding.kind == name]
    assert [finding.sentence for finding in found] == ["train: 1 structures of one atom"]


def test_the_law_of_the_page_is_checked() -> None:
    only = CheckConfig(only=(add_row("Law of a force field"),))
    assert check_calculator(Morse(), elements=(29,), config=only).passed

    class Charged(Morse):
        def calculate(self, *args: object, **kwargs: object) -> None:
            super().calculate(*args, **kwargs)
            self.results["energy"] += 1e-3 * len(self.atoms) ** 2

    assert not check_calculator(Charged(), elements=(29,), config=only).passed


def test_the_target_of_the_page_is_written_and_proven(tmp_path: Path, si_model_file: Path) -> None:
    made = export.export(si_model_file, tmp_path / "si.licensed.pt", to=add_row("Target of an export"))
    with zipfile.ZipFile(made.path) as archive:
        assert any(name.endswith("extra/licence.txt") for name in archive.namelist())
    assert max(difference.exceeded for difference in made.proof.differences) <= 1


def test_the_task_of_the_page_runs_in_a_batch(tmp_path: Path) -> None:
    crystal = batch.Given("cu", "a test", bulk("Cu", a=3.5))
    how = batch.BatchConfig(processes=0)
    run = batch.Batch(add_row("Task of a batch"), lambda: iter([crystal]), OutsideChoice(), EMT, tmp_path / "out", how)
    assert batch.run_batch(run).all_done
    batch.merge_batch(tmp_path / "out", [tmp_path / "all.csv"])
    assert "pressure_eV_per_A3" in (tmp_path / "all.csv").read_text()
