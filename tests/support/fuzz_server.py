"""Reads files in processes of their own: ``python -m tests.support.fuzz_server``, started once, forks for each file.

In: lines "kind, tab, path". Out: lines of JSON with what became of each: ``outcome`` (success, refused, failed or
killed), ``words``, ``seconds`` and ``megabytes``.
"""

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms

from alignn_ff.errors import AlignnError
from tests.support.fuzz_kinds import KINDS, Kind

LIMIT_S: Final = 10.0
LIMIT_BYTES: Final = 1 << 30


def served(name: str, path: Path) -> dict[str, Any]:
    """What becomes of one file, in a forked process."""
    began = time.perf_counter()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _limit_memory()
        with os.fdopen(write_end, "w") as answer:
            json.dump(_read(KINDS[name], path), answer)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        ready, _, _ = select.select([answer], [], [], 3 * LIMIT_S)
        if not ready:
            os.kill(child, signal.SIGKILL)
        text = answer.read()
    _, status, used = os.wait4(child, 0)
    found = json.loads(text) if text else {"outcome": "killed", "words": f"no answer, status {status}", "seconds": 0.0}
    found["seconds"] = found["seconds"] or time.perf_counter() - began
    return {**found, "megabytes": used.ru_maxrss / 1024}


def _limit_memory() -> None:
    """One GiB more than the process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _read(kind: Kind, path: Path) -> dict[str, Any]:
    began = time.process_time()
    try:
        read = kind.read(path)
        seconds = time.process_time() - began
        different = "" if kind.reference is None else _difference(read, kind, path)
        outcome, words = ("failed", different) if different else ("success", "")
    except AlignnError as error:
        outcome, words = (
            ("refused", str(error)) if error.exit_code in kind.exit_codes else ("failed", traceback.format_exc())
        )
        seconds = time.process_time() - began
    except BaseException:  # noqa: BLE001 - this is what is looked for
        outcome, words, seconds = "failed", traceback.format_exc(), time.process_time() - began
    return {"outcome": outcome, "words": words, "seconds": seconds}


def _difference(read: object, kind: Kind, path: Path) -> str:
    """How the structures differ from those of the reference, which may read fewer of them, or none."""
    assert isinstance(read, list)
    assert kind.reference is not None
    try:
        expected = kind.reference(path)
    except Exception:  # noqa: BLE001 - the reference may refuse what can be read
        return ""
    if len(read) < len(expected):
        return f"{len(read)} structures, but the reference reads {len(expected)}"
    for index, (atoms, other) in enumerate(zip(read, expected, strict=False)):
        if not _equal(atoms, other):
            return f"structure {index} differs: {atoms} and {other}"
    return ""


def _equal(atoms: Atoms, other: Atoms) -> bool:
    same = np.array_equal(atoms.numbers, other.numbers) and np.array_equal(atoms.pbc, other.pbc)
    return (
        same
        and np.array_equal(atoms.positions, other.positions)
        and np.array_equal(atoms.cell.array, other.cell.array)
        and all(np.array_equal(*pair) for pair in _labels(atoms, other))
    )


def _labels(atoms: Atoms, other: Atoms) -> list[tuple[Any, Any]]:
    """Energies and forces that both structures have."""
    if atoms.calc is None or other.calc is None:
        return []
    ours, theirs = atoms.calc.results, other.calc.results
    return [(ours[name], theirs[name]) for name in ("energy", "forces") if name in ours and name in theirs]


def main() -> None:
    """Serve until the input ends."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        name, path = line.rstrip("\n").split("\t")
        sys.stdout.write(json.dumps(served(name, Path(path))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
