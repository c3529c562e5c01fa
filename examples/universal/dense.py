"""Crystals of elements at an eighth to a third of their volume, as structures that are held above a floor.

    python examples/universal/dense.py dft/*.extxyz --output dense.extxyz
    alignn-ff train … --set floor_data=dense.extxyz

Volumes are those of the elements in the DFT frames. The generated structures of the floor end at two fifths. Below
2.2 Å³ per atom, a fifth of the volume of iron, there is none: more than 230 neighbours are within 5 Å there.
"""

import argparse
from pathlib import Path
from typing import Final

from ase import Atoms
from ase.data import chemical_symbols
from ase.io import iread, write
from seeds import pool_of

from alignn_ff.train.floor.structures import lattice

KINDS: Final = ("fcc", "bcc", "simple cubic", "diamond")
RELATIVE: Final = (0.12, 0.17, 0.24, 0.33)
DENSEST_A3: Final = 2.2


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
        for name in KINDS
        if relative * volume >= DENSEST_A3
    ]
    write(arguments.output, [Atoms(a.numbers, a.positions, cell=a.cell, pbc=True) for a in found], format="extxyz")
    dense = {atoms.get_chemical_symbols()[0] for atoms in found}
    left_out = [chemical_symbols[z] for z in pool.volumes if chemical_symbols[z] not in dense]
    without = f"none of {', '.join(left_out)}" if left_out else "which are all"
    print(f"{arguments.output}: {len(found)} structures of {len(dense)} elements, {without}")


if __name__ == "__main__":
    main()
