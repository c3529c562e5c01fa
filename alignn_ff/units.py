"""The one list of units: internals are eV, Å, amu, and ASE's time unit; users see fs, K, GPa, meV."""

from typing import Final

GPA_PER_EV_PER_A3: Final = 160.21766208
"""Multiply a stress in eV/Å³ by this to get GPa (CODATA 2014, as in the published ALIGNN)."""

J_PER_M2_PER_EV_PER_A2: Final = GPA_PER_EV_PER_A3 / 10.0
"""Multiply a surface energy in eV/Å² by this to get J/m²."""

MEV_PER_EV: Final = 1000.0

KJ_PER_MOL_PER_EV: Final = 96.48533212331
"""kJ/mol of 1 eV per particle (CODATA 2018)."""

J_PER_MOL_PER_EV: Final = 1000.0 * KJ_PER_MOL_PER_EV
"""J/mol of 1 eV per particle; also J/K/mol of 1 eV/K."""

GAS_CONSTANT_J_PER_K_PER_MOL: Final = 8.31446261815324
"""R (CODATA 2018)."""

BOLTZMANN_EV_PER_K: Final = 8.617333262e-5
"""k (CODATA 2018)."""

KELVIN_PER_THZ: Final = 47.99243073366221
"""h/k (CODATA 2018)."""

COULOMB_EV_A: Final = 14.399645478
"""e²/(4πε₀) in eV·Å (CODATA 2018)."""

BOHR_A: Final = 0.529177210903
"""Bohr radius in Å (CODATA 2018)."""
