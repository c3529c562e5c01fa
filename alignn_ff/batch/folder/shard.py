"""The files of a shard: one line of JSON for each structure that ended, and its structure in extended XYZ.

Both only grow. The frame is written before the line that names its place, so what a killed run leaves behind the last
whole line is cut off by the next run. Where a structure was computed again, its last line counts.
"""

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import ase.io
import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.batch.folder.manifest import Item
from alignn_ff.batch.outcome import Outcome, line_of
from alignn_ff.errors import CheckpointError
from alignn_ff.trajectory.extended_xyz import text_of
from alignn_ff.trajectory.record_file import RecordFile


class ShardPaths(NamedTuple):
    """The files of a shard."""

    records: Path
    structures: Path


def shard_paths(folder: Path, shard: int) -> ShardPaths:
    """The files of a shard."""
    return ShardPaths(folder / f"shard-{shard:04d}.jsonl", folder / f"shard-{shard:04d}.extxyz")


@dataclass(frozen=True)
class Ended:
    """A structure that ended, as a shard holds it.

    Attributes:
        place: of the structure in the input, from 0.
        state, reason: see :class:`Outcome`.
        seconds: its time.
        line: byte at which its line begins.
        end: byte after its line.
        structures_end: length of the file of structures with this record.
    """

    place: int
    state: str
    reason: str
    seconds: float
    line: int
    end: int
    structures_end: int


def ended(paths: ShardPaths) -> Iterator[Ended]:
    """The records of a shard as they were written; a torn last line is left out.

    Raises:
        CheckpointError: an earlier line is damaged.
    """
    if not paths.records.exists():
        return
    begin = 0
    with paths.records.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            end = begin + len(line)
            try:
                content = json.loads(line)
                yield Ended(
                    content["place"],
                    content["state"],
                    content["reason"],
                    content["wall_time_s"],
                    begin,
                    end,
                    content["structures_end"],
                )
            except (ValueError, KeyError, TypeError) as error:
                if file.read(1) == b"":
                    return
                raise CheckpointError(
                    f"{paths.records}, byte {begin}: this line is damaged, and lines follow it. Remove the shard's "
                    "two files to compute it again"
                ) from error
            begin = end


class Endings:
    """How the structures of a batch ended, as far as they did: a few bytes for each, the last record counts.

    Args:
        n_structures: of the batch.

    Attributes:
        line: (n_structures,) byte at which the record begins; −1 where there is none.
        seconds: of all records.
    """

    def __init__(self, n_structures: int) -> None:
        self.line = np.full(n_structures, -1, dtype=np.int64)
        self.seconds = 0.0
        self._kinds: list[tuple[str, str]] = []
        self._kind = np.full(n_structures, -1, dtype=np.int16)

    def add(self, record: Ended) -> None:
        """Note a record."""
        kind = (record.state, record.reason)
        if kind not in self._kinds:
            self._kinds.append(kind)
        self._kind[record.place], self.line[record.place] = self._kinds.index(kind), record.line
        self.seconds += record.seconds

    @property
    def n_over(self) -> int:
        """Structures that have ended."""
        return int(np.count_nonzero(self._kind >= 0))

    def over(self, *, without_failed: bool = False) -> NDArray[np.bool_]:
        """(n_structures,) which have ended, optionally without those that failed."""
        failed = [number for number, (state, _) in enumerate(self._kinds) if state == "failed" and without_failed]
        return np.asarray((self._kind >= 0) & ~np.isin(self._kind, failed))

    def count(self) -> Counter[tuple[str, str]]:
        """(state, reason) → number of structures."""
        numbers = np.bincount(self._kind[self._kind >= 0], minlength=len(self._kinds))
        return Counter(dict(zip(self._kinds, numbers.tolist(), strict=True)))


def read_record(paths: ShardPaths, line: int) -> dict[str, Any]:
    """All of the record that begins at a byte."""
    with paths.records.open("rb") as file:
        file.seek(line)
        content: dict[str, Any] = json.loads(file.readline())
    return content


def read_atoms(paths: ShardPaths, content: Mapping[str, Any]) -> Atoms | None:
    """The structure of a record, with its results; None if it has none."""
    frame = content["frame"]
    if frame is None:
        return None
    with paths.structures.open("rb") as file:
        file.seek(frame[0])
        text = file.read(frame[1] - frame[0]).decode()
    atoms = ase.io.read(io.StringIO(text), format="extxyz", index=0)
    assert isinstance(atoms, Atoms)
    return atoms


class ShardWriter:
    """Appends to the files of a shard; the caller is their only writer.

    Args:
        paths: of the files.
        before: gets the records that the shard has.
    """

    def __init__(self, paths: ShardPaths, before: Endings) -> None:
        end, structures_end = 0, 0
        for record in ended(paths):
            before.add(record)
            end, structures_end = record.end, record.structures_end
        self._structures = RecordFile(paths.structures, keep=_length(paths.structures, structures_end))
        self._records = RecordFile(paths.records, keep=_length(paths.records, end))
        self._at = structures_end

    def write(self, place: int, item: Item, outcome: Outcome, *, wall_time_s: float) -> None:
        """Append a structure that ended.

        Raises:
            OutputError: the disk is full or failing; what was written before is whole.
        """
        frame = None
        if outcome.atoms is not None:
            text = text_of(outcome.atoms, {"identifier": item.identifier})
            self._structures.write(text)
            frame = [self._at, self._at + len(text.encode())]
            self._at = frame[1]
        content = {
            "place": place,
            "id": item.identifier,
            "state": outcome.state,
            "reason": outcome.reason,
            "phase": outcome.phase,
            "message": outcome.message,
            "n_atoms": item.n_atoms,
            "numbers": outcome.numbers,
            "detail": outcome.detail,
            "wall_time_s": round(wall_time_s, 4),
            "frame": frame,
            "structures_end": self._at,
        }
        self._records.write(line_of(content))

    def close(self) -> None:
        """Flush to the disk, and close."""
        try:
            self._structures.close()
        finally:
            self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _length(path: Path, keep: int) -> int | None:
    """What is kept of a file; None where there is none.

    Raises:
        CheckpointError: the file is shorter than its records say.
    """
    if not path.exists():
        if keep:
            raise CheckpointError(
                f"{path} is missing, but records refer to it; restore it, or remove the shard's files"
            )
        return None
    if path.stat().st_size < keep:
        raise CheckpointError(f"{path} is shorter than its records say; restore it, or remove the shard's two files")
    return keep
