"""A batch of many synthetic structures and a cheap task; run as a program, it computes it and prints its peak memory.

python -m tests.support.large_batch FOLDER N_STRUCTURES
"""

import resource
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from alignn_ff.batch import Batch, BatchConfig, Given, run_batch
from alignn_ff.runs.domain import OutsideChoice


class Spring(Calculator):
    """Atoms bound to the origin: the cheapest energy that depends on positions."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(
        self, atoms: Atoms | None = None, properties: object = ("energy",), changes: object = all_changes
    ) -> None:
        assert atoms is not None
        self.atoms = atoms.copy()
        self.results = {"energy": float((atoms.positions**2).sum()), "forces": -2.0 * atoms.positions}


def structures(number: int) -> Iterator[Given]:
    for k in range(number):
        positions = np.array([[0.0, 0.0, 0.0], [2.0 + (k % 1000) * 1e-3, 0.0, 0.0]])[: 1 + k % 2]
        yield Given(f"molecule-{k:07d}", f"number {k}", Atoms("Ar" * len(positions), positions=positions))


def batch_of(folder: Path, number: int, **how: object) -> Batch:
    config = BatchConfig.model_validate({"processes": 0, **how})
    return Batch("energy", partial(structures, number), OutsideChoice(), Spring, folder, config)


def main() -> None:
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    status = run_batch(batch_of(folder, number))
    sys.stdout.write(f"{status.states['done']} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n")


if __name__ == "__main__":
    main()
