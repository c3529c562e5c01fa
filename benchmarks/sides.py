"""Sides of a benchmark: processes that prepare one evaluation and time it on request.

Each side is `worker.py` under its own Python, because peers pin other versions of shared packages. Sides take turns,
one measurement each per round, so that a slow minute of the machine affects all of them.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

WORKER = Path(__file__).with_name("worker.py")


class Side(NamedTuple):
    """Task of a worker.

    Attributes:
        name: for the table.
        kind: a name of the table ``KINDS`` in worker.py.
        options: of that kind; structures are described, not sent.
        python: interpreter with the packages; None means this one.
        repeats: evaluations per turn, of which the fastest counts.
        checkout: folder of another revision of this package that is measured; None means the installed one.
    """

    name: str
    kind: str
    options: dict[str, Any] = {}  # noqa: RUF012 - a frozen default of a tuple
    python: str | None = None
    repeats: int = 1
    checkout: Path | None = None


class Row(NamedTuple):
    """Result of one side; seconds are medians over rounds, the spread is half their interquartile range.

    CPU time, summed over threads, depends less on other processes on the machine; it includes waiting threads.
    """

    side: str
    n_atoms: int
    seconds: float
    spread: float
    cpu_seconds: float
    parts: dict[str, float]
    peak_MiB: float
    notes: dict[str, Any]


def alternate(sides: Sequence[Side], *, rounds: int, threads: int) -> list[Row]:
    """Time all sides in turns; a side that cannot be prepared is reported on stderr and left out."""
    workers = [worker for side in sides if (worker := _start(side, threads)) is not None]
    measured: list[list[dict[str, float]]] = [[] for _ in workers]
    try:
        for _ in range(rounds):
            for worker, results in zip(workers, measured, strict=True):
                results.append(worker.measure())
        return [_row(worker, results) for worker, results in zip(workers, measured, strict=True)]
    finally:
        for worker in workers:
            worker.stop()


def machine() -> dict[str, Any]:
    """The machine of the measurements."""
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {"date": time.strftime("%Y-%m-%d"), "cpu": model, "cores": os.cpu_count(), "command": " ".join(sys.argv)}


def report(title: str, rows: Sequence[Row], *, ours: str) -> None:
    """Print a table with µs per atom, and the ratio of each side to ``ours``."""
    reference = next((row.seconds for row in rows if row.side == ours), None)
    print(
        f"\n{title}\n{'side':34s} {'µs/atom':>10s} {'±':>8s} {'ratio':>7s} {'CPU':>10s} {'peak MiB':>9s} "
        f"{'KiB/atom':>9s}  parts, µs/atom"
    )
    for row in rows:
        micro = 1e6 / row.n_atoms
        parts = ", ".join(f"{name} {seconds * micro:.1f}" for name, seconds in row.parts.items())
        held = 1024 * (row.peak_MiB - row.notes.get("loaded_MiB", 0.0)) / row.n_atoms
        ratio = "" if reference is None else f"{row.seconds / reference:7.2f}"
        print(
            f"{row.side:34s} {row.seconds * micro:10.1f} {row.spread * micro:8.1f} {ratio:>7s} "
            f"{row.cpu_seconds * micro:10.1f} "
            f"{row.peak_MiB:9.0f} {held:9.1f}  {parts}"
        )


class _Worker:
    def __init__(self, side: Side, process: "subprocess.Popen[str]", ready: dict[str, Any]) -> None:
        self.side, self.process, self.ready = side, process, ready

    def measure(self) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        answer = _read(self.process)
        if answer is None:
            raise RuntimeError(f"{self.side.name} stopped in the middle of a measurement")
        return answer

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


def _start(side: Side, threads: int) -> _Worker | None:
    description = json.dumps({"kind": side.kind, "options": side.options, "repeats": side.repeats, "threads": threads})
    process = subprocess.Popen(
        [side.python or sys.executable, "-u", str(_worker_of(side)), description],
        env=os.environ if side.checkout is None else {**os.environ, "PYTHONPATH": str(side.checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    ready = _read(process)
    if ready is None:
        print(f"{side.name}: could not be prepared, left out", file=sys.stderr)
        process.wait()
        return None
    return _Worker(side, process, ready)


def _worker_of(side: Side) -> Path:
    """The worker of the revision that is measured, where it has this kind."""
    if side.checkout is None:
        return WORKER
    other = side.checkout / "benchmarks" / WORKER.name
    return other if f'"{side.kind}":' in other.read_text(encoding="utf-8") else WORKER


def _read(process: "subprocess.Popen[str]") -> dict[str, Any] | None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("#json "):  # peers print other lines too
            answer: dict[str, Any] = json.loads(line[6:])
            return answer
    return None


def _row(worker: _Worker, results: Sequence[dict[str, float]]) -> Row:
    totals = [result["seconds"] for result in results]
    names = [name for name in results[0] if name not in ("seconds", "cpu_seconds", "peak_MiB")]
    low, _, high = statistics.quantiles(totals, n=4) if len(totals) > 1 else (totals[0],) * 3
    return Row(
        side=worker.side.name,
        n_atoms=worker.ready["n_atoms"],
        seconds=statistics.median(totals),
        spread=(high - low) / 2,
        cpu_seconds=statistics.median(result["cpu_seconds"] for result in results),
        parts={name: statistics.median(result[name] for result in results) for name in names},
        peak_MiB=results[-1]["peak_MiB"],
        notes={key: value for key, value in worker.ready.items() if key != "n_atoms"},
    )


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
