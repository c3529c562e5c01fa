"""Model files for ``pair_style alignn`` of LAMMPS, which runs them on the package's C++ kernels.

In: an ``alignn_smooth`` in memory. Out: one file with a header, the packed weights and their SHA-256.
"""

from alignn_ff.export.lammps.reach import reach_A

__all__ = ["reach_A"]
