"""Silicon with analytic potentials, whose properties are known: Stillinger–Weber and Tersoff (matscipy)."""

from ase import Atoms
from ase.build import bulk
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms import StillingerWeber, TersoffBrenner
from matscipy.calculators.manybody.explicit_forms.stillinger_weber import Stillinger_Weber_PRB_31_5262_Si
from matscipy.calculators.manybody.explicit_forms.tersoff_brenner import Tersoff_PRB_39_5566_Si_C

SW_LATTICE_A = 5.4310
"""Å, lattice constant of Stillinger–Weber silicon."""


def stillinger_weber() -> Manybody:
    """Phys. Rev. B 31, 5262 (1985)."""
    return Manybody(**StillingerWeber(Stillinger_Weber_PRB_31_5262_Si))


def tersoff() -> Manybody:
    """Phys. Rev. B 39, 5566 (1989)."""
    return Manybody(**TersoffBrenner(Tersoff_PRB_39_5566_Si_C))


def silicon(*, cubic: bool = False, lattice_A: float = SW_LATTICE_A) -> Atoms:
    """A diamond cell with the Stillinger–Weber calculator."""
    atoms = bulk("Si", cubic=cubic, a=lattice_A)
    atoms.calc = stillinger_weber()
    return atoms
