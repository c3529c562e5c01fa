"""What a batch is: ``manifest.json`` decides who may write into its folder, ``inputs.jsonl`` lists the structures.

Both are written by the first run and are the same for every shard. A run with other structures, settings, model or
version is refused, and nothing is mixed.
"""

import hashlib
import heapq
import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Self

import numpy as np
from ase import Atoms
from filelock import FileLock
from numpy.typing import NDArray

from alignn_ff import __version__
from alignn_ff.batch.inputs import Given
from alignn_ff.batch.outcome import line_of
from alignn_ff.errors import AlignnError, CheckpointError, ConfigError
from alignn_ff.io import atomic_write, write_json
from alignn_ff.io.disk import disk_errors

FORMAT: Final = "alignn-ff batch"
VERSION: Final = 1

NAMES: Final = {
    "task": "the task",
    "settings": "the settings",
    "model": "the model",
    "inputs": "the structures",
    "shards": "the number of shards",
    "software": "the version of alignn-ff",
}
"""Entry of the manifest that decides the numbers → what messages call it."""


class Item(NamedTuple):
    """One structure of a batch.

    Attributes:
        identifier, where, n_atoms, digest: see :class:`Given`.
        shard: that computes it.
    """

    identifier: str
    where: str
    n_atoms: int
    digest: str
    shard: int = 0


