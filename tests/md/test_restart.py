"""Laws of restarts: N + M steps are N steps, a restart, M steps, bit for bit, in memory and in every file."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.constraints import FixAtoms

from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import CheckpointError, ConfigError, OutputError
from alignn_ff.execution import Limits
from alignn_ff.md import ENSEMBLES, MDConfig, MDFiles, MDInterruptedError, Snapshot, md_files, resume_md, run_md
from alignn_ff.md.files import previous
from alignn_ff.md.run.propagator import Propagator
from alignn_ff.md.run.restart import read_restart
from alignn_ff.md.run.start import starting_atoms
from alignn_ff.potential import load_potential
from alignn_ff.runs.model_record import describe_model
from alignn_ff.runs.saved_model import find_model
from alignn_ff.trajectory import read_trajectory
from tests.support.pair_crystal import Morse, morse_cluster, morse_crystal

EVERY_RUN = [
    (name, motion) for name, ensemble in sorted(ENSEMBLES.items()) for motion in ensemble.motions or (None,)
]  # every ensemble, with each way of moving the cell
PROGRAM = [sys.executable, "-c", "from alignn_ff.cli import main; main()"]
EVERY_FORMAT = ("extxyz", "traj", "h5md")


class CrashError(Exception):
    """The process ends here."""


def crash_at(step: int):  # type: ignore[no-untyped-def]
    def observe(snapshot: Snapshot) -> None:
        if snapshot.step == step:
            raise CrashError

    return observe


def ramping(ensemble: str, motion: str | None, **more: object) -> MDConfig:
    """A run of 24 steps in one ensemble, in which everything changes that can."""
    settings: dict[str, object] = {
        "steps": 24, "timestep_fs": 4.0, "ensemble": ensemble, "write_every": 3, "log_every": 2,
        "checkpoint_every": 5, "formats": EVERY_FORMAT, "quantities": ("velocities", "forces", "stress"),
    }  # fmt: skip
    if ENSEMBLES[ensemble].thermostat:  # type: ignore[index]
        settings["temperature_K"] = (200, 700, 400)
    if "pressure_GPa" in ENSEMBLES[ensemble].reads:
        settings["pressure_GPa"] = (0.0, 3.0)
    if motion not in (None, "isotropic"):
        settings["cell_motion"] = motion
    return MDConfig.model_validate({**settings, **more})


def run_with_crashes(atoms: Atoms, config: MDConfig, files: MDFiles, crashes: tuple[int, ...]) -> Atoms:
    """The result of a run that crashed at some steps and was resumed from its restart file each time."""
    first, *others = crashes
    with pytest.raises(CrashError):
        run_md(atoms, Morse(), config=config, files=files, on_step=crash_at(first))
    for step in others:
        with pytest.raises(CrashError):
            resume_md(files.restart, calculator=Morse(), on_step=crash_at(step))
    return resume_md(files.restart, calculator=Morse()).atoms


def assert_same_files(one: MDFiles, other: MDFiles) -> None:
    assert one.log.read_bytes() == other.log.read_bytes()
    if "extxyz" in one.formats:
        assert one.frames["extxyz"].read_bytes() == other.frames["extxyz"].read_bytes()
    if "traj" in one.formats:
        for left, right in zip(*(read_trajectory(files.frames["traj"]) for files in (one, other)), strict=True):
            np.testing.assert_array_equal(left.positions, right.positions)
            np.testing.assert_array_equal(left.get_momenta(), right.get_momenta())
            assert left.get_potential_energy() == right.get_potential_energy()
    if "h5md" in one.formats:
        with h5py.File(one.frames["h5md"]) as left, h5py.File(other.frames["h5md"]) as right:
            names: list[str] = []
            left.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            assert len(names) > 12
            for name in names:
                np.testing.assert_array_equal(left[name][()], right[name][()], err_msg=name)


def assert_same_bits(one: Atoms, other: Atoms) -> None:
    np.testing.assert_array_equal(one.positions, other.positions)
    np.testing.assert_array_equal(one.get_momenta(), other.get_momenta())
    np.testing.assert_array_equal(one.cell.array, other.cell.array)


def assert_same_restart(one: Path, other: Path) -> None:
    """Thermostat, barostat, random numbers and schedule are also the same."""
    left, right = read_restart(one), read_restart(other)
    assert left.integrator.keys() == right.integrator.keys()
    for name in left.integrator:
        np.testing.assert_array_equal(left.integrator[name], right.integrator[name], err_msg=name)
    for name in ("rng", "progress", "outputs", "baseline"):
        assert getattr(left.head, name) == getattr(right.head, name)
    assert left.head.record.stages == right.head.record.stages


@pytest.mark.parametrize("ensemble, motion", EVERY_RUN)
def test_a_run_that_crashed_is_the_run_in_one_go(ensemble: str, motion: str | None, tmp_path: Path) -> None:
    config, atoms = ramping(ensemble, motion), morse_crystal(2)
    whole, torn = (md_files(Path("x"), prefix=tmp_path / name, formats=EVERY_FORMAT) for name in ("whole", "torn"))
    in_one_go = run_md(atoms, Morse(), config=config, files=whole).atoms
    in_pieces = run_with_crashes(atoms, config, torn, crashes=(1, 7, 13, 24))
    assert_same_bits(in_one_go, in_pieces)
    assert_same_files(whole, torn)
    assert_same_restart(whole.restart, torn.restart)


def test_every_integrator_keeps_the_state_that_its_row_names() -> None:
    for ensemble, motion in EVERY_RUN:
        config = ramping(ensemble, motion, steps=1)
        rng = np.random.default_rng(0)
        atoms = starting_atoms(morse_crystal(2), config, rng)
        atoms.calc = Morse()
        propagator = Propagator(atoms, config.schedule, rng=rng)
        assert all(np.isfinite(value).all() for value in propagator.state().values())
        assert set(propagator.state()) == set(ENSEMBLES[ensemble].state(propagator._integrator))


def test_stages_of_different_ensembles_resume(tmp_path: Path) -> None:
    stages = [
        {"steps": 6, "ensemble": "nvt_bussi", "temperature_K": [300, 500]},
        {"steps": 0, "ensemble": "nve"},
        {"steps": 8, "ensemble": "npt_mtk", "pressure_GPa": 2.0, "temperature_K": 500, "timestep_fs": 3.0},
        {"steps": 6, "ensemble": "nvt_andersen", "temperature_K": 400},
    ]
    config = MDConfig.model_validate({"stages": stages, "write_every": 4, "log_every": 1, "checkpoint_every": 1})
    whole, torn = (md_files(Path("x"), prefix=tmp_path / name) for name in ("whole", "torn"))
    result = run_md(morse_crystal(2), Morse(), config=config, files=whole)
    assert_same_bits(result.atoms, run_with_crashes(morse_crystal(2), config, torn, crashes=(6, 7, 14, 19)))
    assert_same_files(whole, torn)
    left, right = (json.loads(files.summary.read_text()) for files in (whole, torn))
    assert left["stages"] == right["stages"]
    assert right["restarts"] == [5, 6, 13, 18]


def test_constraints_masses_and_a_molecule_resume(tmp_path: Path) -> None:
    atoms = morse_cluster()
    atoms.set_constraint(FixAtoms([0, 3]))
    atoms.set_masses(np.linspace(60, 70, len(atoms)))
    config = MDConfig(steps=12, ensemble="nvt_nose_hoover", checkpoint_every=5, write_every=1, temperature_K=150)
    whole, torn = (md_files(Path("x"), prefix=tmp_path / name) for name in ("whole", "torn"))
    result = run_md(atoms, Morse(), config=config, files=whole)
    again = run_with_crashes(atoms, config, torn, crashes=(8,))
    assert_same_bits(result.atoms, again)
    np.testing.assert_array_equal(again.get_masses(), atoms.get_masses())
    np.testing.assert_array_equal(again.positions[[0, 3]], atoms.positions[[0, 3]])
    assert_same_files(whole, torn)


def test_a_run_can_be_prolonged(tmp_path: Path) -> None:
    short, long = (MDConfig(steps=steps, ensemble="nvt_bussi", write_every=1) for steps in (7, 12))
    whole, grown = (md_files(Path("x"), prefix=tmp_path / name) for name in ("whole", "grown"))
    result = run_md(morse_crystal(2), Morse(), config=long, files=whole)
    run_md(morse_crystal(2), Morse(), config=short, files=grown)
    assert_same_bits(result.atoms, resume_md(grown.restart, calculator=Morse(), steps=12).atoms)
    assert_same_files(whole, grown)
    with pytest.raises(ConfigError, match="already done 12 steps"):
        resume_md(grown.restart, calculator=Morse(), steps=5)


def test_a_signal_stops_after_the_step_with_everything_saved(tmp_path: Path) -> None:
    files, whole = (md_files(Path("x"), prefix=tmp_path / name) for name in ("stopped", "whole"))
    config = MDConfig(steps=10, write_every=1)

    def press(snapshot: Snapshot) -> None:
        if snapshot.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(MDInterruptedError, match=r"SIGTERM after step 4.*--restart") as stopped:
        run_md(morse_crystal(2), Morse(), config=config, files=files, on_step=press)
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    assert read_restart(files.restart).head.progress.step == 4
    assert not files.summary.exists()
    result = run_md(morse_crystal(2), Morse(), config=config, files=whole)
    assert_same_bits(result.atoms, resume_md(files.restart, calculator=Morse()).atoms)
    assert_same_files(whole, files)


def test_a_second_signal_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alignn_ff.interrupt.ECHO_S", 0.0)

    def press(snapshot: Snapshot) -> None:
        if snapshot.step == 4:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    files = md_files(Path("x"), prefix=tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        run_md(morse_crystal(2), Morse(), config=MDConfig(steps=10), files=files, on_step=press)
    assert signal.getsignal(signal.SIGINT) is before


# the command line, and what was changed meanwhile


@pytest.fixture
def silicon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from ase.build import bulk

    monkeypatch.chdir(tmp_path)
    bulk("Si", cubic=True).write(tmp_path / "si.vasp", direct=True)
    return tmp_path / "si.vasp"


def test_a_run_killed_at_random_times_is_the_run_in_one_go(silicon: Path, si_model_file: Path) -> None:
    words = [
        "md",
        str(silicon),
        "-m",
        str(si_model_file),
        "--ensemble",
        "nvt_nose_hoover",
        "--temperature",
        "100:400:200",
    ]
    words += ["--write-every", "7", "--log-every", "3", "--checkpoint-every", "19", "--format", "extxyz,h5md"]
    words += ["--no-guards", "--steps", "120", "--backend", "eager"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    rng = random.Random(5)
    subprocess.run([*PROGRAM, *words, "-o", "whole"], env=environment, check=True, capture_output=True)
    command, kills = [*PROGRAM, *words, "-o", "torn"], 0
    while kills < 2:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            before = Path("torn.restart").stat().st_mtime_ns if Path("torn.restart").exists() else 0
            while process.poll() is None and not _is_newer(Path("torn.restart"), before):
                time.sleep(0.01)
            time.sleep(rng.uniform(0.0, 0.2))
            process.send_signal(signal.SIGKILL)
        if Path("torn.json").exists():
            break  # a fast machine may be done before the signal
        kills += 1
        command = [*PROGRAM, "md", "--restart", "torn.restart"]
        _read_whatever_is_there(Path("torn.h5"))
    subprocess.run([*PROGRAM, "md", "--restart", "torn.restart"], env=environment, check=True, capture_output=True)
    whole, torn = (MDFiles(Path(name), ("extxyz", "h5md")) for name in ("whole", "torn"))
    assert_same_files(whole, torn)
    assert_same_restart(whole.restart, torn.restart)
    assert len(json.loads(torn.summary.read_text())["restarts"]) == kills


def _is_newer(path: Path, than: int) -> bool:
    return path.exists() and path.stat().st_mtime_ns > than


def _read_whatever_is_there(path: Path) -> None:
    from alignn_ff.trajectory import iterate_trajectory

    steps = [frame.info["step"] for frame in iterate_trajectory(path)]
    assert steps == list(range(0, 7 * len(steps), 7))


def test_a_restart_finds_its_model_and_refuses_another(
    silicon: Path, si_model_file: Path, tmp_path: Path, command_line
) -> None:  # type: ignore[no-untyped-def]
    model = tmp_path / "own.pt"
    model.write_bytes(si_model_file.read_bytes())
    assert command_line("md", silicon, "-m", model, "--steps", 4, "-o", "run").code == 0
    assert command_line("md", "--restart", "run.restart", "--steps", 6).code == 0
    model.rename(tmp_path / "moved.pt")
    gone = command_line("md", "--restart", "run.restart", "--steps", 8)
    assert gone.code == 2
    assert "was not found" in gone.stderr
    assert "--model" in gone.stderr
    assert command_line("md", "--restart", "run.restart", "--steps", 8, "-m", tmp_path / "moved.pt").code == 0
    from alignn_ff import checkpoint
    from tests.support.tiny_models import tiny_header, tiny_model

    header = tiny_header((14,))
    checkpoint.save(model, header, tiny_model(header, seed=3).state_dict())
    changed = command_line("md", "--restart", "run.restart", "--steps", 9)
    assert changed.code == 2
    assert "has changed since the run began" in changed.stderr


def test_a_restart_accepts_only_options_that_are_not_in_the_file(
    silicon: Path, si_model_file: Path, command_line
) -> None:  # type: ignore[no-untyped-def]
    assert command_line("md", silicon, "-m", si_model_file, "--steps", 3, "-o", "run").code == 0
    refused = command_line("md", "--restart", "run.restart", "--timestep", 2)
    assert refused.code == 2
    assert "timestep cannot be given" in refused.stderr
    summary = json.loads(Path("run.json").read_text())
    assert summary["model"]["backend"]
    assert summary["model"]["threads"] >= 1
    assert "same machine" in summary["reproducible"]


def test_a_restart_takes_backend_and_memory_limit_of_its_run() -> None:
    published = Path(__file__).parents[1] / "data" / "published" / "atomwise-ff-fast"
    limits = Limits(memory_bytes=2**30)
    potential = load_potential(published, dtype="float64", backend="blocked", limits=limits)
    record = describe_model(AlignnCalculator(potential))
    again = find_model(record).potential
    assert (again.backend, again.limits, again.dtype) == ("blocked", limits, potential.dtype)
    assert describe_model(AlignnCalculator(again)) == record


def test_other_settings_are_a_warning(
    silicon: Path, si_model_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = md_files(silicon)
    run_md(_read(silicon), AlignnCalculator(si_model_file), config=MDConfig(steps=1), files=files)
    threads = torch.get_num_threads()
    monkeypatch.setattr("torch.get_num_threads", lambda: 17)
    resume_md(files.restart, steps=2)
    assert f"threads {threads} → 17" in caplog.text


def _read(path: Path) -> Atoms:
    from alignn_ff.io import read_structure

    return read_structure(path)


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_a_damaged_restart_file_is_named(damage: bytes | None, tmp_path: Path) -> None:
    files = md_files(Path("x"), prefix=tmp_path / "run")
    run_md(morse_crystal(2), Morse(), config=MDConfig(steps=4, checkpoint_every=2), files=files)
    files.restart.write_bytes(files.restart.read_bytes()[:-300] if damage is None else damage)
    with pytest.raises(CheckpointError, match=r"damaged or not a restart file.*run-previous\.restart"):
        resume_md(files.restart, calculator=Morse())
    assert resume_md(previous(files.restart), calculator=Morse()).config.steps == 4


def test_a_restart_needs_its_outputs(tmp_path: Path) -> None:
    files = md_files(Path("x"), prefix=tmp_path / "run")
    run_md(morse_crystal(2), Morse(), config=MDConfig(steps=4), files=files)
    files.log.write_text("")
    with pytest.raises(OutputError, match=r"run.csv holds 0 bytes.*restore that file"):
        resume_md(files.restart, calculator=Morse(), steps=6)
    with pytest.raises(CheckpointError, match="no such restart file"):
        resume_md(tmp_path / "none.restart")
    with pytest.raises(CheckpointError, match="the calculator Morse, which is not a model file"):
        resume_md(files.restart)


def test_a_run_folder_can_be_moved(tmp_path: Path) -> None:
    files = md_files(Path("x"), prefix=tmp_path / "here" / "run")
    run_md(morse_crystal(2), Morse(), config=MDConfig(steps=4, write_every=1), files=files)
    (tmp_path / "here").rename(tmp_path / "there")
    resume_md(tmp_path / "there" / "run.restart", calculator=Morse(), steps=6)
    assert not (tmp_path / "here").exists()
    assert (tmp_path / "there" / "run.csv").read_text().count("\n") == 2


def test_a_restart_file_with_a_damaged_array_header_is_refused(tmp_path: Path) -> None:
    files = md_files(Path("c.vasp"), prefix=tmp_path / "c")
    run_md(morse_crystal(), Morse(), config=MDConfig(steps=1), files=files)
    with zipfile.ZipFile(files.restart) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    damaged = {name: data.replace(b"{'descr'", b"{('desc'", 1) for name, data in content.items()}
    with zipfile.ZipFile(files.restart, "w") as archive:
        for name, data in damaged.items():
            archive.writestr(name, data)
    with pytest.raises(CheckpointError, match="is damaged or not a restart file"):
        read_restart(files.restart)


def test_a_restart_file_with_an_element_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    files = md_files(Path("c.vasp"), prefix=tmp_path / "c")
    run_md(morse_crystal(), Morse(), config=MDConfig(steps=1), files=files)
    with np.load(files.restart) as archive:
        arrays = dict(archive)
    arrays["atoms/numbers"][3] = 285
    with files.restart.open("wb") as file:
        np.savez(file, **arrays)
    with pytest.raises(CheckpointError, match=r"is damaged: its arrays do not describe a structure .*285"):
        read_restart(files.restart)
