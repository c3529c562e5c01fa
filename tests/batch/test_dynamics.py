"""Dynamics of many structures: temperatures and replicas are structures of their own, and a killed run goes on."""

import csv
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT

from alignn_ff.batch import Batch, BatchConfig, Given, merge_batch, run_batch
from alignn_ff.batch.dynamics import ManyMDConfig
from alignn_ff.errors import ConfigError
from alignn_ff.interrupt import Terminated
from alignn_ff.md import MDConfig, run_md
from tests.support.command_line import CommandLine


class Fresh(EMT):
    """EMT without a neighbour list of an earlier structure, which would change the last bits."""

    n_evaluations = 0
    stops_at: int | None = None
    signal_sent = signal.SIGINT

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), changes: Sequence[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, all_changes)
        Fresh.n_evaluations += 1
        if Fresh.n_evaluations == Fresh.stops_at:
            os.kill(os.getpid(), Fresh.signal_sent)


def batch_of(folder: Path, config: ManyMDConfig, *, number: int = 1, make: type[EMT] = Fresh) -> Batch:
    def inputs() -> list[Given]:
        return [Given(f"copper-{k}", f"number {k}", bulk("Cu", cubic=True)) for k in range(number)]

    return Batch("md", inputs, config, make, folder, BatchConfig(processes=0))  # type: ignore[arg-type]


def records(batch: Batch) -> dict[str, dict[str, float]]:
    lines = (batch.folder / "shard-0000.jsonl").read_text().splitlines()
    return {record["id"]: record["numbers"] for record in map(json.loads, lines)}


def test_each_temperature_and_replica_is_a_run_of_its_own(tmp_path: Path) -> None:
    config = ManyMDConfig(steps=5, ensemble="nvt_bussi", temperatures_K=(100, 400), replicas=2, seed=7)
    batch = batch_of(tmp_path / "out", config, number=2)
    assert run_batch(batch).all_done
    found = records(batch)
    names = [f"copper-{k}@{T}K#{replica}" for k in range(2) for T in (100, 400) for replica in range(2)]
    assert list(found) == names
    for temperature, seed, name in ((100, 7, names[0]), (400, 8, names[3])):
        single = MDConfig(steps=5, ensemble="nvt_bussi", temperature_K=temperature, seed=seed)
        alone = run_md(bulk("Cu", cubic=True), Fresh(), config=single).to_json()
        assert found[name]["final_temperature_K"] == alone["final_temperature_K"]
        assert (found[name]["temperature_K"], found[name]["seed"]) == (temperature, seed)
    assert found[names[0]]["final_temperature_K"] != found[names[1]]["final_temperature_K"]
    merge_batch(batch.folder, [tmp_path / "table.csv"])
    with (tmp_path / "table.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == names


@pytest.mark.parametrize(("sent", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_signal_ends_the_batch_and_the_run_goes_on_where_it_was(
    sent: signal.Signals, raised: type[KeyboardInterrupt], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ManyMDConfig(steps=30, checkpoint_every=5)
    whole = batch_of(tmp_path / "whole", config, number=2)
    run_batch(whole)
    batch = batch_of(tmp_path / "out", config, number=2)
    monkeypatch.setattr(Fresh, "stops_at", Fresh.n_evaluations + 50)  # in the second run
    monkeypatch.setattr(Fresh, "signal_sent", sent)
    with pytest.raises(KeyboardInterrupt) as stopped:
        run_batch(batch)
    assert stopped.type is raised
    assert list(records(batch)) == ["copper-0"]
    before = Fresh.n_evaluations
    assert run_batch(batch).all_done
    assert Fresh.n_evaluations - before < 25
    assert records(batch) == records(whole)


def test_temperatures_that_contradict_are_refused() -> None:
    with pytest.raises(ConfigError, match="leave out temperature_K"):
        ManyMDConfig(steps=1, temperature_K=300, temperatures_K=(100, 200))
    with pytest.raises(ConfigError, match="twice"):
        ManyMDConfig(steps=1, temperatures_K=(100, 100))


def test_temperatures_on_the_command_line(
    tmp_path: Path, si_model_file: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bulk("Si").write("si.vasp")
    words = ("batch", "md", "si.vasp", "-o", "out", "--model", si_model_file, "--processes", 0, "--outside", "ignore")
    options = ("--steps", 1, "--temperatures", "100:300", "--replicas", 2, "--allow-unseen-pairs")
    assert command_line(*words, *options).code == 0
    lines = Path("out/inputs.jsonl").read_text().splitlines()
    names = [f"si.vasp@{T}K#{replica}" for T in (100, 300) for replica in (0, 1)]
    assert [json.loads(line)["identifier"] for line in lines] == names
