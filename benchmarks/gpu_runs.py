"""Parts of gpu.py that run something: dynamics, relaxations, training."""

import json
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ase.io
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from gpu_machine import Machine, Row, potential_of, silicon
from torch import Tensor

from alignn_ff import AlignnCalculator
from alignn_ff.batch import Batch, BatchConfig, inputs_of, run_batch
from alignn_ff.errors import AlignnError
from alignn_ff.execution.replay import WARM_UPS
from alignn_ff.graph import VerletSkin, graph_size
from alignn_ff.md import MDConfig, run_md
from alignn_ff.models import ModelStatistics, build_model
from alignn_ff.potential import Potential
from alignn_ff.relax import RelaxConfig
from alignn_ff.train import validate_config
from alignn_ff.train.loop.batches import Batch as TrainingBatch
from alignn_ff.train.loss.loss import build_measure
from alignn_ff.train.records.batches import Sample, build_sample, join
from alignn_ff.train.records.padded import Places
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.statistics import LabelScales
from alignn_ff.train.trainer.trainer import Trainer

UNIVERSAL = Path(__file__).parents[1] / "examples" / "universal" / "config.json"


def evaluated(machine: Machine, name: str, backend: str, cells: int) -> Row:
    """Time and memory of an energy with forces and stress."""
    machine.forget_peak()
    potential, atoms = potential_of(name, machine.device, backend=backend), silicon(cells)
    try:
        began = time.perf_counter()
        prepared = potential.prepare(atoms)
        machine.wait()
        prepare_s = time.perf_counter() - began
        seconds = machine.seconds(lambda: potential.evaluate(prepared.system, prepared.graph))
    except (AlignnError, torch.OutOfMemoryError) as error:
        return {"n_atoms": len(atoms), "does not fit": str(error).splitlines()[0]}
    size = graph_size(prepared.graph)
    return {
        "n_atoms": len(atoms),
        "ran on": potential.backend,
        "us_per_atom": 1e6 * seconds / len(atoms),
        "prepare_s": prepare_s,
        "evaluate_s": seconds,
        "peak_GiB": machine.peak_bytes() / 2**30,
        "edges_per_atom": size.n_edges / len(atoms),
        "triplets_per_atom": size.n_triplets / len(atoms),
    }


def seconds_per_step(potential: Potential, atoms: Atoms, config: MDConfig, *, resident: bool) -> float:
    """Of molecular dynamics, after a first step; with the structure on the device, or with its graph from the host."""
    calculator = AlignnCalculator(potential, resident=resident)
    run_md(atoms.copy(), calculator, config=MDConfig(steps=1, temperature_K=300.0))
    began = time.perf_counter()
    run_md(atoms.copy(), calculator, config=config)
    return (time.perf_counter() - began) / config.steps


def dynamics(machine: Machine) -> Iterator[Row]:
    """Steps of molecular dynamics through ASE, and what a step consists of."""
    for cells, steps in machine.size(((5, 300), (23, 12)), ((1, 3),)):
        potential, atoms = potential_of("si", machine.device, backend="eager"), silicon(cells)
        config = MDConfig(steps=steps, temperature_K=300.0)
        seconds = seconds_per_step(potential, atoms, config, resident=False)
        skin = VerletSkin()
        prepared = potential.prepare(atoms, skin=skin)
        yield {
            "n_atoms": len(atoms),
            "steps_per_s": 1.0 / seconds,
            "ns_per_day": 86400.0 / seconds * config.timestep_fs * 1e-6,
            "step_s": seconds,
            "resident_step_s": seconds_per_step(potential, atoms, config, resident=True),
            "prepare_s": machine.seconds(partial(potential.prepare, atoms, skin=skin)),
            "evaluate_s": machine.seconds(partial(potential.evaluate, prepared.system, prepared.graph)),
        }


def relaxations(machine: Machine) -> Iterator[Row]:
    """Relaxations of small cells, one after another and in shared passes of the network."""
    for together, n_structures in machine.size(((1, 8), (64, 128)), ((1, 2), (2, 3))):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            cells = [silicon(1, rattle_A=0.1, seed=seed) for seed in range(n_structures)]
            ase.io.write(folder / "cells.extxyz", cells)
            make = partial(AlignnCalculator, "si", device=str(machine.device))
            config = RelaxConfig(fmax_eV_per_A=0.02, max_steps=machine.size(100, 3))
            how = BatchConfig(processes=0, together=together)
            inputs = inputs_of([str(folder / "cells.extxyz")])
            began = time.perf_counter()
            run_batch(Batch("relax", inputs, config, make, folder / "out", how))
            seconds = time.perf_counter() - began
        yield {"together": together, "n_structures": n_structures, "structures_per_s": n_structures / seconds}


