"""Batches of every engine, and trainings on properties, run on a GPU as on the CPU; see ``test_on_a_gpu.py``."""

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alignn_ff.batch import Batch, BatchConfig, all_tasks, inputs_of, run_batch
from alignn_ff.calculator import AlignnCalculator
from alignn_ff.models import FAMILIES
from alignn_ff.train import train, validate_config
from tests.support.labelled_data import write_frames
from tests.support.on_gpu import ALLOWED_WAITS
from tests.support.pretend_gpu import GPU, PretendGpu
from tests.support.property_networks import LOOP, NETWORK, NO_FORCES
from tests.support.training_runs import Silent

TASKS: Final[dict[str, tuple[str, dict[str, Any], dict[str, Any]]]] = {
    "energies": ("energy", {}, {}),
    "relaxations in passes": ("relax", {"optimizer": "lbfgs", "relax_cell": "free", "max_steps": 3}, {}),
    "relaxations in threads": ("relax", {"optimizer": "bfgs_linesearch", "max_steps": 3}, {}),
    "relaxations on the device": ("relax", {"optimizer": "fire", "max_steps": 6}, {"resident": True}),
    "dynamics in threads": ("md", {"steps": 3, "temperature_K": 50.0}, {}),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_batch_has_the_numbers_of_the_cpu(name: str, tmp_path: Path, si_model_file: Path) -> None:
    task, fields, choices = TASKS[name]
    structures = tmp_path / "input.extxyz"
    ase.io.write(structures, [rattled(seed) for seed in range(3)])
    config = all_tasks()[task].config().model_validate({"outside": "ignore", **fields})

    def records(device: torch.device) -> list[dict[str, Any]]:
        make = partial(
            AlignnCalculator,
            si_model_file,
            device=str(device),
            dtype="float64",
            backend="eager",
            outside="ignore",
            **choices,
        )
        folder = tmp_path / str(device)
        how = BatchConfig(processes=0, together=1 if task == "energy" else 3)
        run_batch(Batch(task, inputs_of([str(structures)]), config, make, folder, how))
        lines = (folder / "shard-0000.jsonl").read_text().splitlines()
        return sorted(map(json.loads, lines), key=lambda record: str(record["id"]))

    expected = records(torch.device("cpu"))
    with PretendGpu() as gpu, gpu.in_threads():
        found = records(GPU)
    assert len(found) == len(expected) == 3
    for one, other in zip(found, expected, strict=True):
        assert (one["id"], one["state"]) == (other["id"], other["state"])
        for key, value in other["numbers"].items():
            if isinstance(value, float) and key != "drift_meV_per_atom_per_ps":
                assert one["numbers"][key] == pytest.approx(value, rel=1e-7, abs=1e-9), key
    places = {event.place for event in gpu.waits}
    resident = {"resident_many.py:run", "resident_many.py:_renewed", "relax/resident/fire.py:aboard"}
    assert places <= ALLOWED_WAITS.keys() | resident | {"loading.py:select_device"}  # a trial of the device
    assert places & resident == (resident if choices else set())


def rattled(seed: int) -> Atoms:
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.03, seed=seed)
    return atoms


PROPERTIES: Final[dict[str, dict[str, object]]] = {
    name: ({} if name == "alignn" else NO_FORCES) for name, family in FAMILIES.items() if "property" in family.kinds
}


@pytest.mark.parametrize("resident", ["never", "always"])
@pytest.mark.parametrize("name", PROPERTIES)
def test_a_property_is_trained_as_on_the_cpu(name: str, resident: str, tmp_path: Path) -> None:
    frames = [rattled(seed) for seed in range(8)]
    for seed, atoms in enumerate(frames):
        atoms.info["target"] = float(np.sin(seed))
    data = write_frames(tmp_path / "data.xyz", frames)

    def errors(device: torch.device) -> dict[str, float]:
        folder = tmp_path / str(device)
        model = {"name": name, **NETWORK, **PROPERTIES[name]}
        fields = {**LOOP, "epochs": 2, "target": "target", "output_dir": str(folder), "model": model}
        config = validate_config({**fields, "resident_data": resident if device == GPU else "never"})
        assert train(config, observer=Silent(), data=data, device=str(device)) is not None
        (*_, last) = json.loads((folder / "history.json").read_text())["rows"]
        return {key: value for key, value in last.items() if key != "seconds"}

    expected = errors(torch.device("cpu"))
    with PretendGpu() as gpu:
        found = errors(GPU)
    assert found == pytest.approx(expected, rel=1e-6)
    places = {event.place for event in gpu.uploads}
    assert ("train/records/resident.py:batch" in places) == (resident == "always")
