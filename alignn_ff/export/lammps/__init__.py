"""Model files for ``pair_style alignn`` of LAMMPS, which runs them on the package's C++ kernels.

In: an ``alignn_smooth`` in memory. Out: one file with a header, the packed weights and their SHA-256.
"""

from alignn_ff.export.lammps.reach import network_reach

__all__ = ["network_reach"]
