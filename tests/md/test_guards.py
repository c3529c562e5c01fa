"""Each guard stops a run for its reason, names the atoms, writes a report, and keeps the last good restart file."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes

from alignn_ff import checkpoint
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.checkpoint.format import TrainingDomain
from alignn_ff.errors import ConfigError, SimulationError, StructureError
from alignn_ff.md import GuardLimits, MDConfig, MDFiles, md_files, resume_md, run_md
from alignn_ff.md.guards.table import GUARDS
from alignn_ff.md.run.restart import read_restart
from alignn_ff.trajectory import read_trajectory
from tests.support.pair_crystal import Morse, morse_cluster, morse_crystal
from tests.support.tiny_models import tiny_header, tiny_model, tiny_potential


@pytest.fixture
def files(tmp_path: Path) -> MDFiles:
    return md_files(Path("x"), prefix=tmp_path / "run")


class Push(Calculator):
    """Only constant forces on chosen atoms."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012 - as ASE declares it

    def __init__(self, forces: dict[int, tuple[float, float, float]], *, energy_jumps_after: int | None = None) -> None:
        super().__init__()
        self.pushed, self.energy_jumps_after, self.n_evaluations = forces, energy_jumps_after, 0

    def calculate(
        self, atoms: Atoms | None = None, properties: object = (), system_changes: object = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.n_evaluations += 1
        forces = np.zeros((len(self.atoms), 3))
        for index, force in self.pushed.items():
            forces[index] = force
        energy = -float((forces * self.atoms.positions).sum())
        if self.energy_jumps_after is not None and self.n_evaluations > self.energy_jumps_after:
            energy += 1.0
        self.results = {"energy": energy, "forces": forces, "stress": np.full(6, 0.2)}


def pair(distance: float = 4.0) -> Atoms:
    return Atoms("Cu2", [[0, 0, 0], [0, 0, distance]])


def report_of(files: MDFiles) -> dict:  # type: ignore[type-arg]
    return json.loads(files.report.read_text())


def test_numbers_that_are_none(files: MDFiles) -> None:
    config = MDConfig(steps=20, checkpoint_every=2, write_every=1, log_every=1)
    with pytest.raises(SimulationError, match=r"step 6 .*'finite'.*atom\(s\) 3 \(Cu\)"):
        run_md(morse_crystal(2), Morse(breaks_after=6), config=config, files=files)
    report = report_of(files)
    assert (report["guard"], report["step"], report["limit"]) == ("finite", 6, None)
    assert report["atoms"][0]["index"] == 3
    assert report["atoms"][0]["element"] == "Cu"
    assert report["atoms"][0]["force_eV_per_A"][1] is None
    assert report["last_good_restart"] == str(files.restart)
    assert read_restart(files.restart).head.progress.step == 4
    assert [frame.info["step"] for frame in read_trajectory(files.trajectory)] == list(range(6))
    assert not files.summary.exists()


def test_a_run_resumes_from_the_last_good_restart_without_the_cause(files: MDFiles, tmp_path: Path) -> None:
    config = MDConfig(steps=10, checkpoint_every=2, write_every=1)
    with pytest.raises(SimulationError, match="last good state is in"):
        run_md(morse_crystal(2), Morse(breaks_after=6), config=config, files=files)
    resume_md(files.restart, calculator=Morse())
    assert not files.report.exists()
    whole = md_files(Path("x"), prefix=tmp_path / "whole")
    run_md(morse_crystal(2), Morse(), config=config, files=whole)
    assert files.trajectory.read_bytes() == whole.trajectory.read_bytes()


def test_an_explosion(files: MDFiles) -> None:
    config = MDConfig(steps=200, timestep_fs=5.0, temperature_K=0)
    calculator = Push({1: (0.0, 0.0, 30.0)})
    atoms = morse_crystal(2)
    with pytest.raises(
        SimulationError, match=r"'temperature'.*limit 10000\); the fastest atoms are atom\(s\) 1 \(Cu\)"
    ):
        run_md(atoms, calculator, config=config, files=files)
    report = report_of(files)
    assert report["limit"] == "max_temperature_K"
    assert report["value"] > 1e4
    assert files.last_frame.exists()


def test_hot_targets_raise_the_limit_of_the_temperature() -> None:
    config = MDConfig(steps=3, ensemble="nvt_langevin", temperature_K=20_000, timestep_fs=0.1)
    run_md(morse_crystal(2), Morse(), config=config)
    cold = MDConfig(steps=3, temperature_K=300, guards=GuardLimits(max_temperature_K=3001))
    run_md(morse_crystal(2), Morse(), config=cold)
    with pytest.raises(SimulationError, match="limit 3000"):
        run_md(
            morse_crystal(2),
            Push({0: (20.0, 0, 0)}),
            config=cold.model_copy(update={"steps": 900, "guards": GuardLimits(max_temperature_K=1.0)}),
        )


def test_a_drift_of_what_is_conserved(files: MDFiles) -> None:
    calculator = Push({}, energy_jumps_after=5)
    with pytest.raises(SimulationError, match=r"'drift'.*changed by \+31.25 meV/atom in the last 5 fs") as stopped:
        run_md(morse_crystal(2), calculator, config=MDConfig(steps=9), files=files)
    assert stopped.value.exit_code == 4
    assert report_of(files)["limit"] == "max_drift_meV_per_atom_per_ps"
    run_md(
        morse_crystal(2),
        Push({}, energy_jumps_after=5),
        config=MDConfig(steps=9, guards=GuardLimits(max_drift_meV_per_atom_per_ps=None)),
    )
    weak = MDConfig(steps=9, ensemble="nvt_berendsen")  # conserves nothing, so nothing can drift
    run_md(morse_crystal(2), Push({}, energy_jumps_after=5), config=weak)


def model_that_saw(shortest_A: float, folder: Path) -> Path:
    header = tiny_header((14,))
    header = header.model_copy(update={"domain": TrainingDomain(shortest_distance_A={"Si-Si": shortest_A})})
    path = folder / f"saw-{shortest_A}.pt"
    checkpoint.save(path, header, tiny_model(header).state_dict())
    return path


def test_atoms_closer_than_the_training_data(tmp_path: Path, files: MDFiles, caplog: pytest.LogCaptureFixture) -> None:
    atoms = Atoms("Si4", [[0, 0, 0], [0, 0, 2.2], [0, 4, 0], [0, 4, 2.6]])
    config = MDConfig(steps=1, temperature_K=0)
    with pytest.raises(
        SimulationError,
        match=r"'distance': atom\(s\) 0 \(Si\), 1 \(Si\) are 2.200 Å.*limit 2.250.*training data is 2.500",
    ):
        run_md(atoms, AlignnCalculator(model_that_saw(2.5, tmp_path)), config=config, files=files)
    report = report_of(files)
    assert report["limit"] == "min_distance_fraction"
    assert [atom["index"] for atom in report["atoms"]] == [0, 1]
    assert report["step"] == 0
    run_md(atoms, AlignnCalculator(model_that_saw(2.3, tmp_path)), config=config)
    assert "closer than in the training data" in caplog.text


def hole(ranges: TrainingDomain) -> AlignnCalculator:
    header = tiny_header((14,)).model_copy(update={"domain": ranges})
    return AlignnCalculator(tiny_potential(header))


def test_an_energy_or_a_density_unlike_the_training_data(files: MDFiles, caplog: pytest.LogCaptureFixture) -> None:
    crystal = bulk("Si", cubic=True)
    calculator = hole(TrainingDomain(volume_per_atom_A3=(26.0, 30.0)))
    with pytest.raises(SimulationError, match=r"'domain': the volume is 20.01 Å³/atom; .* 26.00 to 30.00.*--outside"):
        run_md(crystal, calculator, config=MDConfig(steps=1), files=files)
    assert (report_of(files)["limit"], report_of(files)["step"]) == ("max_outside", 0)
    run_md(crystal, calculator, config=MDConfig(steps=1, guards=GuardLimits(max_outside=2.0)))
    energy_per_atom = -1e9
    deep = hole(TrainingDomain(energy_per_atom_eV=(energy_per_atom + 2e9, energy_per_atom + 2e9)))
    with pytest.raises(SimulationError, match=r"'domain': the energy is .* below all training energies"):
        run_md(crystal, deep, config=MDConfig(steps=1))
    caplog.clear()
    result = run_md(crystal, calculator, config=MDConfig(steps=2, outside="warn"), files=files)
    assert [line.startswith("step 0: the volume is") for line in result.outside] == [True]
    assert json.loads(files.summary.read_text())["outside"] == list(result.outside)
    assert "outside of the training data" not in caplog.text  # this calculator has warned already


def test_a_run_that_stopped_outside_resumes_when_the_user_allows_it(files: MDFiles) -> None:
    crystal = bulk("Si", cubic=True)
    inside, outside = (hole(TrainingDomain(volume_per_atom_A3=(low, 30.0))) for low in (18.0, 26.0))
    run_md(crystal, inside, config=MDConfig(steps=2), files=files)
    with pytest.raises(SimulationError, match="'domain'"):
        resume_md(files.restart, calculator=outside, steps=4)
    assert resume_md(files.restart, calculator=outside, steps=4, outside="warn").outside


def test_elements_that_the_model_never_saw_together_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    seen = TrainingDomain(n_structures_per_pair={"Si-Si": 3, "O-O": 2})
    calculator = AlignnCalculator(tiny_potential(tiny_header().model_copy(update={"domain": seen})))
    quartz = Atoms("SiSiOO", [[0, 0, 0], [2.3, 0, 0], [0, 1.7, 0], [0, 0, 1.8]])
    with pytest.raises(ConfigError, match=r"no neighbours O-Si.*--allow-unseen-pairs"):
        run_md(quartz, calculator, config=MDConfig(steps=1, temperature_K=1))
    assert "O-Si: the training data hold no such neighbours" not in caplog.text
    run_md(quartz, calculator, config=MDConfig(steps=1, temperature_K=1, allow_unseen_pairs=True))
    assert caplog.text.count("O-Si: the training data hold no such neighbours") == 1
    run_md(Atoms("Si2", [[0, 0, 0], [2.3, 0, 0]]), calculator, config=MDConfig(steps=1, temperature_K=1))


def test_atoms_closer_than_a_length() -> None:
    limits = GuardLimits(min_distance_A=2.5, distances_every=1, max_temperature_K=None)
    with pytest.raises(SimulationError, match=r"'distance': atom\(s\) 0 \(Cu\), 1 \(Cu\) are 2\..*min_distance_A"):
        run_md(
            pair(4.0),
            Push({0: (0, 0, 1.0), 1: (0, 0, -1.0)}),
            config=MDConfig(steps=500, temperature_K=0, guards=limits),
        )


def test_atoms_that_leave(files: MDFiles) -> None:
    slab = morse_crystal(2)
    slab.center(vacuum=10.0, axis=2)
    slab.pbc = (True, True, False)
    limits = GuardLimits(max_escape_A=3.0, max_temperature_K=None)
    with pytest.raises(SimulationError, match=r"'escape': atom\(s\) 2 \(Cu\) left the structure: 3\.\d+ Å"):
        run_md(
            slab,
            Push({2: (0.0, 0.0, 3.0)}),
            config=MDConfig(steps=2000, timestep_fs=2.0, temperature_K=0, guards=limits),
            files=files,
        )
    assert report_of(files)["limit"] == "max_escape_A"


def test_what_flies_along_periodic_directions_does_not_leave() -> None:
    slab = morse_crystal(2)
    slab.center(vacuum=10.0, axis=2)
    slab.pbc = (True, True, False)
    limits = GuardLimits(max_escape_A=1.0, max_temperature_K=None)
    result = run_md(slab, Push({2: (3.0, 0.0, 0.0)}), config=MDConfig(steps=200, temperature_K=0, guards=limits))
    travelled = result.atoms.positions[2] - slab.positions[2]
    assert travelled[0] > 2 * limits.max_escape_A


def test_a_collapsing_cell(files: MDFiles) -> None:
    config = MDConfig(
        steps=500, timestep_fs=4.0, ensemble="npt_langevin", barostat_time_fs=100.0,
        guards=GuardLimits(max_cell_ratio=1.3, max_temperature_K=None, max_drift_meV_per_atom_per_ps=None),
    )  # fmt: skip
    with pytest.raises(SimulationError, match=r"'cell': the volume of the cell is 0\.7\d+ of its initial value"):
        run_md(morse_crystal(2), Push({}), config=config, files=files)
    assert report_of(files)["limit"] == "max_cell_ratio"


def test_a_guard_holds_its_baseline_across_restarts(files: MDFiles) -> None:
    config = MDConfig(
        steps=4, timestep_fs=4.0, ensemble="npt_langevin", barostat_time_fs=2000.0, checkpoint_every=1,
        guards=GuardLimits(max_cell_ratio=1.3, max_temperature_K=None, max_drift_meV_per_atom_per_ps=None),
    )  # fmt: skip
    run_md(morse_crystal(2), Push({}), config=config, files=files)
    start = read_restart(files.restart).head.baseline.volume_A3
    assert start == pytest.approx(morse_crystal(2).get_volume())
    with pytest.raises(SimulationError, match="'cell'"):
        resume_md(files.restart, calculator=Push({}), steps=500)


def test_guards_can_be_changed_at_a_restart(files: MDFiles) -> None:
    with pytest.raises(SimulationError, match="'drift'"):
        run_md(
            morse_crystal(2), Push({}, energy_jumps_after=5), config=MDConfig(steps=9, checkpoint_every=2), files=files
        )
    off = GuardLimits(max_drift_meV_per_atom_per_ps=None)
    resume_md(files.restart, calculator=Push({}, energy_jumps_after=2), guards=off)
    assert json.loads(files.summary.read_text())["config"]["guards"]["max_drift_meV_per_atom_per_ps"] is None


def test_every_guard_has_a_test_here_and_limits_are_in_the_summary(files: MDFiles) -> None:
    elsewhere = {"uncertainty"}  # tests/md/test_uncertainty.py
    assert set(GUARDS) - elsewhere == {"finite", "temperature", "cell", "distance", "domain", "escape", "drift"}
    run_md(morse_cluster(), Morse(), config=MDConfig(steps=1), files=files)
    shown = json.loads(files.summary.read_text())["config"]["guards"]
    assert shown == GuardLimits().model_dump(mode="json")


def test_a_model_that_is_not_smooth_warns_before_constant_energy(
    monkeypatch: pytest.MonkeyPatch, si_model_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from alignn_ff.md import dynamics

    atoms = Atoms("Si2", [[0, 0, 0], [0, 0, 2.4]])
    run_md(atoms, AlignnCalculator(si_model_file), config=MDConfig(steps=0))
    assert "not smooth" not in caplog.text
    rough = {name: family._replace(smooth=False) for name, family in dynamics.FAMILIES.items()}
    monkeypatch.setattr(dynamics, "FAMILIES", rough)
    run_md(atoms, AlignnCalculator(si_model_file), config=MDConfig(steps=0, ensemble="nvt_langevin"))
    assert "not smooth" not in caplog.text
    run_md(atoms, AlignnCalculator(si_model_file), config=MDConfig(steps=0))
    assert "not smooth in the positions" in caplog.text


class Refusing(Morse):
    """A calculator that rejects its third structure."""

    def calculate(self, *arguments: object, **settings: object) -> None:
        super().calculate(*arguments, **settings)
        if self.n_evaluations == 4:
            self.atoms.positions[5] = np.nan
            raise StructureError("positions of atom(s) 5 are not finite")


@pytest.mark.parametrize("ensemble", ["nve", "nvt_langevin", "npt_mtk"])
def test_a_step_that_breaks_off_is_a_stopped_simulation(ensemble: str, files: MDFiles) -> None:
    config = MDConfig.model_validate({"steps": 50, "ensemble": ensemble, "checkpoint_every": 1})
    with pytest.raises(SimulationError, match=r"stopped at step 3 .*'structure': positions of atom\(s\) 5 are not"):
        run_md(morse_crystal(2), Refusing(), config=config, files=files)
    report = report_of(files)
    assert (report["guard"], report["step"], report["time_fs"]) == ("structure", 3, 2.0)
    assert read_restart(files.restart).head.progress.step == 2