@dataclass(frozen=True)
class Manifest:
    """What a batch is.

    Attributes:
        task: a key of ``all_tasks()``.
        settings: of the task, and those of the batch that decide numbers.
        model: name, sha256, dtype and dispersion.
        inputs: hash of ids and contents, in order.
        n_structures, n_atoms: in all.
        shards: number of parts.
        software: version of alignn-ff.
    """

    task: str
    settings: Mapping[str, Any]
    model: Mapping[str, Any]
    inputs: str
    n_structures: int
    n_atoms: int
    shards: int
    software: str = __version__

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest of a folder.

        Raises:
            ConfigError: the folder is not that of a batch.
            CheckpointError: its manifest is damaged, or of a newer version.
        """
        path = manifest_file(folder)
        if not path.is_file():
            raise ConfigError(f"{folder} is not the folder of a batch: it has no {path.name}")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            form, version = content.pop("format"), content.pop("version")
            if form == FORMAT and version == VERSION:
                return cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{path} is damaged: {error}; start again in another folder") from error
        raise CheckpointError(f"{path} is a {form!r} of version {version}; this program reads {FORMAT!r}, {VERSION}")

    def to_json(self) -> dict[str, object]:
        """Content of the file."""
        return {"format": FORMAT, "version": VERSION, **vars(self)}


def manifest_file(folder: Path) -> Path:
    """What the batch is."""
    return folder / "manifest.json"


def inputs_file(folder: Path) -> Path:
    """The structures, in order: one line for each."""
    return folder / "inputs.jsonl"


class Scanned(NamedTuple):
    """The structures of a batch without their contents.

    Attributes:
        n_atoms: (n_structures,), 0 where it cannot be read.
        digest: hash of ids and contents.
        largest: the first one with the most atoms; None if none can be read.
        lines: a temporary file with a line per structure, an :class:`Item` without its shard.
    """

    n_atoms: NDArray[np.int64]
    digest: str
    largest: Atoms | None
    lines: IO[str]


@contextmanager
def scanned(structures: Iterable[Given]) -> Iterator[Scanned]:
    """Read all structures once; in memory they take 16 bytes each.

    Raises:
        ConfigError: there are none, none can be read, or two have the same id.
        StorageError: there is no space for the temporary file.
    """
    lines = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed below, also where the disk is full
    try:
        with disk_errors(Path(tempfile.gettempdir()) / "structures of the batch"):
            found = _scan(structures, lines)
            lines.flush()
        yield found
    finally:
        with suppress(OSError):
            lines.close()


def _scan(structures: Iterable[Given], lines: IO[str]) -> Scanned:
    n_atoms, names, whole = array("q"), array("Q"), hashlib.sha256()
    unreadable: AlignnError | None = None
    largest: Atoms | None = None
    for given in structures:
        digest = given.digest
        whole.update(digest.encode())
        n_atoms.append(given.n_atoms)
        names.append(_number_of(given.identifier))
        lines.write(line_of(Item(given.identifier, given.where, given.n_atoms, digest[:16])._asdict()))
        if isinstance(given.content, AlignnError):
            unreadable = unreadable or given.content
        elif largest is None or given.n_atoms > len(largest):
            largest = given.content
    if not n_atoms:
        raise ConfigError("there is no structure to compute: the input is empty")
    if unreadable is not None and largest is None:
        raise ConfigError(f"none of the {len(n_atoms)} structures can be read: {unreadable}")
    _refuse_equal(np.frombuffer(names, dtype=np.uint64), lines)
    return Scanned(np.frombuffer(n_atoms, dtype=np.int64), whole.hexdigest(), largest, lines)


def _number_of(identifier: str) -> int:
    return int.from_bytes(hashlib.blake2b(identifier.encode(), digest_size=8).digest())


def _refuse_equal(names: NDArray[np.uint64], lines: IO[str]) -> None:
    """Refuse equal ids: those with equal numbers are compared."""
    ordered = np.sort(names)
    twice = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    seen: dict[str, str] = {}
    for item in _items(lines) if twice else ():
        if _number_of(item.identifier) not in twice:
            continue
        if item.identifier in seen:
            raise ConfigError(
                f"two structures have the id {item.identifier!r}: {seen[item.identifier]} and {item.where}. Ids "
                "must differ: leave one out, choose another --id-key, or `--id-key place` for the file and the place "
                "in it"
            )
        seen[item.identifier] = item.where


def _items(lines: IO[str]) -> Iterator[Item]:
    lines.seek(0)
    return (Item(**json.loads(line)) for line in lines)


def balanced(n_atoms: NDArray[np.int64], shards: int) -> NDArray[np.int32]:
    """A shard for each structure: the largest first, each to the shard with the fewest atoms so far."""
    loads = [(0, shard) for shard in range(shards)]
    chosen = np.zeros(len(n_atoms), dtype=np.int32)
    for place in np.argsort(-n_atoms, kind="stable") if shards > 1 else ():
        load, shard = heapq.heappop(loads)
        chosen[place] = shard
        heapq.heappush(loads, (load + max(int(n_atoms[place]), 1), shard))
    return chosen


def agree(folder: Path, wanted: Manifest, found: Scanned) -> None:
    """Write what the batch is, or make sure that the folder is of this batch; several runs may do this at once.

    Raises:
        ConfigError: the folder holds another batch, or other files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".manifest.lock"):
        if manifest_file(folder).exists():
            _refuse_other(folder, Manifest.read(folder), wanted)
            return
        others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        if others and others != [inputs_file(folder).name]:
            raise ConfigError(f"{folder} holds other files ({', '.join(others[:5])}); choose a new --output")
        shards = balanced(found.n_atoms, wanted.shards)
        with atomic_write(inputs_file(folder)) as temporary, temporary.open("w", encoding="utf-8") as file:
            for item, shard in zip(_items(found.lines), shards, strict=True):
                file.write(line_of(item._replace(shard=int(shard))._asdict()))
        write_json(manifest_file(folder), wanted.to_json())


def _refuse_other(folder: Path, found: Manifest, wanted: Manifest) -> None:
    present, asked = json.loads(json.dumps(vars(found))), json.loads(json.dumps(vars(wanted)))
    differing = [name for name in NAMES if present[name] != asked[name]]
    if differing:
        told = "; ".join(f"{NAMES[name]}: {_difference(present[name], asked[name])}" for name in differing)
        raise ConfigError(
            f"{folder} is the folder of another batch. Different are {told}. Give the same again to go on, or choose "
            "a new --output"
        )


def _difference(before: Any, after: Any) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted({*before, *after})
        parts = (
            f"{name} {_difference(before.get(name), after.get(name))}"
            for name in names
            if before.get(name) != after.get(name)
        )
        return ", ".join(parts)
    return f"{_short(before)} before, {_short(after)} now"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


def items_of(folder: Path) -> Iterator[Item]:
    """The structures of a batch, in order.

    Raises:
        CheckpointError: the list is missing or damaged.
    """
    path = inputs_file(folder)
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield Item(**json.loads(line))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}; start again in another folder") from error
