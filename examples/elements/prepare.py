"""The training file of a model of one element: DFT frames, and a teacher's frames of lattices that those do not hold.

    python examples/elements/prepare.py Si --dft Si_train.extxyz --distilled train.extxyz --output Si.extxyz
    alignn-ff train examples/elements/silicon.json --from universal --data Si.extxyz --output Si

Of the frames that the teacher labelled, those are taken that consist of the element, are well above the lowest energy
(near it, DFT frames say more) and are not extreme. Their energies are moved by one number per atom, so that the lowest
of the teacher and the lowest of DFT agree: other pseudopotentials move the zero, by 0.17 eV for molybdenum.
``--denser`` takes those frames instead whose volume is below nine tenths of that of the DFT ground state: for silicon
and germanium, whose ground state the teacher underbinds. ``--without-stress`` leaves out the stresses of DFT frames, of
all or of a ``config_type``, where they are known to be off. ``--pulay`` corrects them instead, where they are off by
the same virial for every atom, which pulay.py measures; the teacher's are then left out. ``train.extxyz`` is what
examples/universal/prepare.py writes.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import iread, write

LOWEST_ABOVE_EV, HIGHEST_ABOVE_EV, LARGEST_FORCE, DENSER = 0.08, 3.0, 5.0, 0.9
TEACHER = "other phases (teacher)"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("element")
    parser.add_argument("--dft", type=Path, required=True, help="frames of the element, with config_type")
    parser.add_argument("--distilled", type=Path, nargs="+", required=True, help="frames labelled by the teacher")
    parser.add_argument("--denser", action="store_true", help="choose the teacher's frames by volume")
    parser.add_argument("--without-stress", nargs="*", help="config_type; without one, all DFT frames")
    parser.add_argument("--pulay", type=float, metavar="EV", help="add this virial per atom to the DFT stresses, eV")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    dft = list(iread(arguments.dft, ":"))
    if arguments.without_stress is not None:
        dft = [without_stress(a, arguments.without_stress) for a in dft]
    if arguments.pulay is not None:
        dft = [with_virial(a, arguments.pulay) for a in dft]
    ground = min(dft, key=per_atom)
    labelled = list(teacher(arguments.distilled, arguments.element))
    shift = per_atom(ground) - min(map(per_atom, labelled))
    seen: set[bytes] = set()
    chosen = []
    for atoms in [shifted(one, shift) for one in labelled]:
        content = atoms.get_positions().tobytes()
        if content not in seen and suits(atoms, ground, denser=arguments.denser):
            seen.add(content)
            atoms.info = {"config_type": TEACHER}
            chosen.append(atoms if arguments.pulay is None else without_stress(atoms, []))
    write(arguments.output, [*dft, *chosen], format="extxyz")
    print(f"{arguments.output}: {len(dft)} DFT frames, {len(chosen)} of the teacher, moved by {shift:+.4f} eV per atom")


def teacher(paths: list[Path], element: str) -> Iterator[Atoms]:
    """Frames that consist of an element."""
    for path in paths:
        yield from (
            atoms for atoms in iread(path, ":", format="extxyz") if set(atoms.get_chemical_symbols()) == {element}
        )


def suits(atoms: Atoms, ground: Atoms, *, denser: bool) -> bool:
    """Whether a frame of the teacher shows another phase, and nothing extreme."""
    above = per_atom(atoms) - per_atom(ground)
    relative = (atoms.get_volume() / len(atoms)) / (ground.get_volume() / len(ground))
    other = relative < DENSER if denser else above > LOWEST_ABOVE_EV
    return other and above < HIGHEST_ABOVE_EV and bool(np.abs(atoms.get_forces()).max() < LARGEST_FORCE)


def per_atom(atoms: Atoms) -> float:
    """Energy in eV per atom."""
    return float(atoms.get_potential_energy() / len(atoms))


def shifted(atoms: Atoms, shift: float) -> Atoms:
    """The frame with an energy that is larger by ``shift``, eV per atom."""
    results = {**atoms.calc.results, "energy": atoms.get_potential_energy() + shift * len(atoms)}
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def without_stress(atoms: Atoms, kinds: list[str]) -> Atoms:
    """The frame without its stress, if it is of one of the kinds; no kinds: any frame."""
    if kinds and atoms.info.get("config_type") not in kinds:
        return atoms
    results = {name: value for name, value in atoms.calc.results.items() if name != "stress"}
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def with_virial(atoms: Atoms, virial_eV: float) -> Atoms:
    """The frame with a stress that is larger by a virial per atom, eV; without a stress, the frame as it is."""
    if "stress" not in atoms.calc.results:
        return atoms
    stress = atoms.get_stress() + virial_eV * len(atoms) / atoms.get_volume() * np.array([1, 1, 1, 0, 0, 0])
    atoms.calc = SinglePointCalculator(atoms, **{**atoms.calc.results, "stress": stress})
    return atoms


if __name__ == "__main__":
    main()
