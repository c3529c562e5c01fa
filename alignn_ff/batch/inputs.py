"""The structures of a batch, one at a time, with their ids: files, patterns, folders, databases, jarvis JSON.

An input that holds one structure has its path, as it was given, as id; one that holds several has "path:place". A
structure that names itself ("id", "jid", …) has that name.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import ase.db
from ase import Atoms

from alignn_ff.errors import AlignnError, StructureError
from alignn_ff.io import Source, select, unread_structures
from alignn_ff.md.run.restart import constraints_to_json
from alignn_ff.train.datasets.formats import FORMATS
from alignn_ff.train.datasets.tables import atoms_of, read_entries

ID_KEYS: Final = ("id", "jid", "material_id", "identifier")
"""Entries of a structure that are its id, the first one first, where the user names none."""

IN_FOLDERS: Final = frozenset({".cif", ".vasp", ".poscar", ".contcar", ".xyz", ".extxyz", ".traj", ".xsf"})
"""Suffixes of the files of a folder that are read, also compressed; and POSCAR…, CONTCAR…."""

COMPRESSED: Final = frozenset({".gz", ".bz2", ".xz"})


class Given(NamedTuple):
    """One structure of the input.

    Attributes:
        identifier: of the structure.
        where: file and place, for messages.
        content: the structure, or why it cannot be read.
        settings: of its task that differ from those of the batch.
    """

    identifier: str
    where: str
    content: Atoms | AlignnError
    settings: Mapping[str, Any] = {}

    @property
    def n_atoms(self) -> int:
        """Number of atoms; 0 if it cannot be read."""
        return len(self.content) if isinstance(self.content, Atoms) else 0

    @property
    def digest(self) -> str:
        """Hash of id and content."""
        return hashlib.sha256(f"{self.identifier}\n{_content(self.content)}".encode()).hexdigest()


Inputs = Callable[[], Iterator[Given]]
"""Gives the structures of a batch from the first one; called twice."""


def inputs_of(names: Sequence[str], *, id_key: str | None = None) -> Inputs:
    """The structures of files, patterns and folders, in the given order.

    Args:
        names: as the user wrote them; the files of patterns and folders are sorted.
        id_key: entry of each structure that is its id; "place": the file and the place in it; None: the usual ones.

    Raises:
        StructureError: one of them matches no file.
    """
    files = [(shown, path) for name in names for shown, path in _files(name)]
    return partial(_all, files, id_key)


def elements_of(inputs: Inputs) -> list[int]:
    """Atomic numbers of all structures that can be read."""
    found: set[int] = set()
    for given in inputs():
        if isinstance(given.content, Atoms):
            found.update(given.content.numbers.tolist())
    return sorted(found)


def _files(name: str) -> list[tuple[str, str]]:
    """(path in ids, path to read) of what a name stands for."""
    path = Path(name).expanduser()
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and _is_structure(file))
        if not found:
            raise StructureError(
                f"the folder {name} holds no structure files; read are POSCAR, CONTCAR and names that end in "
                f"{', '.join(sorted(IN_FOLDERS))}, also with .gz. Give other files by a pattern: '{name}/*'"
            )
        return [(file.relative_to(path).as_posix(), str(file)) for file in found]
    if path.exists() or not any(sign in name for sign in "*?["):
        Source.of(name)
        return [(name, name)]
    base, pattern = (Path("/"), name.lstrip("/")) if name.startswith("/") else (Path(), name)
    matches = sorted(str(file) for file in base.glob(os.path.expanduser(pattern)) if file.is_file())  # noqa: PTH111
    if not matches:
        raise StructureError(f"no file matches {name!r}")
    return [(match, match) for match in matches]


def _is_structure(file: Path) -> bool:
    if file.name.startswith("."):
        return False
    plain = Path(file.stem) if file.suffix.lower() in COMPRESSED else file
    return plain.suffix.lower() in IN_FOLDERS or plain.name.upper().startswith(("POSCAR", "CONTCAR"))


def _all(files: Sequence[tuple[str, str]], id_key: str | None) -> Iterator[Given]:
    for shown, name in files:
        read = _reader(Path(name))
        first: tuple[str, Atoms | AlignnError, Mapping[str, Any]] | None = None
        place = -1
        for place, item in enumerate(read(name)):
            if place == 0:
                first = item
                continue
            if first is not None:
                yield _given(f"{shown}:0", first, id_key)
                first = None
            yield _given(f"{shown}:{place}", item, id_key)
        if first is not None:
            yield _given(shown, first, id_key)
        elif place < 0:
            yield Given(shown, name, StructureError(f"{name} holds no structure"))


Read = Callable[[str], Iterator[tuple[str, Atoms | AlignnError, Mapping[str, Any]]]]


def _reader(path: Path) -> Read:
    if path.is_file() and FORMATS["ase_database"].fits(path):
        return _rows
    if path.is_file() and FORMATS["id_prop_json"].fits(path):
        return _entries
    return _frames


def _frames(name: str) -> Iterator[tuple[str, Atoms | AlignnError, Mapping[str, Any]]]:
    """Structures of a file in a format of ASE; where the rest of it cannot be read, the error is the last item."""
    source = Source.of(name)
    unread = unread_structures(source)
    chosen = unread if source.index is None else select(unread, source.index)
    while True:
        try:
            read = next(chosen, None)
        except StructureError as error:
            yield "", error, {}
            return
        if read is None:
            return
        try:
            atoms = read()
            yield "", atoms, atoms.info
        except StructureError as error:
            yield "", error, {}


def _rows(name: str) -> Iterator[tuple[str, Atoms | AlignnError, Mapping[str, Any]]]:
    """Rows of a database of ASE, in the order of their numbers."""
    with ase.db.connect(name, append=True) as database:
        for row in database.select():
            try:
                content: Atoms | AlignnError = row.toatoms()
            except (ValueError, KeyError, TypeError) as error:
                content = StructureError(f"row {row.id} of {name} is damaged: {error}")
            yield f"{name}, row {row.id}", content, {**row.data, **row.key_value_pairs}


def _entries(name: str) -> Iterator[tuple[str, Atoms | AlignnError, Mapping[str, Any]]]:
    """Records of jarvis."""
    for place, entry in enumerate(read_entries(Path(name))):
        try:
            content: Atoms | AlignnError = atoms_of(entry.get("atoms") or {})
        except AlignnError as error:
            content = StructureError(f"record {place} of {name}: {error}")
        yield f"{name}, record {place}", content, entry


def _given(place: str, item: tuple[str, Atoms | AlignnError, Mapping[str, Any]], id_key: str | None) -> Given:
    where, content, names = item[0] or place, item[1], item[2]
    if id_key == "place":
        return Given(place, where, content)
    if id_key is not None and id_key not in names and isinstance(content, Atoms):
        raise StructureError(
            f"{where} has no {id_key!r} to be its id; it has {', '.join(names) or 'no names'}. Choose another "
            "--id-key, or `--id-key place` for the file and the place in it"
        )
    found = next((key for key in ((id_key,) if id_key else ID_KEYS) if key in names), None)
    return Given(place if found is None else str(names[found]), where, content)


def _content(content: Atoms | AlignnError) -> str:
    if isinstance(content, AlignnError):
        return str(content)
    described: dict[str, Any] = {
        "numbers": content.numbers.tolist(),
        "positions": content.positions.tolist(),
        "cell": content.cell.array.tolist(),
        "pbc": content.pbc.tolist(),
        "masses": content.get_masses().tolist(),
        "constraints": constraints_to_json(content),
    }
    return json.dumps(described)
