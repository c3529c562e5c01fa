"""Whether a time step can follow the vibrations of a structure, judged by its lightest atoms.

An O–H bond has a period of 9 fs, for which a step of 1 fs is usual. The frequency of a bond of the same stiffness
falls with the square root of the mass, so √(m/1.008 u) fs is usual for a lightest atom of mass m: 3.5 fs for C, 5.3 fs
for Si. Verlet's method is unstable beyond a third of the shortest period, which is about three times the usual step.
"""

import logging
from collections.abc import Iterable
from typing import Final

import numpy as np
from ase import Atoms

from alignn_ff.errors import ConfigError
from alignn_ff.md.ensembles.stage import Stage

log = logging.getLogger(__name__)

HYDROGEN_U: Final = 1.008
DOUBTFUL: Final = 1.5
"""Time steps above this multiple of the usual one get a warning; they suit soft structures only."""
HOPELESS: Final = 8.0
"""No structure is soft enough for time steps above this multiple."""


def usual_timestep_fs(atoms: Atoms) -> float:
    """Longest usual time step of a structure, fs."""
    return float(np.sqrt(atoms.get_masses().min() / HYDROGEN_U))


def check_timesteps(stages: Iterable[Stage], atoms: Atoms) -> None:
    """Refuse a time step that cannot work, and warn of one that is probably too long.

    Raises:
        ConfigError: a stage has a time step that is too long for any structure with such light atoms.
    """
    usual = usual_timestep_fs(atoms)
    lightest = atoms.symbols[int(np.argmin(atoms.get_masses()))]
    longest = max(stage.timestep_fs for stage in stages)
    advice = (
        f"up to {usual:.1f} fs is usual with {lightest} as the lightest element; use --timestep {_rounded(usual):g}"
    )
    if longest > HOPELESS * usual:
        raise ConfigError(f"a time step of {longest:g} fs is longer than the vibrations of the atoms: {advice}")
    if longest > DOUBTFUL * usual:
        log.warning("a time step of %g fs may be too long: %s if the energy drifts", longest, advice)


def _rounded(usual_fs: float) -> float:
    """A half of the usual longest step, on a tenth of a femtosecond."""
    return max(0.1, round(0.5 * usual_fs, 1))
