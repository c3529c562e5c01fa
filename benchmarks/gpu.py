"""Correctness and speed on one GPU, in at most 8 minutes, each part in a process of its own.

    python benchmarks/gpu.py --output gpu            # the results are in gpu/gpu.json, written after each number
    python benchmarks/gpu.py --output gpu --dry-run  # every line on the CPU, with small systems

A part that takes too long is ended, and one that fails reports why; what they measured before is kept, and the next
part starts. docs/gpu.md says what the numbers mean, and what to carry to a machine without a network.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
MARK = "#json "


def main() -> None:
    parser = argparse.ArgumentParser(description="Correctness and speed on one GPU.")
    parser.add_argument("--output", type=Path, default=Path("gpu"), help="folder of gpu.json and gpu.txt")
    parser.add_argument("--only", nargs="+", help="names of parts (default: all)")
    parser.add_argument("--dry-run", action="store_true", help="every line on the CPU, with small systems")
    parser.add_argument("--seconds", type=float, default=470.0, help="time of all parts together")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part is not None:
        run_part(arguments.part, dry_run=arguments.dry_run)
        return
    failed = run_all(arguments)
    if failed and arguments.dry_run:
        sys.exit(f"these parts failed: {', '.join(failed)}")


def run_part(name: str, *, dry_run: bool) -> None:
    """One part, in this process: prints a line of JSON per number."""
    from gpu_parts import PARTS, Machine

    for row in PARTS[name].measure(Machine(dry_run=dry_run)):
        print(MARK + json.dumps(row), flush=True)


def run_all(arguments: argparse.Namespace) -> list[str]:
    """All parts, one after another; names of those that failed."""
    from gpu_parts import PARTS

    arguments.output.mkdir(parents=True, exist_ok=True)
    began, failed, content = time.monotonic(), [], {"command": " ".join(sys.argv), "parts": {}}
    patience = 20.0 if arguments.dry_run else 1.0  # a dry run may share its processor
    for name, part in PARTS.items():
        if arguments.only and name not in arguments.only:
            continue
        left = patience * arguments.seconds - (time.monotonic() - began)
        entry: Row = {"rows": [], "limit_s": round(min(patience * part.seconds, left), 1)}
        content["parts"][name] = entry
        started = time.monotonic()
        entry["error"] = "no time was left" if left < 5 else None
        if entry["error"] is None:
            entry["error"] = measure(name, entry, arguments, content)
        entry["seconds"] = round(time.monotonic() - started, 1)
        if entry["error"] is not None:
            failed.append(name)
        save(arguments.output, content)
        report(name, entry)
    return failed


def measure(name: str, entry: Row, arguments: argparse.Namespace, content: Row) -> str | None:
    """Run a part in a process of its own, saving after each number; the reason if it failed."""
    command = [sys.executable, __file__, "--part", name, *(["--dry-run"] if arguments.dry_run else [])]
    environment = os.environ | {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}
    if arguments.dry_run:
        environment["TRITON_INTERPRET"] = "1"  # Triton kernels on the CPU
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    expired = threading.Event()
    clock = threading.Timer(entry["limit_s"], lambda: (expired.set(), process.kill()))
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
    clock.start()
    reader.start()
    for row in rows_of(process):
        entry["rows"].append(row)
        save(arguments.output, content)
    code = process.wait()
    clock.cancel()
    reader.join(timeout=5)
    if expired.is_set():
        return f"ended after {entry['limit_s']:g} s"
    return None if code == 0 else "".join(errors[-12:]) or f"exit code {code}"


def rows_of(process: "subprocess.Popen[str]") -> Iterator[Row]:
    """Numbers as they come; other lines are passed on."""
    for line in process.stdout or ():
        if line.startswith(MARK):
            yield json.loads(line.removeprefix(MARK))
        else:
            print(line, end="")


def save(folder: Path, content: Row) -> None:
    """Write the results so far; a reader never sees half a file."""
    (folder / "gpu.json.new").write_text(json.dumps(content, indent=1) + "\n")
    (folder / "gpu.json.new").replace(folder / "gpu.json")


def report(name: str, entry: Row) -> None:
    """Print the numbers of a part."""
    print(f"\n{name}, {entry['seconds']} s")
    for row in entry["rows"]:
        print("  " + ", ".join(f"{key} {_short(value)}" for key, value in row.items()))
    if entry["error"] is not None:
        print(f"  not complete: {entry['error']}", flush=True)


def _short(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
