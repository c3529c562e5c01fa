"""Energy, forces and their slopes are continuous: at cutoffs, at straight angles, along pairs, triplets and volumes."""

import itertools
from collections.abc import Mapping
from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.testing.differences import (
    Quantities,
    approach,
    energy_forces_slope,
    hessian,
    hessian_by_differences,
)
from alignn_ff.testing.law import Curve, DoesNotApplyError, Figure, Law, Measured, Setting, gap, named
from alignn_ff.testing.physics.derivatives import has_volume
from alignn_ff.testing.physics.potentials import potential_of
from alignn_ff.testing.scans import (
    Path,
    bent_chain,
    bent_triplet,
    crossing_atom,
    scaled_cell,
    scan,
    stretched_pair,
    stretched_triplet,
)
from alignn_ff.testing.subjects import FloatArray

EXPLAINED: Final = "unexplained energy and jump of a force; intervals are halved until little is left"
FAR_A: Final = 8.0
"""End of the scans of a calculator whose cutoff is not known."""


def closing(quantities: Quantities) -> tuple[Figure, ...]:
    """Gap between the limits of quantities from both sides of t = 0, and how it closes with t."""
    figures = []
    for name, sides in approach(quantities).items():
        limit = max(1.0, sides.scale)
        figures.append(Figure(f"gap of {name}", sides.gap, 1e-6 * limit, UNITS[name]))
        for wide, narrow in itertools.pairwise(sides.closing):
            figures.append(Figure(f"rest of {name}", narrow, 0.2 * wide + 1e-9 * limit, UNITS[name]))
    return tuple(figures)


UNITS: Final[Mapping[str, str]] = {"energy": "eV", "forces": "eV/Å", "dF/dt": "eV/Å²"}


def _edge_crosses(setting: Setting, threshold: str) -> Measured:
    potential = potential_of(setting)
    _refuse_float32(setting)
    recipe = potential.header.graph
    reach = {"cutoff": recipe.cutoff, "line_cutoff": recipe.line_cutoff}[threshold]
    direction = np.zeros((5, 3))
    direction[4] = (1.0, 0.0, 0.0)
    return Measured(closing(lambda t: energy_forces_slope(potential, crossing_atom(potential, reach + t), direction)))


def _straight_angle(setting: Setting, angle: float) -> Measured:
    potential = potential_of(setting)
    _refuse_float32(setting)
    direction = np.zeros((4, 3))
    direction[2] = (0.0, 1.0, 0.0)
    return Measured(closing(lambda t: energy_forces_slope(potential, bent_chain(potential, angle, t), direction)))


def _hessian_at_straight_angle(setting: Setting, angle: float) -> Measured:
    potential = potential_of(setting)
    _refuse_float32(setting)
    atoms = bent_chain(potential, angle, 0.0)
    exact = hessian(potential, atoms)
    scale = float(np.abs(exact).max())
    wide, narrow, tiny = (
        gap(hessian_by_differences(setting.subject, atoms, step_A=step), exact) / scale for step in (1e-3, 5e-4, 5e-5)
    )
    return Measured(
        (
            Figure("asymmetry of the Hessian", gap(exact, exact.T), 1e-9 * scale, "eV/Å²"),
            Figure("relative difference at 5e-5 Å", tiny, 1e-7, ""),
            # steps wide enough to leave a clamped range, whose error is no power of h
            Figure("relative difference at 5e-4 Å", narrow, max(1e-7, wide / 8), ""),
        )
    )


def _hessian_of_crystal(setting: Setting, name: str) -> Measured:
    potential = potential_of(setting)
    _refuse_float32(setting)
    atoms = setting.example(name)
    exact = hessian(potential, atoms)
    limit = 1e-6 * max(1.0, 1e-3 * float(np.abs(exact).max()))
    return Measured((Figure("Hessian", gap(exact, hessian_by_differences(setting.subject, atoms)), limit, "eV/Å²"),))


def _pair_at_cutoff(setting: Setting) -> Measured:
    if not setting.cutoffs_A:
        raise DoesNotApplyError("no cutoff is known")
    reach, numbers = setting.cutoffs_A[-1], [setting.subject.elements[0], setting.subject.elements[-1]]

    def quantities(t: float) -> dict[str, FloatArray]:
        found = setting.results(Atoms(numbers, [[0, 0, 0], [reach + t, 0, 0]]))
        return {"energy": np.array([found.energy]), "forces": found.forces}

    return Measured(closing(quantities))


def _pair(setting: Setting) -> Measured:
    elements = setting.subject.elements
    start, end = 0.7 * setting.bond_length, _far(setting) + 0.3
    path = stretched_pair(elements[0], elements[-1])
    return _explained(setting, path, np.linspace(start, end, _points(setting)), "pair", "distance (Å)")


