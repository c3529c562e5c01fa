"""Batches: each structure ends exactly once, whatever ends the process; nothing is mixed."""

import dataclasses
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import ase.db
import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT

from alignn_ff.batch import Batch, BatchConfig, Given, inputs_of, merge_batch, run_batch, status_of
from alignn_ff.batch.folder.manifest import balanced, items_of
from alignn_ff.batch.folder.shard import ended, shard_paths
from alignn_ff.batch.plan import plan
from alignn_ff.batch.tasks import all_tasks
from alignn_ff.errors import CheckpointError, ConfigError, OutputError, StructureError
from alignn_ff.relax import RelaxConfig
from alignn_ff.runs.domain import OutsideChoice
from tests.support.full_disk import files_of_at_most


class Fresh(EMT):
    """EMT without a neighbour list of an earlier structure, which would change the last bits."""

    def calculate(
        self, atoms: Atoms | None = None, properties: object = ("energy",), changes: object = all_changes
    ) -> None:
        super().calculate(atoms, properties, all_changes)


class Slow(Fresh):
    """The same, taking its time."""

    def calculate(
        self, atoms: Atoms | None = None, properties: object = ("energy",), changes: object = all_changes
    ) -> None:
        time.sleep(0.01)
        super().calculate(atoms, properties, changes)


class Deadly(Fresh):
    """EMT that kills its process at gold, and never ends at nickel."""

    def calculate(
        self, atoms: Atoms | None = None, properties: object = ("energy",), changes: object = all_changes
    ) -> None:
        assert atoms is not None
        if "Au" in atoms.symbols:
            os.kill(os.getpid(), signal.SIGKILL)
        if "Ni" in atoms.symbols:
            time.sleep(600)
        super().calculate(atoms, properties, changes)


def crystals(number: int) -> list[Atoms]:
    found = []
    for k in range(number):
        atoms = bulk(("Cu", "Al", "Ag")[k % 3], cubic=k % 2 == 0)
        atoms.rattle(0.05, seed=k)
        atoms.info["id"] = f"crystal-{k}"
        found.append(atoms)
    return found


def batch_of(folder: Path, frames: list[Atoms], *, task: str = "relax", **how: object) -> Batch:
    file = folder / "input.extxyz"
    ase.io.write(file, frames)
    config = RelaxConfig() if task == "relax" else OutsideChoice()
    return Batch(
        task,
        inputs_of([str(file)]),
        config,
        Fresh,
        folder / "out",
        BatchConfig.model_validate({"processes": 0, **how}),
    )


def table(folder: Path) -> list[dict[str, object]]:
    """The records without times, in the order of the input."""
    found = {}
    for path in sorted(folder.glob("shard-*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            assert record["place"] not in found, "a structure ended twice"
            found[record["place"]] = {
                name: value for name, value in record.items() if name in ("id", "state", "reason", "numbers")
            }
    return [found[place] for place in sorted(found)]


WORKER = """
import sys
from pathlib import Path
from tests.batch.test_run import Slow
from alignn_ff.batch import Batch, BatchConfig, inputs_of, run_batch
from alignn_ff.relax import RelaxConfig

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    how = BatchConfig(processes=int(sys.argv[2]))
    run_batch(Batch("relax", inputs_of([str(folder / "input.extxyz")]), RelaxConfig(), Slow, folder / "out", how))
"""


@pytest.mark.parametrize("processes", [0, 2])
def test_a_killed_run_resumes_and_each_structure_ends_once(tmp_path: Path, processes: int) -> None:
    frames = crystals(12)
    whole = tmp_path / "whole"
    whole.mkdir()
    run_batch(batch_of(whole, frames))
    batch = batch_of(tmp_path, frames)
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, str(script), str(tmp_path), str(processes)], env=environment)
    records = shard_paths(batch.folder, 0).records
    while not records.exists() or len(records.read_bytes().splitlines()) < 4:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    before = records.read_bytes()
    assert 4 <= len(before.splitlines()) < 12
    with records.open("ab") as file:
        file.write(b'{"place": 11, "id": "cry')  # a torn line
    manifest = json.loads((batch.folder / "manifest.json").read_text())
    manifest["model"]["name"] = "Fresh"  # instead of the class Slow, which is the same potential
    (batch.folder / "manifest.json").write_text(json.dumps(manifest))
    status = run_batch(batch)
    assert status.all_done
    assert records.read_bytes().startswith(before[: before.rindex(b"\n") + 1])
    assert table(batch.folder) == table(whole / "out")