def training(machine: Machine) -> Iterator[Row]:
    """Steps of training, of the shipped model's kind and of the model of many elements."""
    configs = {"2 + 1 layers of 64": {"hidden_features": 64}, "universal": json.loads(UNIVERSAL.read_text())["model"]}
    for name, fields in configs.items():
        for batch_size in machine.size((4, 16, 64), (2,)):
            machine.forget_peak()
            trainer, samples = trainer_of(fields, machine.device, n_structures=batch_size, cells=machine.size(2, 1))
            batch = join(samples)
            seconds = machine.seconds(lambda trainer=trainer, batch=batch: trainer.step([batch]), budget_s=3.0)
            n_atoms = batch.system.positions.shape[0]
            ahead_s = seconds_per_step_ahead(machine, trainer, batch)
            recording, _ = trainer_of(
                fields, machine.device, n_structures=batch_size, cells=machine.size(2, 1), record_steps=True
            )
            recorded_s = seconds_per_step_ahead(machine, recording, Places(tuple(range(batch_size))))
            yield {
                "model": name,
                "structures": batch_size,
                "n_atoms": n_atoms,
                "steps_per_s": 1.0 / seconds,
                "ahead_steps_per_s": 1.0 / ahead_s,
                "recorded_steps_per_s": 1.0 / recorded_s,
                "ms_per_atom": 1e3 * seconds / n_atoms,
                "peak_GiB": machine.peak_bytes() / 2**30,
            }


def seconds_per_step_ahead(machine: Machine, trainer: Trainer, batch: TrainingBatch) -> float:
    """Of steps whose loss is read during the next one, as in a training; those that record them come before."""
    n_steps = machine.size(10, 2)
    for _ in range(WARM_UPS + 1):
        trainer.steps.take_ahead([batch])
    machine.wait()
    began = time.perf_counter()
    for _ in range(n_steps):
        trainer.steps.take_ahead([batch])
    trainer.steps.read_last()
    machine.wait()
    return (time.perf_counter() - began) / n_steps


def few_steps(device: torch.device, *, record_steps: bool = False) -> dict[str, Tensor]:
    """Weights after some steps in float64, on the CPU; recorded ones are replayed."""
    trainer, samples = trainer_of(
        {"hidden_features": 16}, device, n_structures=4, cells=1, dtype=torch.float64, record_steps=record_steps
    )
    for step in range(WARM_UPS + 3):
        indices = (step % 2, 2 + step % 2)
        trainer.step([Places(indices) if record_steps else join([samples[k] for k in indices])])
    return {name: parameter.detach().cpu() for name, parameter in trainer.model.named_parameters()}


def trainer_of(
    model: dict[str, Any],
    device: torch.device,
    *,
    n_structures: int,
    cells: int,
    dtype: torch.dtype = torch.float32,
    record_steps: bool = False,
) -> tuple[Trainer, list[Sample]]:
    """A training on silicon that the shipped model has labelled."""
    fields = {
        "cutoff": 5.0,
        "three_body_cutoff": 3.5,
        "gradient_clip_norm": 5.0,
        "learning_rate": 1e-4,
        "record_steps": record_steps,
    }
    config = validate_config({**fields, "model": {"name": "alignn_smooth", "stresswise_weight": 0.02, **model}})
    samples = [build_sample(record, config.recipe) for record in records(n_structures, cells)]
    torch.manual_seed(0)
    network = build_model(config.model, config.recipe, (14,), ModelStatistics((-5.0,), 0.5, 28.0, 12.0))
    trainer = Trainer(
        config,
        network.to(dtype).to(device),
        training=samples,
        validation=[],
        measure=build_measure(config, LabelScales(0.2, 0.5, 0.01), {}),
        device=device,
    )
    return trainer, samples


def records(n_structures: int, cells: int) -> list[Record]:
    """Rattled silicon with labels."""
    structures = [silicon(cells, rattle_A=0.1, seed=seed) for seed in range(n_structures)]
    labels = potential_of("si", torch.device("cpu")).predict(structures)
    found = []
    for index, (atoms, label) in enumerate(zip(structures, labels, strict=True)):
        assert label.forces is not None
        assert label.stress is not None
        atoms.calc = SinglePointCalculator(atoms, energy=label.energy)
        found.append(Record(str(index), atoms, label.energy, label.forces, label.stress, "silicon"))
    return found