def _triplet(setting: Setting, motion: str) -> Measured:
    elements = setting.subject.elements
    numbers = [elements[k % len(elements)] for k in range(3)]
    if motion == "bent":
        points = np.linspace(0.3 * np.pi, 1.2 * np.pi, _points(setting))
        return _explained(setting, bent_triplet(numbers, setting.bond_length), points, "triplet, bent", "angle (rad)")
    path = stretched_triplet(numbers, setting.bond_length)
    points = np.linspace(0.8 * setting.bond_length, _far(setting) + 0.3, _points(setting))
    return _explained(setting, path, points, "triplet, stretched", "distance (Å)")


def _volume(setting: Setting, name: str) -> Measured:
    atoms = setting.example(name)
    if np.isnan(setting.results(atoms).stress).any():
        raise DoesNotApplyError("no stress is reported")
    points = np.linspace(0.94, 1.08, _points(setting))
    return _explained(setting, scaled_cell(atoms), points, f"cell, {name}", "factor of all lengths", len(atoms))


def _explained(setting: Setting, path: Path, points: FloatArray, title: str, axis: str, n_atoms: int = 1) -> Measured:
    limits = setting.tolerances
    explained = limits.explained * n_atoms
    found = scan(
        setting.subject,
        path,
        points.tolist(),
        explained_eV=explained,
        jump=limits.jump,
        most_points=30 * setting.effort.scan_points,
    )
    worst = sorted(found.jumps, key=lambda jump: -max(jump.energy_eV, jump.kink))[:3]
    note = "; ".join(f"{title}: jump of {j.energy_eV:.1e} eV, {j.kink:.1e} of the forces at {j.at:.4f}" for j in worst)
    energy = found.energy_eV - found.energy_eV[-1]
    marks = tuple(sorted({round(jump.at, 4) for jump in found.jumps}))
    curve = Curve(title, axis, "energy (eV)", tuple(found.parameter.tolist()), tuple(energy.tolist()), marks)
    return Measured(
        (
            Figure("energy that forces do not explain", found.unexplained_eV, explained, "eV", note),
            Figure("jump of a force ÷ largest force there", found.kink, limits.jump, "", note),
        ),
        (curve,),
    )


def _points(setting: Setting) -> int:
    return max(9, setting.effort.scan_points // 3)


def _far(setting: Setting) -> float:
    return max(setting.cutoffs_A, default=FAR_A)


def _refuse_float32(setting: Setting) -> None:
    if setting.tolerances.same > 1e-6:
        raise DoesNotApplyError("needs float64")


SMOOTHNESS: Final[dict[str, Law]] = {
    "nothing_jumps_when_an_edge_crosses_a_cutoff": Law(
        "nothing jumps when an edge crosses a cutoff",
        "gap of energy, forces and their slope between both sides",
        _edge_crosses,
        nature="smoothness",
        cases={"threshold": named(["cutoff", "line_cutoff"])},
        of_potentials=True,
    ),
    "nothing_jumps_at_a_straight_angle": Law(
        "nothing jumps at a straight angle",
        "gap of energy, forces and their slope between both sides",
        _straight_angle,
        nature="smoothness",
        cases={"angle": named([0.0, 180.0])},
        of_potentials=True,
    ),
    "second_derivatives_are_right_at_a_straight_angle": Law(
        "second derivatives at a straight angle",
        "difference to finite differences of the forces",
        _hessian_at_straight_angle,
        nature="smoothness",
        cases={"angle": named([0.0, 180.0])},
        of_potentials=True,
    ),
    "second_derivatives_of_a_crystal_are_right": Law(
        "second derivatives of a crystal",
        "difference to finite differences of the forces",
        _hessian_of_crystal,
        nature="smoothness",
        cases={"name": named(["bulk", "one-atom cell", "rattled bulk"])},
        quick={"name": ["one-atom cell"]},
        of_potentials=True,
        suits=lambda _atoms: False,
    ),
    "nothing_jumps_when_an_atom_crosses_the_cutoff": Law(
        "nothing jumps when a pair crosses the cutoff",
        "gap of energy and forces between both sides",
        _pair_at_cutoff,
        nature="smoothness",
    ),
    "forces_explain_the_energy_of_a_pair": Law(
        "forces explain the energy of a pair, through the cutoffs",
        EXPLAINED,
        _pair,
        nature="smoothness",
    ),
    "forces_explain_the_energy_of_a_triplet": Law(
        "forces explain the energy of a triplet, through the cutoffs",
        EXPLAINED,
        _triplet,
        nature="smoothness",
        cases={"motion": named(["stretched", "bent"])},
    ),
    "stress_explains_the_energy_of_a_scaled_cell": Law(
        "stress explains the energy of a scaled cell",
        EXPLAINED,
        _volume,
        nature="smoothness",
        cases={"name": named(["rattled bulk", "one-atom cell"])},
        quick={"name": ["one-atom cell"]},
        suits=has_volume,
    ),
}
"""Rows of the table of laws."""
