"""Path of lowest energy between two structures.

In: two structures of the same atoms. Out: :class:`NEBResult` with the barrier. Ends are relaxed, matched, joined by a
first guess, and the band is moved to the path.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.errors import StructureError
from alignn_ff.properties.reaction_path.band import optimise
from alignn_ff.properties.reaction_path.config import NEBConfig
from alignn_ff.properties.reaction_path.ends import SHORTEST_MOTION_A, matched_ends, motion
from alignn_ff.properties.reaction_path.interpolation import first_guess
from alignn_ff.properties.reaction_path.profile import between, work_along
from alignn_ff.properties.reaction_path.result import NEBResult
from alignn_ff.properties.reaction_path.saddle import saddle_modes
from alignn_ff.properties.result import Remark
from alignn_ff.properties.work import Work
from alignn_ff.relax import RelaxConfig

MOVED_A: Final = 0.5
"""An end whose atoms move further in its relaxation may have become another state."""
VALLEY_EV: Final = 0.01
DISAGREEMENT_EV: Final = 0.005
DISAGREEMENT: Final = 0.02
"""Largest difference of energies and the work of forces without a remark: eV, or as a fraction of the range."""
SHARP_DEGREES: Final = 60.0
"""A larger turn of the path at an image gets a remark."""


def reaction_path(start: Atoms, end: Atoms, config: NEBConfig, work: Work) -> NEBResult:
    """Path between two structures; the constraints of ``start`` hold on all of it.

    Raises:
        StructureError: the ends do not belong together, or are the same.
        NotConvergedError: an end or the band did not converge.
    """
    given = matched_ends(start, end, config.order)
    ends = _relaxed(given, config, work)
    evaluated = work.evaluate("ends", ends)
    images = first_guess(*ends, config.images)
    largest = optimise(images, evaluated, config, work)
    found = work.evaluate("path", images)
    forces = np.array([one.forces for one in found])
    inner = np.array([one.forces for one in work.evaluate("between images", between(images))])
    result = NEBResult(
        atoms=ends[0],
        config=config,
        model=work.model,
        images=tuple(_without_calculator(image) for image in images),
        energies=np.array([one.energy for one in found]),
        forces=forces,
        work=work_along(np.array([image.positions for image in images]), forces, inner),
        largest_force_eV_per_A=largest,
    )
    inside = 0 < result.highest < len(images) - 1
    if inside and len(start) <= config.hessian_atoms:
        result = replace(result, saddle=saddle_modes(result.images[result.highest], work))
    return replace(result, remarks=(*_doubts(result), *_remarks_on_ends(given, result)))


def _relaxed(ends: tuple[Atoms, Atoms], config: NEBConfig, work: Work) -> tuple[Atoms, Atoms]:
    if not config.relax:
        return ends
    settings = RelaxConfig(fmax_eV_per_A=config.ends_fmax_eV_per_A, max_steps=config.max_steps)
    advice = "Allow more --max-steps, or a larger --ends-fmax"
    relaxed = []
    for name, atoms in zip(("START", "END"), ends, strict=True):
        relaxed.append(work.relax(f"relaxation of {name}", atoms, settings, or_else=advice).atoms)
        relaxed[-1].set_constraint(atoms.constraints)
    first, last = relaxed
    if np.linalg.norm(motion(first, last), axis=1).max() < SHORTEST_MOTION_A:
        raise StructureError(
            "START and END relax to the same structure, so there is no path between them; start END closer to its "
            "own minimum"
        )
    return first, last


def _without_calculator(atoms: Atoms) -> Atoms:
    copy: Atoms = atoms.copy()
    return copy


def _remarks_on_ends(given: tuple[Atoms, Atoms], result: NEBResult) -> list[Remark]:
    remarks = []
    for name, before, index in (("START", given[0], 0), ("END", given[1], -1)):
        moved = float(np.linalg.norm(motion(before, result.images[index]), axis=1).max())
        if moved > MOVED_A:
            remarks.append(
                Remark(
                    "end_moved", f"an atom of {name} moved by {moved:.2f} Å in its relaxation; is it still that state?"
                )
            )
        force = result.tables["images"]["largest_force_eV_per_A"][index]
        if float(force) > 2 * result.config.ends_fmax_eV_per_A:
            remarks.append(
                Remark(
                    "end_not_relaxed",
                    f"{name} is not at a minimum: its largest force is {force:.3f} eV/Å, and barriers start from it",
                )
            )
    return remarks


def _doubts(result: NEBResult) -> list[Remark]:
    remarks, profile = [], result.profile
    if result.highest in (0, len(result.images) - 1):
        which = "END" if result.highest else "START"
        remarks.append(
            Remark("no_barrier", f"no image is higher than {which}: there is no barrier, or too few images to see it")
        )
    if result.saddle is not None and result.saddle.n_negative != 1:
        remarks.append(
            Remark(
                "not_a_saddle",
                f"{result.saddle.n_negative} directions lead down from the highest image; a saddle has one. A lower "
                "path may exist, or the forces are not small enough (--fmax)",
            )
        )
    turns = result.turns_degrees
    if len(turns) and turns.max() > SHARP_DEGREES:
        shown = ", ".join(f"{k + 1} ({turns[k]:.0f}°)" for k in np.flatnonzero(turns > SHARP_DEGREES))
        remarks.append(
            Remark(
                "sharp_turns",
                f"the path turns sharply at image {shown}: images slide along a flat part. Energies of images are "
                "exact, the curve between them there is not; compute the parts before and after a minimum separately",
            )
        )
    place, depth = profile.deepest_minimum()
    if depth > VALLEY_EV:
        remarks.append(
            Remark(
                "intermediate_minimum",
                f"there is a minimum inside the path, {depth:.3f} eV deep, at {place:.2f} Å; compute the parts before "
                "and after it separately",
            )
        )
    worst = float(np.abs(profile.work - profile.energy).max())
    if worst > max(DISAGREEMENT_EV, DISAGREEMENT * float(np.ptp(profile.energy))):
        remarks.append(
            Remark(
                "forces_disagree",
                f"energies along the path and the work of the forces differ by up to {worst:.3f} eV: the forces are "
                "not the derivatives of the energy, or both vary much from one image to the next (--images)",
            )
        )
    return remarks
