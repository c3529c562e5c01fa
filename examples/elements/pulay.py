"""The virial per atom by which the stresses of DFT frames are off the slope of their energies.

    python examples/elements/pulay.py Cu_train.extxyz

A plane-wave basis of constant energy makes the energy of a cell depend on its volume in a way that the stress, taken at
a constant number of waves, does not have: the Pulay stress, nearly the same virial for every atom (G. P. Francis and
M. C. Payne, J. Phys.: Condens. Matter 2, 4395 (1990)). The frames (``config_type=Elastic``) are a crystal stretched
along one axis of its cubic cell; their stress is integrated along the strain, and what the energies have beside this
integral is a constant virial times the logarithm of the stretch.
"""

import argparse

import numpy as np
from ase.io import iread
from numpy.typing import NDArray

LARGEST_STRAIN, DEGREE, FEWEST = 0.06, 5, 4


def main() -> None:
    """Print the virial along each axis."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", help="DFT frames of a crystal of cubic cells, with config_type")
    path = parser.parse_args().frames
    frames = [atoms for atoms in iread(path, ":") if atoms.info.get("config_type") == "Elastic"]
    if not frames:
        parser.error(f"{path} has no frame with config_type=Elastic")
    cells = np.array([atoms.cell.array for atoms in frames])
    edge = float(np.median(np.diagonal(cells, axis1=1, axis2=2)))
    energies = np.array([atoms.get_potential_energy() for atoms in frames])
    stresses = np.array([atoms.get_stress(voigt=False) for atoms in frames])
    for axis in range(3):
        stretch = cells[:, axis, axis] / edge
        rest = cells / edge - np.eye(3)
        rest[:, axis, axis] = 0.0
        chosen = (np.abs(rest).max(axis=(1, 2)) < 1e-4) & (np.abs(stretch - 1.0) < LARGEST_STRAIN)
        if chosen.sum() < FEWEST:
            parser.error(f"{path} has {chosen.sum()} cubic cells stretched along axis {axis} only; {FEWEST} are needed")
        n_atoms = len(frames[int(np.argmax(chosen))])
        found = virial(stretch[chosen], energies[chosen], stresses[chosen, axis, axis], edge**3) / n_atoms
        print(f"axis {axis}: {int(chosen.sum())} frames, {found:+.4f} eV per atom")


def virial(
    stretch: NDArray[np.float64], energies: NDArray[np.float64], stresses: NDArray[np.float64], volume_A3: float
) -> float:
    """The virial that energies have beside the work of stresses, eV.

    Args:
        stretch: (n,) length relative to the unstretched one, across which the cell stays as it is.
        energies: (n,) eV.
        stresses: (n,) along the stretch, eV/Å³, tension positive.
        volume_A3: of the unstretched cell.
    """
    work = np.polyint(np.polyfit(stretch - 1.0, stresses, min(DEGREE, len(stretch) - 2)))
    beside = energies - volume_A3 * np.polyval(work, stretch - 1.0)
    return float(np.polyfit(np.log(stretch), beside, 1)[0])


if __name__ == "__main__":
    main()
