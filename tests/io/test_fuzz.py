"""Damaged files end in success or in an error of this package: within 10 s and 1 GB, without a traceback.

The seed is printed; ``FUZZ_SEED=… pytest -m slow tests/io/test_fuzz.py`` repeats a run. ``FUZZ_CASES`` sets its length.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random, SystemRandom

import pytest

from tests.support.fuzz_kinds import KINDS
from tests.support.fuzz_server import LIMIT_BYTES, LIMIT_S

CASES = int(os.environ.get("FUZZ_CASES", "300"))
REPOSITORY = Path(__file__).parents[2]


def mutated(folder: Path, name: str, number: int, random: Random) -> list[tuple[str, Path]]:
    """Damaged files of one kind, some of them damaged twice."""
    kind = KINDS[name]
    valid = folder / f"valid{kind.suffix}"
    kind.write(valid)
    cases = [("valid", valid)]
    for k in range(number):
        content, names = valid.read_bytes(), []
        for _ in range(random.choice((1, 1, 1, 2))):
            names.append(random.choice(list(kind.mutations)))
            content = kind.mutations[names[-1]](content, random) or b"\n"
        path = folder / f"{k}{kind.suffix}"
        path.write_bytes(content)
        cases.append((" and ".join(names), path))
    return cases


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("FUZZ_SEED", SystemRandom().randrange(10**6)))
    sys.stdout.write(f"FUZZ_SEED={seed} FUZZ_CASES={CASES}\n")
    cases = mutated(tmp_path, name, max(1, CASES // len(KINDS)), Random(f"{seed} {name}"))
    command = [sys.executable, "-m", "tests.support.fuzz_server"]
    words = "".join(f"{name}\t{path}\n" for _, path in cases)
    limits = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, input=words, cwd=REPOSITORY, env=limits, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(answers) == len(cases), run.stderr
    assert answers[0]["outcome"] == "success", answers[0]["words"]
    bad = [
        f"{damage}, {path}: {answer}"
        for (damage, path), answer in zip(cases, answers, strict=True)
        if answer["outcome"] not in ("success", "refused")
        or answer["seconds"] > LIMIT_S
        or answer["megabytes"] > LIMIT_BYTES / 2**20
    ]
    assert not bad, f"FUZZ_SEED={seed}\n" + "\n".join(bad)
