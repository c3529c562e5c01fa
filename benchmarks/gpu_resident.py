"""The part of gpu.py for what stays on the device: whether recorded steps are right, and what they save."""

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from ase import Atoms
from gpu_machine import Machine, Row, potential_of, silicon
from gpu_runs import trainer_of
from line_graph import LINE_GRAPH

from alignn_ff import AlignnCalculator
from alignn_ff.graph import system_from_atoms
from alignn_ff.md import MDConfig, run_md
from alignn_ff.md.many import run_many_md
from alignn_ff.potential import Potential
from alignn_ff.relax import RelaxConfig, RelaxResult
from alignn_ff.relax.many import RelaxFlight
from alignn_ff.relax.resident import ResidentFlight
from alignn_ff.resident import ResidentStructure
from alignn_ff.train.records.batches import join
from alignn_ff.train.records.resident import ResidentSamples


def resident(machine: Machine) -> Iterator[Row]:
    """Differences to the usual way in float64, then speed in float32."""
    potential = potential_of(LINE_GRAPH, machine.device, "float64", "eager")
    yield {"resident": "steps of one structure", "forces_eV_per_A": steps_apart(machine, potential)}
    yield {"resident": "relaxations with cells", **relaxations_apart(machine, potential)}
    yield {"resident": "dynamics of many", "positions_A": dynamics_apart(machine, potential)}
    fast = potential_of(LINE_GRAPH, machine.device, backend="eager")
    yield from timed_relaxations(machine, fast)
    yield from timed_dynamics(machine, fast)
    yield from timed_batches(machine)


def steps_apart(machine: Machine, potential: Potential) -> float:
    """Of replayed steps, while atoms and cell move far enough for new lists: largest difference of forces."""
    atoms, kept, worst = silicon(machine.size(3, 1)), ResidentStructure(potential), 0.0
    for seed in range(machine.size(12, 3)):
        atoms.rattle(0.04, seed=seed)
        atoms.set_cell(atoms.cell.array * (1.0 + 0.002 * (-1) ** seed), scale_atoms=True)
        step = kept.evaluate(system_from_atoms(atoms))
        assert step is not None
        assert step.prediction.forces is not None
        expected = potential.predict([atoms])[0].forces
        assert expected is not None
        worst = max(worst, float(abs(step.prediction.forces.numpy() - expected).max()))
    return worst


def cells(number: int) -> list[Atoms]:
    """Rattled cells of eight atoms."""
    return [silicon(1, rattle_A=0.1, seed=seed) for seed in range(number)]


def flown(flight: RelaxFlight, structures: list[Atoms]) -> dict[int, RelaxResult]:
    """Results of all structures, by their places."""
    for key, atoms in enumerate(structures):
        flight.add(key, atoms)
    landed: dict[int, RelaxResult] = {}
    while flight.n_open:
        for key, result, _ in flight.advance():
            if isinstance(result, Exception):
                raise result
            landed[key] = result
    return landed


def relaxations_apart(machine: Machine, potential: Potential) -> Row:
    """Largest difference of energies and numbers of steps."""
    structures, calculator = cells(machine.size(8, 2)), AlignnCalculator(potential, outside="ignore")
    steps = machine.size(60, 12)
    config = RelaxConfig(optimizer="fire", relax_cell="free", fmax_eV_per_A=0.02, max_steps=steps, outside="ignore")
    usual, here = (flown(kind(calculator, config, n_slots=8), structures) for kind in (RelaxFlight, ResidentFlight))
    return {
        "energy_eV": max(abs(here[key].after.energy_eV - usual[key].after.energy_eV) for key in usual),
        "steps": max(abs(here[key].after.step - usual[key].after.step) for key in usual),
    }


def dynamics_apart(machine: Machine, potential: Potential) -> float:
    """Largest difference of positions after some steps at constant energy."""
    structures, calculator = cells(machine.size(4, 2)), AlignnCalculator(potential, outside="ignore")
    config = MDConfig(steps=machine.size(40, 6), temperature_K=300.0, outside="warn")
    worst = 0.0
    for k, result in enumerate(run_many_md(structures, calculator, config=config)):
        alone = run_md(structures[k], calculator, config=config.model_copy(update={"seed": k}))
        worst = max(worst, float(np.abs(result.atoms.positions - alone.atoms.positions).max()))
    return worst


def timed_relaxations(machine: Machine, potential: Potential) -> Iterator[Row]:
    """Steps of 64 relaxations by FIRE: graphs and optimiser on the host, and on the device."""
    structures, calculator = cells(machine.size(64, 2)), AlignnCalculator(potential, outside="ignore")
    config = RelaxConfig(optimizer="fire", fmax_eV_per_A=1e-6, max_steps=machine.size(60, 6), outside="ignore")
    for kind in (RelaxFlight, ResidentFlight):
        began = time.perf_counter()
        results = flown(kind(calculator, config, n_slots=len(structures)), structures)
        seconds = time.perf_counter() - began
        n_steps = sum(result.after.step for result in results.values())
        yield {"relaxations": kind.__name__, "structures": len(structures), "steps_per_s": n_steps / seconds}


def timed_dynamics(machine: Machine, potential: Potential) -> Iterator[Row]:
    """Steps of 64 structures of 64 atoms at once, after those that record them."""
    atoms, calculator = silicon(machine.size(2, 1)), AlignnCalculator(potential, outside="ignore")
    structures = [atoms.copy() for _ in range(machine.size(64, 2))]
    times: list[float] = []
    config = MDConfig(steps=machine.size(120, 6), temperature_K=300.0, log_every=machine.size(20, 2), outside="warn")

    def note(place: int, snapshot: object) -> None:  # noqa: ARG001
        if place == 0:
            times.append(time.perf_counter())

    run_many_md(structures, calculator, config=config, on_report=note)
    step_s = (times[-1] - times[1]) / (config.steps - config.log_every)
    yield {"dynamics of": len(structures), "n_atoms": sum(map(len, structures)), "step_s": step_s}


def timed_batches(machine: Machine) -> Iterator[Row]:
    """A batch of a training: joined on the host and copied, and cut out of samples on the device."""
    _, samples = trainer_of({"hidden_features": 16}, machine.device, n_structures=machine.size(64, 2), cells=1)
    kept, indices = ResidentSamples(samples, machine.device), list(range(len(samples)))[::-1]
    host = join([samples[k] for k in indices]).to(machine.device)
    same = all(torch.equal(a, b) for a, b in zip(kept.batch(indices).graph[5:9], host.graph[5:9], strict=True))  # type: ignore[arg-type]
    ways = {
        "host": lambda: join([samples[k] for k in indices]).to(machine.device),
        "device": partial(kept.batch, indices),
    }
    for name, call in ways.items():
        yield {"batch from": name, "structures": len(samples), "ms": 1e3 * machine.seconds(call), "same": same}
