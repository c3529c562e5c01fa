"""Crystals of every element at an eighth to a third of its volume, as structures that are held above a floor.

    python examples/universal/dense.py dft/*.extxyz --output dense.extxyz
    alignn-ff train … --set floor_data=dense.extxyz

Volumes are those of the elements in the DFT frames. The generated structures of the floor end at two fifths.
"""

import argparse
from pathlib import Path
from typing import Final

from ase import Atoms
from ase.data import chemical_symbols
from ase.io import iread, write
from seeds import pool_of

from alignn_ff.train.floor.structures import lattice

LATTICES: Final = ("fcc", "bcc", "simple cubic", "diamond")
RELATIVE: Final = (0.12, 0.17, 0.24, 0.33)
SMALLEST_A3: Final = 2.2


def main() -> None:
    """Write the structures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="+", help="DFT frames with forces and stress, extended XYZ")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    pool = pool_of([atoms for path in arguments.frames for atoms in iread(path, ":")], [])
    found = [
        lattice(name, [chemical_symbols[number]], relative * volume)
        for number, volume in pool.volumes.items()
        for relative in RELATIVE
        for name in LATTICES
        if relative * volume >= SMALLEST_A3
    ]
    write(arguments.output, [Atoms(a.numbers, a.positions, cell=a.cell, pbc=True) for a in found], format="extxyz")
    print(f"{arguments.output}: {len(found)} structures of {len(pool.volumes)} elements")


if __name__ == "__main__":
    main()
