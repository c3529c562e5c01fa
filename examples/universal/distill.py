"""Make structures of many elements, and label them by a teacher: CHGNet.

    pip install -r examples/universal/requirements.txt
    python examples/universal/distill.py dft/*.extxyz --output distilled --chunks 0:330

Each chunk is a file, ``chunk-00000.extxyz.gz``, made from a generator of its own: seeds are the same on every
machine, and a chunk that is there is left alone. So a killed run costs one chunk, the same command continues, and
several processes or machines can share the chunks. A chunk of 60 seeds is about 400 frames and takes minutes.

Each seed is relaxed for four steps of ions and cell, all of which are kept (``config_type=relaxing``, at the end
``relaxed``), and distorted twice from there (``distorted``). Frames of one chunk share seeds, and ``chunk=`` names it:
split by chunk or by formula, never by frame.

Most of the time is the teacher's. With ``--relaxed-by universal`` a model of alignn-ff relaxes the seeds (eight
steps), and the teacher labels the end and one distortion only, a quarter of the frames. ``--most-atoms`` lets seeds be
made from larger DFT frames, and ``--hold-out`` keeps the structures of held-out formulas out of them. Chunks follow
from such options too: give other options another folder.
"""

import argparse
import gzip
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress
from numpy.typing import NDArray
from seeds import LARGE, MOST_ATOMS, SHARES, SMALL, Pool, distorted, draw_seed, is_sane, pool_of, shares_with

from alignn_ff import AlignnCalculator
from alignn_ff.errors import ElementNotCoveredError, NotFiniteError, StructureError
from alignn_ff.io import atomic_write, iterate_structures, parse_index

SEED: Final = 20261128
SEEDS_PER_CHUNK: Final = 60
RELAXATION_STEPS: Final = 4
STEPS_OF_A_MODEL: Final = 8
DISTORTIONS: Final = 2
LARGEST_FORCE_EV_PER_A: Final = 10.0
STEP_A2_PER_EV, LONGEST_STEP_A = 0.06, 0.15
"""Displacement per force, and the longest one."""
STRAIN_PER_STRESS_A3_PER_EV, LARGEST_STRAIN = 0.9, 0.035
"""Strain per stress, which shrinks a cell under tension, and the largest one."""


class Labels(NamedTuple):
    """Labels of a structure: energy in total (eV), forces (eV/Å), stress (3, 3) (eV/Å³, tension positive)."""

    energy: float
    forces: NDArray[np.float64]
    stress: NDArray[np.float64]


Label = Callable[[Sequence[Atoms]], list[Labels | None]]
"""Labels of structures; None where there are none."""


class Recipe(NamedTuple):
    """How a chunk is made of seeds.

    Attributes:
        label: the teacher.
        shares: kind of seed → how often it is drawn.
        relax: relaxes in place of the teacher, which then labels the end and one distortion; None: the teacher does.
    """

    label: Label
    shares: Mapping[str, float] = SHARES
    relax: Label | None = None


def main() -> None:
    """Make the chunks."""
    arguments = parse()
    from teacher import Teacher, aflow_prototypes

    frames = [atoms for path in arguments.frames for atoms in iterate_structures(path)]
    held_out = arguments.hold_out.read_text(encoding="utf-8").split() if arguments.hold_out else ()
    pool = pool_of(frames, aflow_prototypes(), most_atoms=arguments.most_atoms, held_out=held_out)
    print(f"{len(pool.calm)} frames, {len(pool.prototypes)} prototypes, {len(pool.volumes)} elements", flush=True)
    relax = None if arguments.relaxed_by is None else labels_of_model(arguments.relaxed_by)
    recipe = Recipe(Teacher(arguments.threads), shares_with(arguments.substituted), relax)
    for line in make_chunks(pool, recipe, arguments.output, arguments.chunks):
        print(line, flush=True)


def make_chunks(pool: Pool, recipe: Recipe, folder: Path, chunks: range) -> Iterator[str]:
    """Make the chunks that are not there yet; a line for each.

    Args:
        pool: of seeds.
        recipe: how seeds become frames.
        folder: that the files go to.
        chunks: numbers of the chunks.
    """
    for chunk in chunks:
        path = folder / f"chunk-{chunk:05d}.extxyz.gz"
        if path.exists():
            yield f"{path}: there already"
            continue
        started, frames = time.monotonic(), frames_of_chunk(pool, recipe, chunk)
        with atomic_write(path) as temporary:
            temporary.write_bytes(packed(frames))
        n_atoms = sum(map(len, frames))
        yield f"{path}: {len(frames)} frames, {n_atoms} atoms, {time.monotonic() - started:.0f} s"


def frames_of_chunk(pool: Pool, recipe: Recipe, chunk: int) -> list[Atoms]:
    """The labelled frames of a chunk, which follow from its number and the recipe."""
    random = np.random.default_rng([SEED, chunk])
    seeds, found = list(_seeds(random, pool, recipe.shares)), list[Atoms]()

    def take(structures: Sequence[Atoms], kind: str) -> list[tuple[Atoms, Labels]]:
        usable = _labelled(recipe.label, structures)
        found.extend(_frame(atoms, labels, kind, chunk) for atoms, labels in usable)
        return usable

    if recipe.relax is None:
        alive = _relaxed(seeds, RELAXATION_STEPS, lambda structures: take(structures, "relaxing"))
        n_distortions = DISTORTIONS
    else:
        student = recipe.relax
        alive = _relaxed(seeds, STEPS_OF_A_MODEL, lambda structures: _labelled(student, structures))
        n_distortions = 1
    ends = [distorted(random, atoms, LARGE) for atoms in alive for _ in range(n_distortions)]
    take([atoms for atoms in ends if is_sane(atoms)], "distorted")
    take(alive, "relaxed")
    return found


