"""Structures in flight together: the same results as one by one, whoever the neighbours are."""

import dataclasses
import json
from functools import partial
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff.batch import Batch, BatchConfig, inputs_of, run_batch
from alignn_ff.batch.computing.gathering import GatheringExecutor
from alignn_ff.batch.dynamics import ManyMDConfig
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.errors import ConfigError, MemoryLimitError
from alignn_ff.execution import Executor
from alignn_ff.relax import RelaxConfig, relax
from tests.support.line_graph import LINE_GRAPH_MODEL

TOGETHER = 1e-7  # Å and eV: the network in float64, sums in another order, a relaxation to 0.01 eV/Å
CONFIG = RelaxConfig(relax_cell="free", outside="ignore", max_steps=25, fmax_eV_per_A=0.02)
THREADS = CONFIG.model_copy(update={"optimizer": "bfgs_linesearch"})  # has no form for many structures


def silicon(number: int) -> list[Atoms]:
    found = []
    for k in range(number):
        atoms = bulk("Si", a=5.3 + 0.05 * k, cubic=k % 3 == 0)
        atoms.rattle(0.03 + 0.02 * k, seed=k)
        atoms.info["id"] = f"silicon-{k}"
        found.append(atoms)
    return found


def batch_of(
    folder: Path, frames: list[Atoms], model: Path | str, together: int, config: RelaxConfig = CONFIG
) -> Batch:
    folder.mkdir(exist_ok=True)
    ase.io.write(folder / "input.extxyz", frames, columns=["symbols", "positions"])
    make = partial(AlignnCalculator, model, dtype="float64", outside="ignore")
    how = BatchConfig(processes=0, together=together)
    return Batch("relax", inputs_of([str(folder / "input.extxyz")]), config, make, folder / "out", how)


def records(batch: Batch) -> dict[str, dict[str, object]]:
    lines = (batch.folder / "shard-0000.jsonl").read_text().splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def structures(batch: Batch) -> dict[str, Atoms]:
    return {atoms.info["identifier"]: atoms for atoms in ase.io.read(batch.folder / "shard-0000.extxyz", ":")}


@pytest.mark.parametrize("config", [CONFIG, THREADS], ids=["flight", "threads"])
def test_a_result_does_not_depend_on_the_neighbours(tmp_path: Path, config: RelaxConfig) -> None:
    frames = silicon(5)
    many = batch_of(tmp_path / "many", frames, LINE_GRAPH_MODEL, 3, config)
    assert sum(run_batch(many).states.values()) == 5
    again = batch_of(tmp_path / "again", frames, LINE_GRAPH_MODEL, 3, config)
    run_batch(again)
    other = batch_of(tmp_path / "other", frames[::-1], LINE_GRAPH_MODEL, 5, config)
    run_batch(other)
    read = dict(zip((atoms.info["id"] for atoms in frames), ase.io.iread(tmp_path / "many/input.extxyz"), strict=True))
    for name, found in records(many).items():
        assert found["numbers"] == records(again)[name]["numbers"]  # the same bits
        single = relax(read[name], many.make(), config=config)
        for batch in (many, other):
            record, atoms = records(batch)[name], structures(batch)[name]
            assert record["state"] == ("done" if single.after.converged else "not converged")
            assert record["numbers"]["n_steps"] == single.after.step  # type: ignore[index]
            assert record["numbers"]["energy_eV"] == pytest.approx(single.after.energy_eV, abs=TOGETHER)  # type: ignore[index]
            np.testing.assert_allclose(atoms.positions, single.atoms.positions, atol=TOGETHER)
            np.testing.assert_allclose(atoms.cell.array, single.atoms.cell.array, atol=TOGETHER)


def test_relaxations_that_stay_on_their_device_end_as_others(tmp_path: Path, si_model_file: Path) -> None:
    config = CONFIG.model_copy(update={"optimizer": "fire"})
    usual = batch_of(tmp_path / "usual", silicon(4), si_model_file, 3, config)
    resident = dataclasses.replace(
        usual, make=partial(usual.make, backend="eager", resident=True), folder=tmp_path / "resident"
    )
    expected, found = (run_batch(batch) and records(batch) for batch in (usual, resident))
    for name, record in expected.items():
        assert found[name]["state"] == record["state"]
        for key in ("energy_eV", "volume_A3", "n_steps"):
            assert found[name]["numbers"][key] == pytest.approx(record["numbers"][key], abs=TOGETHER)  # type: ignore[index]
    default = dataclasses.replace(resident, config=CONFIG, folder=tmp_path / "default")
    with pytest.raises(ConfigError, match="optimiser lbfgs cannot keep structures resident"):
        run_batch(default)


