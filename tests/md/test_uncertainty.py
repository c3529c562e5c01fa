"""Uncertainty of dynamics: columns of the log, a warning, a stop, a harvest that restarts do not change."""

import csv
import json
import logging
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alignn_ff import AlignnCalculator
from alignn_ff.errors import ConfigError, SimulationError
from alignn_ff.md import MDConfig, MDFiles, resume_md, run_md
from alignn_ff.md.guards.limits import GuardLimits
from alignn_ff.potential import Potential
from alignn_ff.runs.uncertainty import deviations_of, worst_of
from alignn_ff.trajectory import Snapshot
from tests.support.command_line import CommandLine
from tests.support.committees import tiny_committee, with_last_layer, write_committee
from tests.support.tiny_models import tiny_potential


def silicon() -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.05, seed=1)
    return atoms


def layered() -> Potential:
    frames = []
    for seed in range(6):
        frames.append(bulk("Si", cubic=True))
        frames[-1].rattle(0.05, seed=seed)
    return with_last_layer(frames)


POTENTIALS = {"committee": tiny_committee, "last layer": layered}


def config(**changes: object) -> MDConfig:
    off = GuardLimits(max_temperature_K=None, max_drift_meV_per_atom_per_ps=None, uncertainty_every=1)
    fields = {"steps": 12, "timestep_fs": 0.5, "temperature_K": 300.0, "guards": off, "log_every": 4, "write_every": 4}
    return MDConfig.model_validate({**fields, **changes})


def calculator(potential: Potential | None = None) -> AlignnCalculator:
    return AlignnCalculator(potential or tiny_committee(), outside="ignore")


@pytest.mark.parametrize("name", POTENTIALS)
def test_the_log_has_columns_of_the_deviations(tmp_path: Path, name: str) -> None:
    files, seen = MDFiles(tmp_path / "run"), list[float]()

    def note(snapshot: Snapshot) -> None:
        worst = worst_of(deviations_of(snapshot.atoms))
        assert worst is not None
        seen.append(worst.value)

    run_md(silicon(), calculator(POTENTIALS[name]()), config=config(), files=files, on_step=note)
    rows = list(csv.DictReader(files.log.read_text().splitlines()))
    column = "max_force_std_eV_per_A" if name == "committee" else "max_atom_energy_std_eV"
    assert [float(row[column]) for row in rows] == pytest.approx(seen[::4], rel=1e-12)
    assert all(float(row["energy_std_eV_per_atom"]) > 0 for row in rows)


def test_the_log_of_a_model_without_uncertainty_has_the_columns_of_before(tmp_path: Path) -> None:
    run_md(silicon(), calculator(tiny_potential()), config=config(steps=1), files=MDFiles(tmp_path / "run"))
    assert "std" not in (tmp_path / "run.csv").read_text()


def test_a_harvest_holds_frames_above_the_threshold_some_time_apart_and_no_labels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "harvest.extxyz"
    chosen = config(uncertain_above=1e-6, harvest=path, harvest_gap_fs=2.0)
    with caplog.at_level(logging.WARNING):
        result = run_md(silicon(), calculator(), config=chosen, files=MDFiles(tmp_path / "run", harvest=path))
    frames = ase.io.read(path, index=":")
    assert [frame.info["step"] for frame in frames] == [0, 4, 8, 12]
    assert all(frame.calc is None and not {"energy", "forces"} & {*frame.info, *frame.arrays} for frame in frames)
    assert all(frame.arrays["forces_std"].max() == pytest.approx(frame.info["largest_std"]) for frame in frames)
    watched = result.uncertainty
    assert (watched.n_checked, watched.n_above, watched.n_harvested, watched.unit) == (13, 13, 4, "eV/Å")
    assert len([r for r in caplog.records if "the model is uncertain there" in r.message]) == 1
    assert result.to_json()["uncertainty"] == watched.model_dump()


def test_a_harvest_in_the_place_of_another_output_is_refused(tmp_path: Path) -> None:
    for name in ("run.extxyz", "run.csv", "run-stopped.extxyz"):
        with pytest.raises(ConfigError, match="also another output"):
            MDFiles(tmp_path / "run", harvest=tmp_path / name)


