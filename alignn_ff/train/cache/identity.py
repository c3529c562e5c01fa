"""Identity of a cache: everything that decides its content, field by field and as one digest.

A cache is used only where every field agrees, so it cannot hold graphs of another recipe or other records.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from alignn_ff.errors import StorageError
from alignn_ff.graph import GraphRecipe
from alignn_ff.io import write_json
from alignn_ff.train.cache.entries import layout, pack_record
from alignn_ff.train.distributed.message import Message
from alignn_ff.train.records.record import Record
from alignn_ff.train.records.targets import LabelShape

log = logging.getLogger(__name__)

MANIFEST: Final = "manifest.json"
FORMAT: Final = "alignn-ff graph cache"
VERSION: Final = 2


class Identity(NamedTuple):
    """Identity of a cache.

    Attributes:
        fields: graph recipe, family, element features, layout of the entries, digest of the records.
        n_records: how many there are.
    """

    fields: dict[str, str]
    n_records: int

    @property
    def digest(self) -> str:
        """SHA-256 of all fields."""
        return hashlib.sha256(json.dumps([self.fields, self.n_records], sort_keys=True).encode()).hexdigest()


def identify(records: Iterable[Record], recipe: GraphRecipe, *, family: str, atom_features: str) -> Identity:
    """Identity of the cache of some records, which are read once."""
    digest = EntriesDigest()
    for record in records:
        digest.add(pack_record(record))
    return digest.identity(recipe, family=family, atom_features=atom_features)


class EntriesDigest:
    """SHA-256 over the entries of records that come one by one."""

    def __init__(self) -> None:
        self._digest, self._n_records = hashlib.sha256(), 0

    def add(self, entry: bytes) -> None:
        """Add the entry of a record."""
        self._digest.update(entry)
        self._n_records += 1

    def identity(self, recipe: GraphRecipe, *, family: str, atom_features: str) -> Identity:
        """Identity of the cache of all records so far."""
        return identity_of(
            self._digest.hexdigest(), self._n_records, recipe, family=family, atom_features=atom_features
        )


def identity_of(records: str, n_records: int, recipe: GraphRecipe, *, family: str, atom_features: str) -> Identity:
    """Identity of the cache of records with a digest."""
    fields = {name: json.dumps(value) for name, value in recipe.model_dump(mode="json").items()}
    fields |= {"model.name": family, "atom_features": atom_features, "layout": layout(), "records": records}
    return Identity(fields, n_records)


class Reading(Message):
    """What reading the records of a cache has found, so that a second run need not read them.

    Attributes:
        raw: digest of the files and of the choices that decide their records.
        data_digest: SHA-256 of structures and labels.
        shapes: layout of the labels.
        elements: atomic numbers, ascending.
        notices: sentences that the user was warned of.
    """

    raw: str
    data_digest: str
    shapes: dict[str, LabelShape]
    elements: tuple[int, ...]
    notices: tuple[str, ...] = ()


class Manifest(BaseModel):
    """The file beside the data that holds their identity.

    Attributes:
        format, version: of the cache.
        complete: whether everything is there; a half-built cache has a folder of its own.
        fields, n_records: its identity.
        n_bytes, checksum, modified_ns: of the data file of a complete cache.
        reading: what reading its records has found; None where a version before 2 wrote it, or they are in no file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["alignn-ff graph cache"] = FORMAT
    version: int = VERSION
    complete: bool = False
    fields: dict[str, str]
    n_records: int
    n_bytes: int = 0
    checksum: int = 0
    modified_ns: int = 0
    reading: Reading | None = None

    @property
    def identity(self) -> Identity:
        """Identity of the cache."""
        return Identity(self.fields, self.n_records)


def remember_reading(folder: Path, reading: Reading) -> None:
    """Add what reading has found to the manifest of a complete cache; one that cannot be written stays as it is."""
    manifest = read_manifest(folder)
    if manifest is None or manifest.reading == reading:
        return
    try:
        write_manifest(folder, manifest.model_copy(update={"version": VERSION, "reading": reading}))
    except (OSError, StorageError) as error:
        log.info("%s cannot be written, so the next run reads the data again: %s", folder / MANIFEST, error)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none that can be read."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder."""
    write_json(folder / MANIFEST, manifest.model_dump(mode="json"))


def differences(found: Identity, wanted: Identity) -> str:
    """Differences between a cache and the one that is needed, one line per field."""
    lines = [
        f"  - {name}: {_shown(name, was)} in the cache, {_shown(name, now)} now"
        for name, was, now in _pairs(found.fields, wanted.fields)
    ]
    if found.n_records != wanted.n_records:
        lines.append(f"  - number of records: {found.n_records} in the cache, {wanted.n_records} now")
    return "\n".join(lines)


def _pairs(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[tuple[str, str, str]]:
    names = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    return [(name, found.get(name, "absent"), wanted.get(name, "absent")) for name in names]


def _shown(name: str, value: str) -> str:
    return f"{value[:12]}…" if name == "records" else value