def test_dynamics_that_stay_on_their_device_have_records_and_files_of_runs_alone(
    tmp_path: Path, si_model_file: Path
) -> None:
    config = ManyMDConfig(steps=12, temperatures_K=(100, 300), replicas=2, log_every=4, outside="ignore")
    made = batch_of(tmp_path / "made", silicon(2), si_model_file, 3)
    usual = dataclasses.replace(made, task="md", config=config, how=BatchConfig(processes=0), folder=tmp_path / "usual")
    resident = dataclasses.replace(
        usual, make=partial(usual.make, backend="eager", resident=True), how=made.how, folder=tmp_path / "resident"
    )
    expected, found = (run_batch(batch) and records(batch) for batch in (usual, resident))
    assert found.keys() == expected.keys()
    assert len(found) == 8
    for name, record in expected.items():
        numbers, others = found[name]["numbers"], record["numbers"]
        assert found[name]["state"] == "done"
        for key in ("temperature_K", "seed", "n_steps", "final_temperature_K", "total_energy_last_eV"):
            assert numbers[key] == pytest.approx(others[key], rel=1e-7)  # type: ignore[index]
        np.testing.assert_allclose(
            structures(resident)[name].positions, structures(usual)[name].positions, atol=TOGETHER
        )
    logs = [(batch.folder / "files" / "000003.csv").read_text().splitlines() for batch in (usual, resident)]
    assert [line.split(",")[0] for line in logs[0]] == [line.split(",")[0] for line in logs[1]]
    bussi = config.model_copy(update={"ensemble": "nvt_bussi"})
    with pytest.raises(ConfigError, match="nve or nvt_langevin"):
        run_batch(dataclasses.replace(resident, config=bussi, folder=tmp_path / "bussi"))


@pytest.mark.parametrize("config", [CONFIG, THREADS], ids=["flight", "threads"])
def test_a_pass_that_raises_is_halved_until_the_culprit_stands_alone(
    tmp_path: Path, si_model_file: Path, monkeypatch: pytest.MonkeyPatch, config: RelaxConfig
) -> None:
    def evaluate(self: Executor, system: object, graph: object, *, derivatives: bool = True) -> object:
        if (system.positions[:, 0] > 90).any():  # type: ignore[attr-defined]
            raise MemoryLimitError("too much for a test")
        return whole(self, system, graph, derivatives=derivatives)  # type: ignore[arg-type]

    whole = Executor.evaluate
    monkeypatch.setattr(Executor, "evaluate", evaluate)
    frames = silicon(6)
    frames[2].positions += [100.0, 0, 0]
    unknown = bulk("Cu")
    unknown.info["id"] = "unknown"
    batch = batch_of(tmp_path / "run", [*frames, unknown], si_model_file, 4, config)
    run_batch(batch)
    found = records(batch)
    assert (found["silicon-2"]["reason"], found["unknown"]["reason"]) == ("too large", "unknown element")
    assert sum(record["state"] != "failed" for record in found.values()) == 5


def test_structures_share_passes(tmp_path: Path, si_model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def evaluate(self: Executor, system: object, graph: object, *, derivatives: bool = True) -> object:
        sizes.append(system.cell.shape[0])  # type: ignore[attr-defined]
        return whole(self, system, graph, derivatives=derivatives)  # type: ignore[arg-type]

    whole = Executor.evaluate
    monkeypatch.setattr(Executor, "evaluate", evaluate)
    run_batch(batch_of(tmp_path / "run", silicon(8), si_model_file, 4))
    assert max(sizes) == 4
    assert GatheringExecutor.evaluate is not whole


def test_what_cannot_be_together_is_refused(tmp_path: Path, si_model_file: Path) -> None:
    batch = batch_of(tmp_path / "run", silicon(2), si_model_file, 2)
    with pytest.raises(ConfigError, match="not by EMT"):
        run_batch(dataclasses.replace(batch, make=EMT, folder=tmp_path / "emt"))
    assert not (tmp_path / "emt").exists()
    with pytest.raises(ConfigError, match="needs at least one process"):
        BatchConfig(processes=0, timeout_minutes=1)
