"""Join DFT frames and frames labelled by a teacher into one training file for a model of many elements.

    python examples/universal/prepare.py --dft dft/*.extxyz --distilled distilled-*.extxyz.gz --output train.extxyz
    (train.extxyz.xz or .gz: packed, for train_on_gpu.sh)
    alignn-ff train examples/universal/config.json --data train.extxyz --output universal

DFT frames are written several times, so that they weigh more. Of the frames on the way of relaxations
(``config_type=relaxing``) one in ``--every`` is taken, since successive ones differ little. The config holds out whole
formulas, so copies of a frame are never on both sides.

Which formulas these are depends on the data. To go on with further data, hold out the same ones: ``--hold-out
held-out.txt`` writes frames of these formulas once and last, and prints the options that make them the validation set.
"""

import argparse
import gzip
import lzma
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from seeds import formula_of

PACKED: Final[dict[str, Callable[..., Any]]] = {".gz": gzip.open, ".xz": lzma.open}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dft", type=Path, nargs="+", required=True, help="extended XYZ, may be gzipped")
    parser.add_argument("--distilled", type=Path, nargs="+", required=True, help="extended XYZ, may be gzipped")
    parser.add_argument("--copies", type=at_least_one, default=3, help="of each DFT frame")
    parser.add_argument("--every", type=at_least_one, default=2, help="one in so many frames of relaxations is taken")
    parser.add_argument("--hold-out", type=Path, help="file of formulas whose frames are written last")
    parser.add_argument("--output", type=Path, required=True, help="extended XYZ; packed if it ends in .gz or .xz")
    arguments = parser.parse_args()
    held_out = set(arguments.hold_out.read_text(encoding="utf-8").split()) if arguments.hold_out else set()
    last = list[str]()
    n_frames, n_atoms, relaxing = Counter[str](), Counter[str](), 0
    with PACKED.get(arguments.output.suffix, open)(arguments.output, "wt", encoding="utf-8") as out:
        for path in arguments.distilled:
            for size, comment, block in frames(path):
                kind = re.search(r"config_type=(\S+)", comment)
                if kind is not None and kind[1] == "relaxing":
                    relaxing += 1
                    if relaxing % arguments.every:
                        continue
                if held_out and formula(block) in held_out:
                    last.append(block)
                    continue
                out.write(block)
                n_frames["distilled"] += 1
                n_atoms["distilled"] += size
        for copy in range(arguments.copies):
            for path in arguments.dft:
                for size, _, block in frames(path):
                    if held_out and formula(block) in held_out:
                        last += [block] * (copy == 0)
                        continue
                    out.write(block)
                    n_frames["DFT, with copies"] += 1
                    n_atoms["DFT, with copies"] += size
        out.writelines(last)
    if arguments.hold_out is not None:
        print(f"--set n_train={n_frames.total()} --set n_val={len(last)} --set n_test=0 --set cross_validation=null")
    for name, count in n_frames.items():
        print(f"{name}: {count} frames, {n_atoms[name]} atoms")


def at_least_one(word: str) -> int:
    """A whole number from 1 on."""
    if (value := int(word)) < 1:
        raise argparse.ArgumentTypeError(f"{word} is less than 1")
    return value


def frames(path: Path) -> Iterator[tuple[int, str, str]]:
    """(number of atoms, comment line, text) of each frame."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        while head := file.readline().strip():
            size, comment = int(head), file.readline()
            yield (
                size,
                comment,
                f"{size}\n{comment}" + "".join(file.readline().rstrip("\n") + "\n" for _ in range(size)),
            )


def formula(block: str) -> str:
    """Of a frame, as held-out.txt has it."""
    return formula_of(line.split(None, 1)[0] for line in block.splitlines()[2:])


if __name__ == "__main__":
    main()
