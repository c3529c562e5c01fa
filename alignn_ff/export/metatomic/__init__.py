"""metatomic: a force field as one ``.pt`` file for LAMMPS, i-PI, ASE, GROMACS and other programs that read such files.

In: a force field in memory. Out: an ``AtomisticModel`` of metatomic, whose energies a program differentiates by
itself. Needs the package metatomic-torch.
"""