def labels_of_model(name: str) -> Label:
    """What a model of alignn-ff predicts of structures; None where it refuses one."""
    calculator = AlignnCalculator(name, outside="ignore")

    def label(structures: Sequence[Atoms]) -> list[Labels | None]:
        return [_predicted(calculator, atoms) for atoms in structures]

    return label


def relaxed_step(atoms: Atoms, labels: Labels) -> Atoms:
    """A structure after a step of its ions along the forces, and of its cell against the stress."""
    moved = atoms.copy()
    step = STEP_A2_PER_EV * labels.forces
    longest = float(np.linalg.norm(step, axis=1).max())
    moved.positions += step * min(1.0, LONGEST_STEP_A / max(longest, 1e-9))
    strain = np.clip(-STRAIN_PER_STRESS_A3_PER_EV * labels.stress, -LARGEST_STRAIN, LARGEST_STRAIN)
    moved.set_cell(moved.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return moved


def packed(frames: Sequence[Atoms]) -> bytes:
    """Frames as extended XYZ, compressed; the same bytes for the same frames."""
    text = io.StringIO()
    ase.io.write(text, frames, format="extxyz")
    return gzip.compress(text.getvalue().encode(), mtime=0)


def _relaxed(
    seeds: list[Atoms], n_steps: int, labelled: Callable[[Sequence[Atoms]], list[tuple[Atoms, Labels]]]
) -> list[Atoms]:
    """Structures after steps of their ions and cells, less those that cannot be."""
    for _ in range(n_steps):
        moved = [relaxed_step(atoms, labels) for atoms, labels in labelled(seeds)]
        seeds = [atoms for atoms in moved if is_sane(atoms)]
    return seeds


def _labelled(label: Label, structures: Sequence[Atoms]) -> list[tuple[Atoms, Labels]]:
    pairs = zip(structures, label(structures) if structures else [], strict=True)
    return [(atoms, labels) for atoms, labels in pairs if labels is not None and _is_usable(labels)]


def _predicted(calculator: AlignnCalculator, atoms: Atoms) -> Labels | None:
    try:
        calculator.calculate(atoms, ["energy", "forces", "stress"])
    except (ElementNotCoveredError, StructureError, NotFiniteError):
        return None
    results = calculator.results
    return Labels(results["energy"], results["forces"], voigt_6_to_full_3x3_stress(results["stress"]))


def _seeds(random: np.random.Generator, pool: Pool, shares: Mapping[str, float]) -> Iterator[Atoms]:
    n_found = 0
    while n_found < SEEDS_PER_CHUNK:
        atoms = distorted(random, draw_seed(random, pool, shares), SMALL)
        if is_sane(atoms):
            n_found += 1
            yield atoms


def _is_usable(labels: Labels) -> bool:
    finite = np.isfinite(labels.energy) and np.isfinite(labels.forces).all() and np.isfinite(labels.stress).all()
    return bool(finite and np.abs(labels.forces).max() < LARGEST_FORCE_EV_PER_A)


def _frame(atoms: Atoms, labels: Labels, kind: str, chunk: int) -> Atoms:
    frame = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    frame.info.update(config_type=kind, chunk=chunk)
    stress = full_3x3_to_voigt_6_stress(labels.stress)
    frame.calc = SinglePointCalculator(frame, energy=labels.energy, forces=labels.forces, stress=stress)
    return frame


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="+", help="DFT frames with forces and stress, extended XYZ")
    parser.add_argument("--output", type=Path, required=True, help="folder of the chunks")
    parser.add_argument("--chunks", type=chunk_numbers, default=range(1), help="FIRST:END, such as 0:330")
    parser.add_argument("--relaxed-by", help="model of alignn-ff that relaxes the seeds; none: the teacher does")
    parser.add_argument(
        "--substituted", type=share, default=SHARES["substituted"], help="share of DFT frames with other elements"
    )
    parser.add_argument("--most-atoms", type=int, default=MOST_ATOMS, help="of a DFT frame that seeds are made from")
    parser.add_argument("--hold-out", type=Path, help="file of formulas whose DFT frames no seed is made from")
    parser.add_argument("--threads", type=int, default=1, help="of the teacher")
    return parser.parse_args()


def share(word: str) -> float:
    """A share between 0 and 1."""
    if not 0.0 <= (value := float(word)) <= 1.0:
        raise argparse.ArgumentTypeError(f"{word} is not between 0 and 1")
    return value


def chunk_numbers(word: str) -> range:
    """The numbers that FIRST:END stands for."""
    index = parse_index(word)
    if isinstance(index, int) or index.stop is None or index.step not in (None, 1):
        raise argparse.ArgumentTypeError(f"{word!r} is not FIRST:END, such as 0:330")
    return range(index.start or 0, index.stop)


if __name__ == "__main__":
    main()
