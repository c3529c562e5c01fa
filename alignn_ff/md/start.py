"""The first instant of a run: the supercell, its velocities, and what counts as temperature."""

import numpy as np
from ase import Atoms, units
from ase.md.velocitydistribution import thermalize_momenta

from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.md.config import MDConfig


def starting_atoms(atoms: Atoms, config: MDConfig, rng: np.random.Generator) -> Atoms:
    """A new structure: repeated and with momenta, ready for an integrator.

    Raises:
        StructureError: repeated along an axis that is not periodic.
        ConfigError: the velocities of the structure are to be kept, but there are none.
    """
    start = repeated(atoms, config.supercell)
    if not config.keep_velocities:
        draw_velocities(start, config.temperature_K, rng)
    elif not atoms.has("momenta"):
        raise ConfigError(
            "the velocities of the structure are to be kept, but it has none; "
            "leave out --keep-velocities to draw them at --temperature"
        )
    return start


def repeated(atoms: Atoms, repeats: tuple[int, int, int]) -> Atoms:
    """Copy of a structure, repeated along its lattice vectors; constraints and momenta are repeated too."""
    for axis, (count, periodic) in enumerate(zip(repeats, atoms.pbc, strict=True)):
        if count > 1 and not periodic:
            raise StructureError(
                f"the supercell {','.join(map(str, repeats))} repeats lattice vector {axis + 1}, along which the "
                f"structure is not periodic (pbc {atoms.pbc.tolist()}); use 1 there"
            )
    supercell: Atoms = atoms.repeat(repeats)
    supercell.calc = None
    return supercell


def draw_velocities(atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> None:
    """Draw momenta from the Maxwell–Boltzmann distribution, in place, with zero total momentum.

    The kinetic energy is not rescaled: it fluctuates as it does in the canonical ensemble. Constrained atoms
    get what their constraints allow; the total momentum then is not conserved anyway and stays as drawn.
    """
    thermalize_momenta(atoms, temperature_K, rng=rng)
    if not atoms.constraints:
        masses = atoms.get_masses()
        momenta = atoms.get_momenta()
        atoms.set_momenta(momenta - masses[:, None] * (momenta.sum(axis=0) / masses.sum()))


def kinetic_temperature(atoms: Atoms, *, conserves_momentum: bool) -> float:
    """Temperature in K of the kinetic energy, 2K/(n_dof·k_B); 0 where nothing can move.

    Where the total momentum is conserved, the centre of mass does not take part: neither its energy nor its
    three degrees of freedom count.
    """
    n_dof = atoms.get_number_of_degrees_of_freedom()
    kinetic = atoms.get_kinetic_energy()
    if conserves_momentum and not atoms.constraints:
        n_dof -= 3
        total = atoms.get_momenta().sum(axis=0)
        kinetic -= 0.5 * float(total @ total) / float(atoms.get_masses().sum())
    return 2.0 * kinetic / (n_dof * units.kB) if n_dof > 0 else 0.0
