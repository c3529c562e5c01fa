"""Which ensembles are valid for which structures; an ensemble that would give wrong results is an error."""

import logging
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.cells import ADD_VACUUM, VACUUM_A, empty_axes, volume_A3
from alignn_ff.errors import ConfigError
from alignn_ff.md.ensembles.barostats import moving_axes
from alignn_ff.md.ensembles.stage import Stage
from alignn_ff.md.ensembles.table import ENSEMBLES, Ensemble, special_settings

log = logging.getLogger(__name__)

Refusal = str | None


def admit(stages: Iterable[Stage], atoms: Atoms) -> None:
    """Check that every stage can run on a structure.

    Raises:
        ConfigError: a stage sets a field that its ensemble does not read, or its ensemble is not valid for the
            constraints, periodicity, cell or temperature.
    """
    stages = tuple(stages)
    for number, stage in enumerate(stages, start=1):
        where = f"stage {number}: " if len(stages) > 1 else ""
        reason = unread_settings(stage) or refusal(stage, atoms)
        if reason is not None:
            raise ConfigError(where + reason)


def warn_of_vacuum(stages: Iterable[Stage], atoms: Atoms) -> None:
    """Warn if a barostat would change a vacuum, as in a slab whose file has periodicity in all directions."""
    for stage in stages:
        if not ENSEMBLES[stage.ensemble].motions:
            continue
        moving = moving_axes(atoms, stage) if stage.cell_motion == "axes" else (True, True, True)
        empty = empty_axes(atoms, moving)
        if empty:
            solid = "".join(name for name in "abc" if name not in empty)
            log.warning(
                "the cell is empty over more than %g Å along %s, and the ensemble %r changes that vacuum; %s",
                VACUUM_A,
                " and ".join(empty),
                stage.ensemble,
                f"to keep it, use npt_mtk with cell_motion axes and cell_axes {solid}" if solid else "use nvt_bussi",
            )
            return


def unread_settings(stage: Stage) -> Refusal:
    """The message if a stage sets fields that its ensemble does not read, else None."""
    unread = stage.model_fields_set & (special_settings() - ENSEMBLES[stage.ensemble].reads)
    if not unread:
        return None
    readers = ", ".join(name for name, ensemble in ENSEMBLES.items() if unread <= ensemble.reads)
    return f"the ensemble {stage.ensemble!r} does not read {', '.join(sorted(unread))}; leave it out" + (
        f", or choose {readers}" if readers else ""
    )


def refusal(stage: Stage, atoms: Atoms) -> Refusal:
    """Why a stage is not valid for a structure and which ensembles are, or None."""
    for check in CHECKS:
        reason = check(stage, ENSEMBLES[stage.ensemble], atoms)
        if reason is not None:
            return f"the ensemble {stage.ensemble!r} {reason}; {_what_works(stage, atoms)}"
    return None


def _what_works(stage: Stage, atoms: Atoms) -> str:
    def works(name: str) -> bool:
        other = stage.model_copy(update={"ensemble": name})
        return all(check(other, ENSEMBLES[other.ensemble], atoms) is None for check in CHECKS)

    fitting = [name for name in ENSEMBLES if works(name)]
    return f"valid here: {', '.join(fitting)}" if fitting else "no ensemble is valid here; correct this first"


def _constraints(stage: Stage, ensemble: Ensemble, atoms: Atoms) -> Refusal:  # noqa: ARG001
    if ensemble.constraints is None:
        return None
    given = {type(constraint).__name__ for constraint in atoms.constraints}
    foreign = given - ensemble.constraints
    if foreign and ensemble.motions:
        return f"moves all atoms with the cell, so it cannot keep the constraint(s) {', '.join(sorted(foreign))}"
    if foreign:
        obeyed = ", ".join(sorted(ensemble.constraints))
        return f"cannot keep the constraint(s) {', '.join(sorted(foreign))}, only {obeyed}"
    if "FixScaled" in given and not _rectangular(atoms):
        return (
            "cannot keep fractional coordinates fixed (FixScaled, selective dynamics) in a cell that is not rectangular"
        )
    return None


def _freedom(stage: Stage, ensemble: Ensemble, atoms: Atoms) -> Refusal:  # noqa: ARG001
    if ensemble.thermostat and ensemble.freedom(atoms).n_dof == 0:
        return "has nothing to thermostat: no atom of this structure can move relative to the others"
    return None


def _temperature(stage: Stage, ensemble: Ensemble, atoms: Atoms) -> Refusal:  # noqa: ARG001
    points = stage.temperature_K if isinstance(stage.temperature_K, tuple) else (stage.temperature_K,)
    if not ensemble.thermostat and "temperature_K" in stage.ramps:
        return "has no thermostat, so its temperature cannot be a ramp"
    if not ensemble.cold and min(points) <= 0:
        return f"needs temperatures above 0 K, not {min(points):g}"
    return None


def _cell(stage: Stage, ensemble: Ensemble, atoms: Atoms) -> Refusal:
    if not ensemble.motions:
        return None
    if stage.cell_motion not in ensemble.motions:
        return f"accepts cell_motion {' or '.join(ensemble.motions)}, not {stage.cell_motion}"
    if stage.cell_motion != "axes":
        if stage.cell_axes is not None:
            return f"reads cell_axes only with cell_motion axes, not with {stage.cell_motion}"
        if not atoms.pbc.all():
            return (
                f"with cell_motion {stage.cell_motion} needs a structure that is periodic in all directions, not pbc "
                f"{atoms.pbc.tolist()} (cell_motion axes moves the periodic axes of a slab or wire)"
            )
    if volume_A3(atoms) is None:
        return f"needs a cell with a volume; {ADD_VACUUM}"
    return _axes(stage, atoms) if stage.cell_motion == "axes" else None


def _axes(stage: Stage, atoms: Atoms) -> Refusal:
    moving = np.array(moving_axes(atoms, stage))
    if not moving.any():
        return "has no periodic axis to move"
    if (moving & ~atoms.pbc).any():
        return f"would change an axis that is not periodic (cell_axes {stage.cell_axes}, pbc {atoms.pbc.tolist()})"
    if not _rectangular(atoms):
        return (
            "changes the axes of rectangular cells only, and this cell has angles "
            f"{', '.join(f'{angle:.1f}' for angle in atoms.cell.angles())}°; make a rectangular supercell "
            "(ASE: make_supercell)"
        )
    points = stage.pressure_GPa if isinstance(stage.pressure_GPa, tuple) else (stage.pressure_GPa,)
    if not atoms.pbc.all() and any(points):
        return "cannot apply a pressure to a slab or wire, whose cell contains vacuum; set pressure_GPa to 0"
    return None


def _rectangular(atoms: Atoms) -> bool:
    """Whether all lattice vectors that are not zero are at right angles."""
    gram = atoms.cell.array @ atoms.cell.array.T
    lengths = np.sqrt(np.diag(gram))
    off = np.abs(gram - np.diag(np.diag(gram)))
    return bool((off <= 1e-6 * np.outer(lengths, lengths) + 1e-12).all())


CHECKS: Final[tuple[Callable[[Stage, Ensemble, Atoms], Refusal], ...]] = (_constraints, _cell, _temperature, _freedom)
