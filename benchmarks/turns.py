"""Sides of a benchmark that share a process and take turns, so that a slow minute of the machine affects all."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple


class Timing(NamedTuple):
    """Seconds of one call: the median over rounds, half the interquartile range, the fastest."""

    median: float
    spread: float
    fastest: float


CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""Clocks; "cpu" sums the threads of this process, and is for one thread on a shared machine."""


def take_turns(
    sides: Mapping[str, Callable[[], object]], *, rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Timing]:
    """Time every side once per round, after one call that is not counted."""
    for call in sides.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            began = clock()
            call()
            seconds[name].append(clock() - began)
    return {name: timing(values) for name, values in seconds.items()}


def timing(values: list[float]) -> Timing:
    """Statistics of several measurements."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return Timing(middle, (high - low) / 2, min(values))


def write_report(path: Path | None, rows: list[dict[str, object]], *, unit: str) -> None:
    """Write rows with the machine, the command and the date."""
    if path is None:
        return
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    machine = {"date": time.strftime("%Y-%m-%d"), "cpu": cpu, "cores": os.cpu_count(), "command": " ".join(sys.argv)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "unit": unit, "rows": rows}, indent=1) + "\n")
