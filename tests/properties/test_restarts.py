"""Every long property that is killed anywhere finishes from its restart file with the same bits."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT

from alignn_ff.properties import PROPERTIES
from alignn_ff.properties.files import restart_file
from alignn_ff.properties.run import PropertyRun, compute, stopped_run

PHONONS: dict[str, Any] = {"supercell": (2, 2, 2), "mesh_length_A": 12.0, "max_temperature_K": 300.0}
CASES: dict[str, dict[str, Any]] = {
    "elastic": {},
    "phonon": {**PHONONS, "points_per_segment": 3, "gruneisen": True},
    "qha": {**PHONONS, "points": 5},
    "interstitial": {"min_width_A": 5.0, "starts": ("unrattled",), "symmetry_tolerance_A": 0.01},
    "surface": {"miller": "1,1,1", "thickness_A": 5.0, "vacuum_A": 8.0},
    "stacking-fault": {"points": 5, "thickness_A": 8.0},
    "report": {"parts": ("eos", "surface")},
}
"""Property → quick settings for copper."""


class Killed(BaseException):
    """Stands for a signal that nothing catches."""


class Mortal(EMT):
    """EMT that dies at its n-th evaluation, and counts them."""

    def __init__(self, lives: int = 10**9) -> None:
        super().__init__()
        self.lives, self.count = lives, 0

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), changes: object = all_changes
    ) -> None:
        self.count += 1
        if self.count > self.lives:
            raise Killed
        super().calculate(atoms, properties, changes)


def run(name: str, folder: Path) -> PropertyRun:
    config = PROPERTIES[name].config().model_validate(CASES[name])
    return PropertyRun(name, (bulk("Cu", a=3.6),), config, folder / "cu", {"model": "emt"})


@pytest.mark.parametrize("name", CASES)
def test_a_killed_run_finishes_with_the_same_bits(name: str, tmp_path: Path) -> None:
    whole = Mortal()
    expected = compute(run(name, tmp_path), whole)
    for lives in (whole.count // 4, whole.count - 1):
        restart_file(tmp_path / "cu").unlink(missing_ok=True)
        with pytest.raises(Killed):
            compute(run(name, tmp_path), Mortal(lives))
        rest = Mortal()
        found = compute(stopped_run(restart_file(tmp_path / "cu")), rest, resume=True)
        assert found.summary == expected.summary
        assert found.checks == expected.checks
        for table, columns in expected.tables.items():
            for column, values in columns.items():
                np.testing.assert_array_equal(found.tables[table][column], values, err_msg=f"{table}, {column}")
        assert rest.count <= whole.count  # the piece of work that was interrupted is done again


PROGRAM = """
import os, signal, sys
from pathlib import Path
from ase.build import bulk
from ase.calculators.emt import EMT
from alignn_ff.properties.equation_of_state import EOSConfig
from alignn_ff.properties.run import PropertyRun, compute

class Dying(EMT):
    count = 0
    def calculate(self, *arguments, **options):
        Dying.count += 1
        if Dying.count > 5:
            os.kill(os.getpid(), signal.SIGKILL)
        super().calculate(*arguments, **options)

compute(PropertyRun("eos", (bulk("Cu", a=3.65),), EOSConfig(points=7), Path(sys.argv[1]), {"model": "emt"}), Dying())
"""


def test_sigkill_leaves_a_file_that_is_finished_with_the_same_numbers(tmp_path: Path) -> None:
    prefix = tmp_path / "cu"
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(prefix)], capture_output=True, text=True)
    assert ended.returncode == -9, ended.stderr
    found = compute(stopped_run(restart_file(prefix)), EMT(), resume=True)
    restart_file(prefix).unlink()
    config = PROPERTIES["eos"].config().model_validate({"points": 7})
    expected = compute(PropertyRun("eos", (bulk("Cu", a=3.65),), config, prefix, {"model": "emt"}), EMT())
    assert found.summary == expected.summary
