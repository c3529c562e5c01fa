"""The energy floor: no structure, however dense or odd, may lie below what the training data allow.

Data of a force field seldom hold lattices of high coordination, dense cells or random ones. There a network is free to
invent a minimum far below the ground state, into which relaxations and hot dynamics fall. What the energy of such a
structure is, nobody has computed; that it is not below the lowest energy that the data have for these elements, and
that compressing costs energy, is known. The floor teaches this inequality; a run that starts from a model may keep the
energies of that model instead.
"""
