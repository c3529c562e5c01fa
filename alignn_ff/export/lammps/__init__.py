"""Model files for ``pair_style alignn`` of LAMMPS, which runs them on the package's C++ kernels.

In: an ``alignn_smooth`` in memory. Out: one file with a header, the packed weights and their SHA-256, and an example
beside it.
"""
