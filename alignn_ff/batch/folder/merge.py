"""One file from the shards of a batch, in the order of the input: a database, extended XYZ, a table."""

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import ase.db
import numpy as np
from ase import Atoms

from alignn_ff.batch.folder.manifest import Item, Manifest, items_of
from alignn_ff.batch.folder.shard import Endings, ShardPaths, ended, read_atoms, read_record, shard_paths
from alignn_ff.errors import ConfigError
from alignn_ff.io import atomic_write, claim, sole_writer
from alignn_ff.trajectory.extended_xyz import text_of

NAMED: Final = 5
"""Structures that a message names."""


class Merged(NamedTuple):
    """One structure of the input, and how it ended.

    Attributes:
        item: of the input.
        content: its record; None if it has not ended.
        paths: of its shard.
    """

    item: Item
    content: Mapping[str, Any] | None
    paths: ShardPaths

    def atoms(self) -> Atoms | None:
        """The structure at the end, read; None if there is none."""
        return None if self.content is None else read_atoms(self.paths, self.content)


def merge_batch(folder: str | Path, targets: list[Path], *, partial: bool = False, overwrite: bool = False) -> int:
    """Write the results of a batch in the order of the input.

    Args:
        folder: of the batch.
        targets: files; ``.db`` and ``.extxyz`` hold the structures, ``.csv`` a row for each input.
        partial: also where structures have not ended.
        overwrite: replace existing files.

    Returns:
        Number of structures that have not ended.

    Raises:
        ConfigError: structures have not ended, a suffix is not known, or a file exists.
        CheckpointError: the files of the batch are damaged.
    """
    folder = Path(folder)
    unknown = [str(target) for target in targets if target.suffix not in WRITERS]
    if unknown or not targets:
        raise ConfigError(f"cannot write {', '.join(unknown) or 'nothing'}; allowed suffixes are {', '.join(WRITERS)}")
    endings = _endings(folder)
    open_ones = np.flatnonzero(~endings.over())
    if len(open_ones) and not partial:
        first = set(open_ones[:NAMED].tolist())
        named = ", ".join(item.identifier for place, item in enumerate(items_of(folder)) if place in first)
        raise ConfigError(
            f"{len(open_ones)} structures have not ended ({named}{', …' if len(open_ones) > NAMED else ''}); "
            "run the batch again to compute them, or give --partial"
        )
    with sole_writer(targets):
        claim(targets, overwrite=overwrite)
        for target in targets:
            with atomic_write(target) as temporary:
                WRITERS[target.suffix](temporary, lambda: _merged(folder, endings))
    return len(open_ones)


def _endings(folder: Path) -> Endings:
    manifest = Manifest.read(folder)
    endings = Endings(manifest.n_structures)
    for shard in range(manifest.shards):
        for record in ended(shard_paths(folder, shard)):
            endings.add(record)
    return endings


def _merged(folder: Path, endings: Endings) -> Iterator[Merged]:
    for place, item in enumerate(items_of(folder)):
        paths, line = shard_paths(folder, item.shard), int(endings.line[place])
        yield Merged(item, None if line < 0 else read_record(paths, line), paths)


All = Callable[[], Iterator[Merged]]


def _write_csv(path: Path, merged: All) -> None:
    names: dict[str, None] = {}
    for one in merged():
        names.update(dict.fromkeys((one.content or {}).get("numbers", {})))
    head = ("id", "state", "reason", "phase", "message", "n_atoms")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*head, *names, "wall_time_s"], extrasaction="ignore", restval="")
        writer.writeheader()
        for one in merged():
            content = one.content or {"state": "open"}
            row = {**content, "id": one.item.identifier, "n_atoms": one.item.n_atoms, **content.get("numbers", {})}
            writer.writerow(row)


def _write_extxyz(path: Path, merged: All) -> None:
    with path.open("w", encoding="utf-8") as file:
        for one in merged():
            if (atoms := one.atoms()) is not None:
                file.write(text_of(atoms, _labels(one)))


def _write_db(path: Path, merged: All) -> None:
    path.unlink()  # an empty file is not a database
    with ase.db.connect(path, type="db") as database:
        for one in merged():
            if one.content is not None and (atoms := one.atoms()) is not None:
                labels = {name: value for name, value in _labels(one).items() if not _looks_like_a_number(value)}
                database.write(atoms, key_value_pairs=labels, data={"record": dict(one.content)})


def _labels(one: Merged) -> dict[str, Any]:
    content = one.content or {}
    numbers = {name: value for name, value in content["numbers"].items() if value not in (None, "")}
    return {"identifier": one.item.identifier, "state": content["state"], **numbers}


def _looks_like_a_number(value: Any) -> bool:
    """Whether a database of ASE refuses a text, since it cannot tell it from a number."""
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return value in ("True", "False")
    return True


WRITERS: Final[dict[str, Callable[[Path, All], None]]] = {
    ".db": _write_db,
    ".extxyz": _write_extxyz,
    ".csv": _write_csv,
}
"""Suffix → what writes the file."""