def test_poisoned_structures_fail_with_reasons_and_the_others_are_unharmed(tmp_path: Path) -> None:
    frames = crystals(6)
    clean = tmp_path / "clean"
    clean.mkdir()
    run_batch(batch_of(clean, frames))
    nan, overlapping, unknown = (frames[0].copy() for _ in range(3))
    nan.positions[0, 0] = np.nan
    overlapping.positions[0] = overlapping.positions[1]
    unknown.numbers[:] = 26
    for atoms, name in ((nan, "nan"), (overlapping, "overlapping"), (unknown, "unknown")):
        atoms.info["id"] = name
    poisoned = [*frames[:2], nan, *frames[2:4], overlapping, unknown, *frames[4:]]
    batch = batch_of(tmp_path, poisoned)
    status = run_batch(batch)
    assert status.states == {"done": 6, "failed": 3}
    found = {str(record["id"]): record for record in table(batch.folder)}
    assert found["nan"]["reason"] == "invalid structure"
    assert found["overlapping"]["reason"] == "atoms too close"
    assert found["unknown"]["reason"] == "error"  # EMT has no error of ours
    assert [record for record in table(batch.folder) if record["state"] == "done"] == table(clean / "out")


def test_a_process_that_dies_or_hangs_costs_one_structure(tmp_path: Path) -> None:
    frames = crystals(4)
    for name, symbol in (("deadly", "Au"), ("endless", "Ni")):
        atoms = bulk(symbol)
        atoms.info["id"] = name
        frames.insert(1, atoms)
    batch = batch_of(tmp_path, frames, task="energy", processes=1, timeout_minutes=0.02)
    status = run_batch(Batch(batch.task, batch.inputs, batch.config, Deadly, batch.folder, batch.how))
    assert status.states == {"done": 4, "failed": 2}
    assert status.reasons == {"timeout": 1, "crash of the process": 1}


def test_shards_merged_are_the_whole_in_the_order_of_the_input(tmp_path: Path) -> None:
    frames = crystals(9)
    whole = tmp_path / "whole"
    whole.mkdir()
    run_batch(batch_of(whole, frames))
    batch = batch_of(tmp_path, frames, shards=3)
    for shard in (2, 0):
        run_batch(batch, shard=shard)
    with pytest.raises(ConfigError, match="have not ended"):
        merge_batch(batch.folder, [tmp_path / "all.extxyz"])
    assert merge_batch(batch.folder, [tmp_path / "part.csv"], partial=True) > 0
    run_batch(Batch(batch.task, batch.inputs, batch.config, Fresh, batch.folder, BatchConfig(processes=0)), shard=1)
    assert table(batch.folder) == table(whole / "out")
    targets = [tmp_path / f"all{suffix}" for suffix in (".extxyz", ".db", ".csv")]
    assert merge_batch(batch.folder, targets) == 0
    names = [atoms.info["id"] for atoms in frames]
    assert [atoms.info["identifier"] for atoms in ase.io.iread(targets[0], ":")] == names
    assert [row.identifier for row in ase.db.connect(targets[1]).select()] == names
    assert [line.split(",")[0] for line in targets[2].read_text().splitlines()[1:]] == names
    energies = [atoms.get_potential_energy() for atoms in ase.io.iread(targets[0], ":")]
    assert energies == pytest.approx([record["numbers"]["energy_eV"] for record in table(batch.folder)], abs=1e-7)  # type: ignore[index]


def test_another_batch_is_refused_and_nothing_is_mixed(tmp_path: Path) -> None:
    frames = crystals(3)
    batch = batch_of(tmp_path, frames)
    run_batch(batch)
    before = shard_paths(batch.folder, 0).records.read_bytes()
    frames[1].positions[0, 0] += 0.01
    others = {
        "the settings": Batch("relax", batch.inputs, RelaxConfig(fmax_eV_per_A=0.02), Fresh, batch.folder, batch.how),
        "the task": Batch("energy", batch.inputs, OutsideChoice(), Fresh, batch.folder, batch.how),
        "the model": Batch("relax", batch.inputs, batch.config, Slow, batch.folder, batch.how),
        "the number of shards": batch_of(tmp_path, crystals(3), shards=2),
        "the structures": batch_of(tmp_path, frames),
    }
    for what, other in others.items():
        with pytest.raises(ConfigError, match=f"folder of another batch.*{what}"):
            run_batch(other)
    assert shard_paths(batch.folder, 0).records.read_bytes() == before
    with pytest.raises(ConfigError, match="holds other files"):
        run_batch(Batch("relax", batch_of(tmp_path, crystals(3)).inputs, RelaxConfig(), Fresh, tmp_path, batch.how))


