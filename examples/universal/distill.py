"""Make structures of many elements, and label them by a teacher: CHGNet.

    pip install -r examples/universal/requirements.txt
    python examples/universal/distill.py dft/*.extxyz --output distilled --chunks 0:330

Each chunk is a file, ``chunk-00000.extxyz.gz``, made from a generator of its own: seeds are the same on every
machine, and a chunk that is there is left alone. So a killed run costs one chunk, the same command continues, and
several processes or machines can share the chunks. A chunk of 60 seeds is about 400 frames and takes minutes.

Each seed is relaxed for four steps of ions and cell, all of which are kept (``config_type=relaxing``, at the end
``relaxed``), and distorted twice from there (``distorted``). Frames of one chunk share seeds, and ``chunk=`` names it:
split by chunk or by formula, never by frame.
"""

import argparse
import gzip
import io
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray
from seeds import LARGE, SMALL, Pool, distorted, draw_seed, is_sane, pool_of

from alignn_ff.io import atomic_write, iterate_structures, parse_index

SEED: Final = 20261128
SEEDS_PER_CHUNK: Final = 60
RELAXATION_STEPS: Final = 4
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


def main() -> None:
    """Make the chunks."""
    arguments = parse()
    from teacher import Teacher, aflow_prototypes

    frames = [atoms for path in arguments.frames for atoms in iterate_structures(path)]
    pool = pool_of(frames, aflow_prototypes())
    print(f"{len(pool.calm)} frames, {len(pool.prototypes)} prototypes, {len(pool.volumes)} elements", flush=True)
    for line in make_chunks(pool, Teacher(arguments.threads), arguments.output, arguments.chunks):
        print(line, flush=True)


def make_chunks(pool: Pool, label: Label, folder: Path, chunks: range) -> Iterator[str]:
    """Make the chunks that are not there yet; a line for each.

    Args:
        pool: of seeds.
        label: the teacher.
        folder: that the files go to.
        chunks: numbers of the chunks.
    """
    for chunk in chunks:
        path = folder / f"chunk-{chunk:05d}.extxyz.gz"
        if path.exists():
            yield f"{path}: there already"
            continue
        started, frames = time.monotonic(), frames_of_chunk(pool, label, chunk)
        with atomic_write(path) as temporary:
            temporary.write_bytes(packed(frames))
        n_atoms = sum(map(len, frames))
        yield f"{path}: {len(frames)} frames, {n_atoms} atoms, {time.monotonic() - started:.0f} s"


def frames_of_chunk(pool: Pool, label: Label, chunk: int) -> list[Atoms]:
    """The labelled frames of a chunk, which follow from its number."""
    random = np.random.default_rng([SEED, chunk])
    alive, found = list(_seeds(random, pool)), list[Atoms]()

    def take(structures: Sequence[Atoms], kind: str) -> list[tuple[Atoms, Labels]]:
        labelled = zip(structures, label(structures) if structures else [], strict=True)
        usable = [(atoms, labels) for atoms, labels in labelled if labels is not None and _is_usable(labels)]
        found.extend(_frame(atoms, labels, kind, chunk) for atoms, labels in usable)
        return usable

    for _ in range(RELAXATION_STEPS):
        moved = [relaxed_step(atoms, labels) for atoms, labels in take(alive, "relaxing")]
        alive = [atoms for atoms in moved if is_sane(atoms)]
    ends = [distorted(random, atoms, LARGE) for atoms in alive for _ in range(DISTORTIONS)]
    take([atoms for atoms in ends if is_sane(atoms)], "distorted")
    take(alive, "relaxed")
    return found


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


def _seeds(random: np.random.Generator, pool: Pool) -> Iterator[Atoms]:
    n_found = 0
    while n_found < SEEDS_PER_CHUNK:
        atoms = distorted(random, draw_seed(random, pool), SMALL)
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
    parser.add_argument("--threads", type=int, default=1, help="of the teacher")
    return parser.parse_args()


def chunk_numbers(word: str) -> range:
    """The numbers that FIRST:END stands for."""
    index = parse_index(word)
    if isinstance(index, int) or index.stop is None or index.step not in (None, 1):
        raise argparse.ArgumentTypeError(f"{word!r} is not FIRST:END, such as 0:330")
    return range(index.start or 0, index.stop)


if __name__ == "__main__":
    main()
