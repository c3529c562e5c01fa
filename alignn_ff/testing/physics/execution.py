"""The numbers do not depend on how they are computed: precision, backend, threads. And what they cost."""

import copy
import resource
import sys
import time
from typing import Final, NamedTuple

import numpy as np
import torch
from ase import Atoms

from alignn_ff.execution import BACKENDS, why_not
from alignn_ff.potential import Potential
from alignn_ff.testing.law import DoesNotApplyError, Figure, Law, Measured, Setting, equal, gap
from alignn_ff.testing.physics.potentials import potential_of
from alignn_ff.testing.subjects import PotentialSubject, Results

ROUNDING_EV_PER_ATOM: Final = 1e-4
ROUNDING_FORCE: Final = 2e-3
"""eV/Å, relative to the largest force where that is above 1 eV/Å."""

NAMES: Final = ("rattled bulk", "slab with a cell", "molecule", "skewed tiny cell")


def _precisions(setting: Setting) -> Measured:
    potential = potential_of(setting)
    structures = [setting.example(name) for name in NAMES]
    exact, rounded = (_results_in(potential, dtype, structures) for dtype in (torch.float64, torch.float32))
    energy = max(abs(a.energy - b.energy) / len(a.forces) for a, b in zip(exact, rounded, strict=True))
    forces = max(gap(a.forces, b.forces) for a, b in zip(exact, rounded, strict=True))
    scale = max(1.0, max(float(np.abs(each.forces).max()) for each in exact))
    return Measured(
        (
            Figure("energy", energy, ROUNDING_EV_PER_ATOM, "eV/atom"),
            Figure("forces", forces, ROUNDING_FORCE * scale, "eV/Å"),
        )
    )


def _results_in(potential: Potential, dtype: torch.dtype, structures: list[Atoms]) -> list[Results]:
    return PotentialSubject(_again(potential, dtype, potential.backend)).results(structures)


def _again(potential: Potential, dtype: torch.dtype, backend: str) -> Potential:
    """The same weights in another precision or on another backend."""
    return Potential(
        potential.name,
        potential.header,
        copy.deepcopy(potential.model),
        device=potential.device,
        dtype=dtype,
        backend=backend,
    )


def _backends(setting: Setting) -> Measured:
    potential = potential_of(setting)
    family = potential.header.model.name
    structures = [setting.example(name) for name in NAMES]
    others = [
        name
        for name, backend in BACKENDS.items()
        if name != "eager" and backend.at_once() and why_not(name, family, potential.model) is None
    ]
    if not others:
        raise DoesNotApplyError("no other backend runs this model at once; `native` has to be compiled first")
    reference = PotentialSubject(_again(potential, potential.dtype, "eager")).results(structures)
    figures: list[Figure] = []
    for backend in others:
        found = PotentialSubject(_again(potential, potential.dtype, backend)).results(structures)
        for one, other in zip(found, reference, strict=True):
            compared = equal(one, other, same=setting.tolerances.same, turned=setting.tolerances.turned)
            figures += [figure._replace(note=f"{backend} against eager") for figure in compared]
    return Measured(tuple(figures))


def _threads(setting: Setting) -> Measured:
    if potential_of(setting).device.type != "cpu":
        raise DoesNotApplyError("the network does not run on the CPU")
    before = torch.get_num_threads()
    other = 1 if before > 1 else 2
    structures = [setting.example(name) for name in NAMES]
    expected = setting.subject.results(structures)
    try:
        torch.set_num_threads(other)
        found = setting.subject.results(structures)
    finally:
        torch.set_num_threads(before)
    pairs = zip(found, expected, strict=True)
    figures = [f for one, two in pairs for f in equal(one, two, same=setting.tolerances.same)]
    return Measured(tuple(f._replace(note=f"{before} and {other} threads") for f in figures))


class _Cost(NamedTuple):
    seconds: float
    resident_bytes: int


def _cost(setting: Setting) -> Measured:
    atoms = setting.example("rattled bulk") * (2, 2, 2)
    setting.subject.results([atoms])
    spent = []
    for _ in range(3):
        atoms.positions += 0.01  # a calculator keeps the results of a structure that has not changed
        spent.append(_spent(setting, atoms))
    per_atom = 1e6 * min(each.seconds for each in spent) / len(atoms)
    larger = atoms * (2, 2, 1)
    grown = _spent(setting, larger).resident_bytes / 1024 / len(larger)
    how = f"{len(atoms)} atoms, {torch.get_num_threads()} threads"
    return Measured(
        (
            Figure("time of energy, forces and stress", per_atom, None, "µs/atom", how),
            Figure("growth of the process", grown, None, "kB/atom", f"{len(larger)} atoms"),
        )
    )


def _spent(setting: Setting, atoms: Atoms) -> _Cost:
    before, start = _peak_bytes(), time.perf_counter()
    setting.subject.results([atoms])
    return _Cost(time.perf_counter() - start, _peak_bytes() - before)


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


EXECUTION: Final[dict[str, Law]] = {
    "float32_is_close_to_float64": Law(
        "float32 against float64",
        "largest difference; it limits how small forces can become in a float32 relaxation",
        _precisions,
        of_potentials=True,
    ),
    "all_backends_agree_with_eager": Law(
        "all backends against eager", "largest difference", _backends, of_potentials=True
    ),
    "threads_do_not_matter": Law("number of threads", "largest difference", _threads, of_potentials=True),
    "cost_per_atom": Law("time and memory per atom", "measured here", _cost, nature="figure", in_contracts=False),
}
"""Rows of the table of laws."""
