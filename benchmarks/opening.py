"""Opening a data set: time per structure of the first reading and of a second start, and the memory of both.

    python benchmarks/opening.py FILE.extxyz --frames 100000

The frames of the file are repeated until there are so many. The cache of graphs is made once, by a first start in a
process of its own; a second one opens it. Memory is the largest resident memory of the process.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from alignn_ff.train import resolve, validate_config
from alignn_ff.train.datasets import DataKeys, records_source
from alignn_ff.train.datasets.frames import iterate_frames
from alignn_ff.train.distributed.ranks import SingleProcess
from alignn_ff.train.preparation import prepare_run
from alignn_ff.train.run_data import Notify, prepared_data


def main() -> None:
    arguments = parse()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.file, arguments.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.extxyz"
        repeat(arguments.file, data, arguments.frames)
        for what in ("read", "start", "start"):
            print(json.dumps(child(what, data, Path(folder) / "run")))


def repeat(source: Path, target: Path, n_frames: int) -> None:
    """Write so many frames."""
    with target.open("w", encoding="utf-8") as file:
        file.writelines(
            itertools.islice(itertools.chain.from_iterable(itertools.repeat(list(texts(source)))), n_frames)
        )


def texts(source: Path) -> Iterator[str]:
    """The text of each frame."""
    with source.open(encoding="utf-8") as file:
        while head := file.readline():
            yield head + "".join(itertools.islice(file, int(head) + 1))


def child(what: str, data: Path, folder: Path) -> dict[str, object]:
    command = [sys.executable, __file__, str(data), "--one", what, "--folder", str(folder)]
    answer: dict[str, object] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return answer


def measure(what: str, data: Path, folder: Path) -> dict[str, object]:
    """Seconds of reading alone, or of everything before the first step."""
    started = time.perf_counter()
    if what == "read":
        n_frames = sum(1 for _ in iterate_frames(data, DataKeys()))
    else:
        fields = {"data": str(data), "output_dir": str(folder), "progress": False, "cutoff": 4.0}
        resolved = resolve(validate_config({**fields, "train_ratio": None, "val_ratio": 0.05, "test_ratio": 0.0}))
        ranks = SingleProcess()
        source = records_source(resolved.config)
        with prepared_data(resolved.config, resolved.recipe, lambda: source, ranks, Notify()) as found:
            found.identifiers()
            prepare_run(resolved, found, torch.device("cpu"), ranks)
            n_frames = len(found.records)
    seconds = time.perf_counter() - started
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "what": what,
        "frames": n_frames,
        "s": round(seconds, 2),
        "ms_per_frame": round(1e3 * seconds / n_frames, 4),
    } | {"MiB": round(megabytes)}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--one", choices=("read", "start"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
