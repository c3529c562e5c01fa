"""The start of a run: the supercell and its velocities."""

import logging
from typing import Final

import numpy as np
from ase import Atoms
from ase.md.velocitydistribution import thermalize_momenta

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.kinetics import Freedom, freedom, stop_rotation, stop_translation, temperature
from alignn_ff.md.config import MDConfig
from alignn_ff.md.ensembles.table import ENSEMBLES

log = logging.getLogger(__name__)

AT_REST_EV_PER_A: Final = 0.05
"""Largest force of a structure that counts as a minimum; at 300 K forces are ten times larger."""


def starting_atoms(atoms: Atoms, config: MDConfig, rng: np.random.Generator) -> Atoms:
    """A new structure, repeated and with momenta.

    Raises:
        StructureError: the structure would be repeated along an axis that is not periodic.
        ConfigError: the velocities of the structure are to be kept, but there are none.
    """
    start = repeated(atoms, config.supercell)
    if config.keep_velocities and not atoms.has("momenta"):
        raise ConfigError(
            "the velocities of the structure are to be kept, but it has none; "
            "leave out --keep-velocities to draw them at --temperature"
        )
    first = config.schedule[0]
    target_K = first.targets(0).temperature_K
    if not config.keep_velocities:
        draw_velocities(start, target_K, rng)
    if config.exact_temperature:
        rescale_velocities(start, target_K, ENSEMBLES[first.ensemble].freedom(start))
    return start


def warn_of_minimum(start: Atoms, config: MDConfig) -> None:
    """Warn where half of the drawn kinetic energy will become potential energy, and no thermostat gives it back.

    Args:
        start: the first structure, with its calculator.
        config: of the run.
    """
    first, target_K = config.schedule[0], config.schedule[0].targets(0).temperature_K
    if config.keep_velocities or ENSEMBLES[first.ensemble].thermostat or not target_K > 0:
        return
    largest = float(np.abs(start.get_forces()).max())
    if largest < AT_REST_EV_PER_A:
        log.warning(
            "the structure is at a minimum (largest force %.3f eV/Å) and %s has no thermostat: half of the kinetic "
            "energy becomes potential energy, so the run settles near %g K; draw at %g K, or begin with a thermostat",
            *(largest, first.ensemble, target_K / 2, 2 * target_K),
        )


def repeated(atoms: Atoms, repeats: tuple[int, int, int]) -> Atoms:
    """Copy of a structure, repeated along its lattice vectors, with constraints and momenta."""
    for axis, (count, periodic) in enumerate(zip(repeats, atoms.pbc, strict=True)):
        if count > 1 and not periodic:
            raise StructureError(
                f"the supercell {','.join(map(str, repeats))} repeats lattice vector {axis + 1}, along which the "
                f"structure is not periodic (pbc {atoms.pbc.tolist()}); use 1 there"
            )
    if repeats == (1, 1, 1):
        return _without_calculator(atoms.copy())
    try:
        return _without_calculator(atoms.repeat(repeats))
    except NotImplementedError:
        names = sorted({type(constraint).__name__ for constraint in atoms.constraints})
        raise StructureError(
            f"a structure with the constraint(s) {', '.join(names)} cannot be repeated; make the supercell first, then "
            "add the constraints"
        ) from None


def _without_calculator(atoms: Atoms) -> Atoms:
    atoms.calc = None
    return atoms


def draw_velocities(atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> None:
    """Draw momenta from the Maxwell–Boltzmann distribution, in place.

    The total momentum is removed and, for molecules and wires, the angular momentum that the dynamics would conserve.
    The kinetic energy is not rescaled: it fluctuates as in the canonical ensemble. The momenta obey the constraints.
    With constraints the total momentum is not conserved, so it is not removed.
    """
    thermalize_momenta(atoms, temperature_K, rng=rng)
    conserved = freedom(atoms, conserves_momentum=True, conserves_rotation=True)
    if conserved.translation:
        stop_translation(atoms)
    if conserved.rotation:
        stop_rotation(atoms)


def rescale_velocities(atoms: Atoms, temperature_K: float, counted: Freedom) -> None:
    """Rescale the velocities to exactly a temperature, in place.

    Raises:
        ConfigError: all velocities are zero.
    """
    present = temperature(atoms, counted)
    if temperature_K > 0 and present == 0:
        raise ConfigError(f"velocities that are all zero cannot be rescaled to {temperature_K:g} K")
    atoms.set_momenta(atoms.get_momenta() * np.sqrt(temperature_K / present) if present else atoms.get_momenta())
