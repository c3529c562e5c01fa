"""Training files of a model of several elements and their alloys, from DFT frames that hold one lattice only.

    python examples/alloys/prepare.py origins MoNbTaW_train.extxyz dft.extxyz
    python examples/alloys/prepare.py lattices dft.extxyz second.extxyz --run first --distilled train.extxyz

``origins`` marks the relaxed and the unrelaxed cell of one decoration of the bcc lattice with the same ``origin``, so
that both are in one fold (``keep_together``). ``lattices`` adds what the DFT frames do not hold: frames of a teacher,
and lattices of each element from half to twice the volume labelled by ``universal``; a tenth of each is held out. Their
energies are moved by one number per atom of each element, so that the lowest energies agree. ``first`` is the training
on ``dft.extxyz``, whose split is kept: training frames first, then those held out, and both numbers are printed.
``train.extxyz`` is what examples/universal/prepare.py writes.
"""

import argparse
import json
import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import iread, write

from alignn_ff import load_potential
from alignn_ff.train.floor.structures import LATTICES, lattice

LOWEST_ABOVE_EV, HIGHEST_ABOVE_EV, LARGEST_FORCE = 0.08, 3.0, 5.0
RELATIVE_VOLUMES = np.geomspace(0.45, 2.3, 22)
HIGHEST_LATTICE_EV = 8.0


def main() -> None:
    """Write a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("origins", "lattices"))
    parser.add_argument("dft", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--run", type=Path, help="training on the DFT frames; lattices only")
    parser.add_argument("--distilled", type=Path, nargs="+", help="frames labelled by the teacher; lattices only")
    arguments = parser.parse_args()
    frames = list(iread(arguments.dft, ":"))
    if arguments.what == "origins":
        for atoms in frames:
            atoms.info["origin"] = origin(atoms)
        write(arguments.output, frames, format="extxyz")
        return
    split = json.loads((arguments.run / "ids_train_val_test.json").read_text())
    training, held_out = ([frames[int(name.rpartition(":")[2])] for name in split[part]] for part in ("train", "val"))
    for added in (of_teacher(frames, arguments.distilled), of_universal(frames)):
        random.Random(2).shuffle(added)
        held_out += added[: len(added) // 10]
        training += added[len(added) // 10 :]
    write(arguments.output, training + held_out, format="extxyz")
    print(f"--set n_train={len(training)} --set n_val={len(held_out)}")


def origin(atoms: Atoms) -> str:
    """Decoration of the lattice by elements; for a frame of another kind its own name."""
    source = str(atoms.info["source"])
    if "_SS_" not in source:
        return source
    sites = np.round(4.0 * atoms.get_scaled_positions()) % 4
    return source.split("_")[0] + "-" + "".join(atoms.symbols[k] for k in np.lexsort(sites.T))


def lowest(frames: Iterable[Atoms]) -> dict[str, float]:
    """The lowest energy of each element, eV per atom."""
    found: dict[str, float] = {}
    for atoms in frames:
        if len(set(atoms.symbols)) == 1:
            element = atoms.symbols[0]
            found[element] = min(found.get(element, np.inf), atoms.get_potential_energy() / len(atoms))
    return found


def of_teacher(dft: list[Atoms], paths: list[Path]) -> list[Atoms]:
    """Frames of the teacher that are neither near the lowest energy nor extreme."""
    ground = lowest(dft)
    labelled = [
        atoms for path in paths for atoms in iread(path, ":", format="extxyz") if set(atoms.symbols) <= set(ground)
    ]
    theirs, chosen, seen = lowest(labelled), list[Atoms](), set[bytes]()
    for atoms in labelled:
        above = atoms.get_potential_energy() - sum(theirs[element] for element in atoms.symbols)
        extreme = np.abs(atoms.get_forces()).max() >= LARGEST_FORCE
        content = atoms.positions.tobytes()
        if content in seen or extreme or not LOWEST_ABOVE_EV < above / len(atoms) < HIGHEST_ABOVE_EV:
            continue
        seen.add(content)
        energy = above + sum(ground[element] for element in atoms.symbols)
        chosen.append(labelled_as(atoms, "other phases (teacher)", energy, atoms.get_forces(), atoms.get_stress()))
    return chosen


def of_universal(dft: list[Atoms]) -> list[Atoms]:
    """Lattices of each element, labelled by ``universal``."""
    potential, chosen = load_potential("universal", dtype="float64"), list[Atoms]()
    for element, ground in lowest(dft).items():
        bcc = min(
            (atoms for atoms in dft if set(atoms.symbols) == {element}), key=lambda a: a.get_potential_energy() / len(a)
        )
        volume = bcc.get_volume() / len(bcc)
        near = [lattice("bcc", [element], volume * scale) for scale in np.linspace(0.94, 1.06, 61)]
        energies = [found.energy / len(atoms) for found, atoms in zip(potential.predict(near), near, strict=True)]
        for kind in LATTICES:
            for scale in RELATIVE_VOLUMES if kind != "bcc" else ():
                atoms = lattice(kind, [element], volume * scale)
                found = potential.predict([atoms])[0]
                above = found.energy / len(atoms) - min(energies)
                if above < HIGHEST_LATTICE_EV:
                    energy = (above + ground) * len(atoms)
                    chosen.append(labelled_as(atoms, "lattices (universal)", energy, found.forces, found.stress))
    return chosen


def labelled_as(atoms: Atoms, kind: str, energy: float, forces: np.ndarray, stress: np.ndarray) -> Atoms:
    """The structure with labels, eV, eV/Å and eV/Å³."""
    frame = atoms.copy()
    frame.info = {"config_type": kind}
    frame.calc = SinglePointCalculator(frame, energy=float(energy), forces=forces, stress=stress)
    return frame


if __name__ == "__main__":
    main()