def test_nothing_is_harvested_below_the_threshold(tmp_path: Path) -> None:
    path = tmp_path / "harvest.extxyz"
    chosen = config(uncertain_above=1e6, harvest=path)
    result = run_md(silicon(), calculator(), config=chosen, files=MDFiles(tmp_path / "run", harvest=path))
    assert path.read_text() == ""
    assert (result.uncertainty.n_above, result.uncertainty.n_harvested) == (0, 0)


def test_a_resumed_run_harvests_the_frames_of_one_that_was_not_stopped(tmp_path: Path) -> None:
    class StoppedError(RuntimeError):
        pass

    def stop_at(last: int) -> object:
        def stop(snapshot: Snapshot) -> None:
            if snapshot.step == last:
                raise StoppedError

        return stop

    files = {}
    for name in ("whole", "parts"):
        path = tmp_path / f"{name}-harvest.extxyz"
        chosen = config(uncertain_above=1e-6, harvest=path, harvest_gap_fs=1.5, checkpoint_every=5)
        files[name] = MDFiles(tmp_path / name, harvest=path)
        if name == "whole":
            whole = run_md(silicon(), calculator(), config=chosen, files=files[name])
        else:
            with pytest.raises(StoppedError):
                run_md(silicon(), calculator(), config=chosen, files=files[name], on_step=stop_at(8))  # type: ignore[arg-type]
            parts = resume_md(files[name].restart, calculator=calculator())
    assert files["whole"].harvest is not None
    assert files["parts"].harvest is not None
    assert files["whole"].harvest.read_text() == files["parts"].harvest.read_text()
    assert files["whole"].log.read_text() == files["parts"].log.read_text()
    assert whole.uncertainty == parts.uncertainty


def test_a_limit_of_the_uncertainty_stops_a_run_and_the_last_frame_is_harvested(tmp_path: Path) -> None:
    path = tmp_path / "harvest.extxyz"
    limits = GuardLimits(max_uncertainty=1e-6, uncertainty_every=3)
    chosen = config(guards=limits, uncertain_above=1e-7, harvest=path)
    with pytest.raises(SimulationError, match="max_uncertainty"):
        run_md(silicon(), calculator(), config=chosen, files=MDFiles(tmp_path / "run", harvest=path))
    assert len(ase.io.read(path, index=":")) == 1
    report = json.loads((tmp_path / "run-stopped.json").read_text())
    assert (report["guard"], report["limit"]) == ("uncertainty", "max_uncertainty")


def test_thresholds_need_a_model_that_tells_its_uncertainty() -> None:
    for changes in ({"uncertain_above": 0.1}, {"guards": GuardLimits(max_uncertainty=0.1)}):
        with pytest.raises(ConfigError, match="tells no uncertainty"):
            run_md(silicon(), calculator(tiny_potential()), config=config(**changes))
    with pytest.raises(ConfigError, match="set uncertain_above too"):
        config(harvest="x.extxyz")


def test_the_command_harvests_and_refuses_to_replace_a_harvest(tmp_path: Path, command_line: CommandLine) -> None:
    model, start = write_committee(tmp_path / "committee.pt"), tmp_path / "si.vasp"
    ase.io.write(start, silicon())
    words = ["md", start, "--model", model, "--steps", 3, "--outside", "ignore", "--no-guards", "-o", tmp_path / "run"]
    words += ["--uncertain-above", "1e-6", "--harvest", tmp_path / "harvest.extxyz", "--harvest-gap", 0]
    words += ["--guard", "uncertainty_every=1"]
    done = command_line(*words)
    assert done.code == 0, done.stderr
    assert "4 of 4 checked, 4 harvested" in done.stdout
    assert len(ase.io.read(tmp_path / "harvest.extxyz", index=":")) == 4
    for path in tmp_path.glob("run*"):
        path.unlink()
    again = command_line(*words)
    assert (again.code, "harvest.extxyz" in again.stderr) == (2, True)
    longer = command_line("md", "--restart", tmp_path / "run.restart", "--steps", 6)
    assert longer.code == 2  # it was removed


def test_deviations_of_a_committee_cost_no_further_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    potential, calls = tiny_committee(), list[int]()
    evaluate = potential.evaluate

    def counting(*given: object, **named: object) -> object:
        calls.append(1)
        return evaluate(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(potential, "evaluate", counting)
    run_md(silicon(), calculator(potential), config=config(steps=5, uncertain_above=1e-6))
    assert len(calls) == 6
    assert np.isfinite(calls).all()
