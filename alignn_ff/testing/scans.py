"""Structures that a parameter moves through a threshold: an atom across a cutoff, a bond angle across 0° or 180°."""

import numpy as np
from ase import Atoms

from alignn_ff.potential import Potential
from alignn_ff.testing.structures import BOND_A


def crossing_atom(potential: Potential, distance_A: float) -> Atoms:
    """Two bonded pairs; the last atom lies ``distance_A`` from the first, and no other pair is near a cutoff."""
    elements = potential.header.elements
    x = distance_A
    positions = [[0, 0, 0], [-0.8, 1.3, 1.0], [0.6 * x, 2.1, 0.4], [x + 0.8, -0.1, 1.7], [x, 0, 0]]
    atoms = Atoms([elements[i % len(elements)] for i in range(5)], positions)
    distances = atoms.get_all_distances()
    distances[0, 4] = distances[4, 0] = 0.0
    recipe = potential.header.graph
    for reach in (recipe.cutoff, recipe.line_cutoff):
        assert np.abs(distances - reach).min() > 0.03, "the scan would cross a cutoff twice"
    return atoms


def bent_chain(potential: Potential, angle: float, offset_A: float) -> Atoms:
    """Three atoms at 0° or 180°, the third moved across the line, and a fourth one off the line."""
    elements = potential.header.elements
    bond = 0.45 * potential.header.graph.line_cutoff if angle == 0.0 else BOND_A
    third = 2.0 * bond if angle == 0.0 else -bond
    positions = [[bond, 0, 0], [0, 0, 0], [third, offset_A, 0], [0.4, -0.3, 2.3]]
    return Atoms([elements[i % len(elements)] for i in range(4)], positions)
