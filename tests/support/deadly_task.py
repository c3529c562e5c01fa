"""A task of batches whose flight is cheap and whose structures may kill their process: for tests of processes.

``make`` adds the task, also in the processes of a batch, which get it by its name.
"""

import json
import os
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path

from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from alignn_ff.batch import TASKS, Batch, BatchConfig, Given, Outcome, Task, run_batch
from alignn_ff.runs.domain import OutsideChoice
from alignn_ff.runs.landed import Landed

NAME = "deadly"


class Flight:
    """Structures that end after three steps; gold kills its process, nickel never ends, silver is slow."""

    def __init__(self, n_slots: int) -> None:
        self._n_slots, self._open = n_slots, dict[int, tuple[Atoms, int]]()

    @property
    def n_open(self) -> int:
        return len(self._open)

    @property
    def has_room(self) -> bool:
        return self.n_open < self._n_slots

    def add(self, key: int, atoms: Atoms, config: object, prefix: Path) -> None:
        self._open[key] = (atoms, 0)

    def close(self) -> None:
        self._open.clear()

    def advance(self) -> list[Landed[Outcome]]:
        landed = []
        for key, (atoms, n_steps) in list(self._open.items()):
            symbol = str(atoms.symbols[0])
            if symbol == "Au" and n_steps == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            if symbol == "Ni":
                time.sleep(600)
            self._open[key] = (atoms, n_steps + 1)
            if n_steps == 3:
                del self._open[key]
                landed.append(Landed(key, Outcome("done", {"energy_eV": float(key)}, atoms), 0.0))
        return landed


def compute(atoms: Atoms, calculator: object, config: object, prefix: Path) -> Outcome:
    flight = Flight(1)
    flight.add(0, atoms, config, prefix)
    while True:
        for landed in flight.advance():
            assert isinstance(landed.result, Outcome)
            return landed.result


def row() -> Task:
    def flight(calculator: object, config: object, *, n_slots: int) -> Flight:
        return Flight(n_slots)

    return Task("For tests.", lambda: OutsideChoice, compute, flight=flight)


def make() -> EMT:
    TASKS.setdefault(NAME, row())
    return EMT()


class OtherEMT(EMT):
    """Another model."""


def make_until(flag: Path) -> EMT:
    """Another model as soon as a file exists."""
    TASKS.setdefault(NAME, row())
    return OtherEMT() if flag.exists() else EMT()


def structures(symbols: list[str]) -> list[Given]:
    return [Given(f"{symbol}-{k}", f"number {k}", bulk(symbol)) for k, symbol in enumerate(symbols)]


def batch_of(folder: Path, symbols: list[str], **how: object) -> Batch:
    """A batch of the task; ``how`` are fields of its config."""
    inputs = partial(structures, symbols)
    config = BatchConfig.model_validate(how)
    return Batch(NAME, inputs, OutsideChoice(), make, folder / "out", config)  # type: ignore[arg-type]


def ended(batch: Batch) -> dict[str, dict[str, object]]:
    """Records of a batch by the id of their structure; each structure has one."""
    records = [json.loads(line) for line in (batch.folder / "shard-0000.jsonl").read_text().splitlines()]
    assert max(Counter(record["place"] for record in records).values()) == 1
    return {record["id"]: record for record in records}


def run(batch: Batch) -> None:
    """Run a batch in a process of its own."""
    TASKS.setdefault(NAME, row())
    run_batch(batch)