def test_no_structures_two_equal_ids_and_missing_files_are_refused(tmp_path: Path) -> None:
    frames = crystals(3)
    frames[2].info["id"] = "crystal-0"
    with pytest.raises(ConfigError, match="two structures have the id 'crystal-0'"):
        run_batch(batch_of(tmp_path, frames))
    batch = batch_of(tmp_path, crystals(1))
    with pytest.raises(ConfigError, match="the input is empty"):
        run_batch(Batch("relax", lambda: iter(()), RelaxConfig(), Fresh, tmp_path / "out", batch.how))
    unreadable = Given("damaged", "a file", StructureError("a file is damaged"))
    with pytest.raises(ConfigError, match="none of the 1 structures can be read: a file is damaged"):
        run_batch(Batch("relax", lambda: iter([unreadable]), RelaxConfig(), Fresh, tmp_path / "out", batch.how))
    for name in ("absent.cif", "*.absent", str(tmp_path / "empty")):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(StructureError):
            inputs_of([name])
    assert not (tmp_path / "out").exists()


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, crystals(3))
    run_batch(batch)
    records = shard_paths(batch.folder, 0).records
    lines = records.read_text().splitlines(keepends=True)
    records.write_text("".join([lines[0], "nonsense\n", *lines[2:]]))
    with pytest.raises(CheckpointError, match="this line is damaged"):
        status_of(batch.folder)


def test_failures_are_computed_again_only_if_asked(tmp_path: Path) -> None:
    frames = crystals(3)
    frames[1].numbers[:] = 26
    batch = batch_of(tmp_path, frames)
    records = shard_paths(batch.folder, 0)
    for retry_failed, n_records in ((False, 3), (False, 3), (True, 4)):
        assert run_batch(batch, retry_failed=retry_failed).states == {"done": 2, "failed": 1}
        assert len(list(ended(records))) == n_records


def test_a_limit_of_steps_is_not_converged_and_the_structure_is_kept(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, crystals(1))
    short = Batch("relax", batch.inputs, RelaxConfig(max_steps=1), Fresh, batch.folder, batch.how)
    status = run_batch(short)
    assert status.states == {"not converged": 1}
    assert not status.all_done
    merge_batch(batch.folder, [tmp_path / "all.extxyz"])
    assert len(ase.io.read(tmp_path / "all.extxyz")) == 4


def test_shards_are_balanced_by_atoms_and_always_the_same() -> None:
    sizes = np.random.default_rng(1).integers(1, 200, 500)
    chosen = balanced(sizes, 7)
    loads = np.bincount(chosen, weights=sizes)
    assert loads.max() - loads.min() <= sizes.max()
    assert loads.max() < 1.01 * loads.mean()
    assert (balanced(sizes, 7) == chosen).all()


def test_a_full_disk_is_one_message_and_loses_nothing(tmp_path: Path) -> None:
    frames = crystals(6)
    (tmp_path / "whole").mkdir()
    run_batch(batch_of(tmp_path / "whole", frames, task="energy"))
    batch = batch_of(tmp_path, frames, task="energy")
    n_before = 0
    for n_bytes in (100, 1500, 2500):
        with files_of_at_most(n_bytes), pytest.raises(OutputError, match="cannot write"):
            run_batch(batch)
        records = shard_paths(batch.folder, 0).records
        n_ended = len(list(ended(shard_paths(batch.folder, 0)))) if records.exists() else 0
        assert n_before <= n_ended < 6
        n_before = n_ended
    assert n_before > 0
    assert run_batch(batch).all_done
    assert table(batch.folder) == table(tmp_path / "whole" / "out")


def test_the_plan_counts_evaluations_and_leaves_no_files(tmp_path: Path) -> None:
    frames = crystals(9)
    batch = batch_of(tmp_path, frames)
    found = plan(batch)
    assert not batch.folder.exists()
    assert (found.n_structures, found.largest, found.processes, found.together) == (9, 4, 0, 1)
    assert len(found.sampled) == 3
    assert found.hours is not None
    run_batch(batch)
    by_name = {str(record["id"]): record["numbers"]["n_steps"] + 1 for record in table(batch.folder)}  # type: ignore[index]
    assert found.evaluations == round(sum(by_name[name] for name in found.sampled) / 3 * 9)
    eos = plan(dataclasses.replace(batch, task="eos", config=all_tasks()["eos"].config().model_validate({"points": 5})))
    assert eos.evaluations is not None
    assert eos.evaluations >= 9 * 5


class Counted(Atoms):
    """A structure that counts how many of its kind are alive."""

    alive = 0

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)
        Counted.alive += 1

    def __del__(self) -> None:
        Counted.alive -= 1


def test_structures_are_read_when_they_are_needed(tmp_path: Path) -> None:
    alive: list[int] = []

    def stream() -> Iterator[Given]:
        for k in range(200):
            if k % 50 == 49:
                gc.collect()
                alive.append(Counted.alive)
            yield Given(f"atom-{k}", f"number {k}", Counted("Cu", positions=[[0.01 * k, 0, 0]]))

    Counted.alive = 0
    batch = Batch("energy", stream, OutsideChoice(), Fresh, tmp_path / "out", BatchConfig(processes=0))
    assert run_batch(batch).all_done
    assert max(alive) <= 5
    assert [item.identifier for item in items_of(batch.folder)] == [f"atom-{k}" for k in range(200)]
