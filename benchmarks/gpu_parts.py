"""The parts of gpu.py: a table, name → what is measured and how long it may take. A part yields a row per number."""

import importlib.util
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import torch
from gpu_counts import device, profile, roofline
from gpu_machine import MODELS, Machine, Row, potential_of, silicon
from gpu_resident import resident
from gpu_runs import dynamics, evaluated, few_steps, relaxations, training
from gpu_triton import triton
from line_graph import LINE_GRAPH
from worker import chgnet, mace, published_alignn

from alignn_ff.check import CheckConfig, check_potential
from alignn_ff.models import predict
from alignn_ff.potential import Potential
from alignn_ff.preparing import prepare_structure

CLOSE: Final = 1e-9
"""Largest difference to the CPU in float64: eV per atom, eV/Å, eV/Å³."""


class Part(NamedTuple):
    """A part of the measurement.

    Attributes:
        measure: yields rows.
        seconds: after which it is ended.
    """

    measure: Callable[[Machine], Iterator[Row]]
    seconds: float


def correctness(machine: Machine) -> Iterator[Row]:
    """Differences to the CPU in float64, and the laws of physics on the device."""
    structures = [silicon(2), silicon(1, rattle_A=0.2, seed=3), silicon(2)[:40]]
    for name in MODELS:
        expected = potential_of(name, torch.device("cpu"), "float64", "eager").predict(structures)
        for dtype in ("float64", "float32"):
            found = potential_of(name, machine.device, dtype).predict(structures)
            apart = [0.0, 0.0, 0.0]
            for here, there, atoms in zip(found, expected, structures, strict=True):
                assert here.forces is not None
                assert here.stress is not None
                assert there.forces is not None
                assert there.stress is not None
                each = (
                    abs(here.energy - there.energy) / len(atoms),
                    float(abs(here.forces - there.forces).max()),
                    float(abs(here.stress - there.stress).max()),
                )
                apart = [max(a, b) for a, b in zip(apart, each, strict=True)]
            row = dict(zip(("energy_eV_per_atom", "forces_eV_per_A", "stress_eV_per_A3"), apart, strict=True))
            yield {"model": name, "dtype": dtype, **row} | ({"close": max(apart) < CLOSE} if "64" in dtype else {})
    there = few_steps(torch.device("cpu"))
    for record_steps in (False, True):
        here = few_steps(machine.device, record_steps=record_steps)
        apart_by = max(float((here[k] - there[k]).abs().max()) for k in there)
        yield {"training steps": "float64", "recorded": record_steps, "weights": apart_by, "close": apart_by < 1e-8}
    config = CheckConfig(effort="quick", seconds=machine.size(25.0, 5.0))
    report = check_potential(potential_of("si", machine.device, "float64"), config=config)
    for law in report.rows:
        if law.n_cases or law.broken:
            yield {"law": law.law, "verdict": law.verdict, "worst": None if law.worst is None else law.worst.value}


def evaluation(machine: Machine) -> Iterator[Row]:
    """Energy, forces and stress of 1,000 to 1,000,000 atoms."""
    for cells in machine.size((5, 11, 23, 50), (1, 2)):
        for name in MODELS:
            for backend in ("eager",) if name == LINE_GRAPH else ("eager", "blocked"):
                yield {"model": name, "backend": backend, **evaluated(machine, name, backend, cells)}


def largest(machine: Machine) -> Iterator[Row]:
    """The largest system of the shipped model that fits, and what the forecast of its memory says."""
    potential = potential_of("si", machine.device, backend="eager")
    small = machine.size(20, 2)
    per_atom = max(_peak(machine, potential, small) / (8 * small**3), 1.0)
    yield {"bytes_per_atom": per_atom}
    cells = machine.size(int((0.95 * machine.total_bytes() / per_atom / 8) ** (1 / 3)), 2)
    while cells > small // 2:
        try:
            peak = _peak(machine, potential, cells)
        except torch.OutOfMemoryError:
            yield {"n_atoms": 8 * cells**3, "fits": False}
            cells -= max(cells // 30, 1)
            continue
        yield {"n_atoms": 8 * cells**3, "fits": True, "peak_GiB": peak / 2**30}
        return


def _peak(machine: Machine, potential: Potential, cells: int) -> int:
    """Bytes, of an evaluation that is not judged by a forecast first."""
    machine.forget_peak()
    prepared = prepare_structure(silicon(cells), potential.header, name=potential.name).to(machine.device)
    predict(potential.model, prepared.system, prepared.graph)
    machine.wait()
    return machine.peak_bytes()


def peers(machine: Machine) -> Iterator[Row]:
    """Other packages, where they are installed."""
    kinds = {
        "alignn": lambda cells, where: published_alignn(cells=cells, config="2+2", device=where),
        "mace": lambda cells, where: mace(cells=cells, device=where),
        "chgnet": lambda cells, where: chgnet(cells=cells, device=where),
    }
    for cells in machine.size((5, 11), (1,)):
        for name, prepare in kinds.items():
            if importlib.util.find_spec(name) is None:
                yield {"package": name, "installed": False}
                continue
            try:
                n_atoms, evaluate, _ = prepare(cells, str(machine.device))
                seconds = machine.seconds(evaluate)
            except Exception as error:  # noqa: BLE001 - whatever another package raises
                yield {"package": name, "error": f"{type(error).__name__}: {error}"}
                continue
            yield {"package": name, "n_atoms": n_atoms, "us_per_atom": 1e6 * seconds / n_atoms}


PARTS: Final[dict[str, Part]] = {
    "device": Part(device, 25),
    "correctness": Part(correctness, 60),
    "evaluation": Part(evaluation, 80),
    "dynamics": Part(dynamics, 45),
    "resident": Part(resident, 40),
    "training": Part(training, 45),
    "relaxations": Part(relaxations, 35),
    "roofline": Part(roofline, 30),
    "triton": Part(triton, 50),
    "profile": Part(profile, 25),
    "largest": Part(largest, 30),
    "peers": Part(peers, 20),
}
"""Name → part, in the order in which they run; together less than 8 minutes, the starts included."""
