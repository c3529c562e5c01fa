"""Structures of files, checked: what every command and every reader of data calls."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ase import Atoms

from alignn_ff.errors import StructureError
from alignn_ff.io.structures.closeness import check_distances
from alignn_ff.io.structures.disorder import refuse_disorder
from alignn_ff.io.structures.formats import frames_of
from alignn_ff.io.structures.frame import Frame, Labelled
from alignn_ff.io.structures.index import pick, select
from alignn_ff.io.structures.source import Source
from alignn_ff.io.structures.validity import check_atoms

log = logging.getLogger(__name__)


class Chosen(NamedTuple):
    """One structure of a file.

    Attributes:
        atoms: the structure.
        path: of the file.
        place: in the file, from 0.
        n_structures: in the file.
    """

    atoms: Atoms
    path: Path
    place: int
    n_structures: int

    @property
    def sentence(self) -> str | None:
        """Which of several structures this is; None where there is no choice."""
        if self.n_structures == 1:
            return None
        last = ", the last" if self.place == self.n_structures - 1 else ""
        return f"{self.path} holds {self.n_structures} structures; number {self.place}{last}, is used (--index)"


def choose_structure(
    source: Source, *, allow_close_atoms: bool = False, format_if_unknown: str | None = None
) -> Chosen:
    """One structure of a file, by default the last.

    Args:
        source: the file, and which of its structures.
        allow_close_atoms: only warn of atoms at distances that no matter has.
        format_if_unknown: ASE's name of the format to try if name and content leave it open.

    Raises:
        StructureError: the file is empty, damaged or in no format that ASE reads, or the structure is disordered or
            physically impossible.
    """
    index = -1 if source.index is None else source.index
    if isinstance(index, slice):
        raise StructureError(f"one structure of {source.path} is needed; the index is a number, such as 0 or -1")
    frames = frames_of(source, format_if_unknown=format_if_unknown)
    with closing(frames):
        frame, picked = pick(frames, index, where=str(source.path))
        where = frame.where if picked.n_all > 1 else str(source.path)
        atoms = _whole(frame, where)
    check_matter(atoms, where, allow_close_atoms=allow_close_atoms)
    return Chosen(atoms, source.path, picked.place, picked.n_all)


def iterate_structures(source: Path | Source, *, format_if_unknown: str | None = None) -> Iterator[Atoms]:
    """The chosen structures of a file, one by one where the format allows it; distances are not checked.

    Frames of labelled data may be dimers, hot or compressed.

    Raises:
        StructureError: as :func:`choose_structure`.
    """
    for frame in _chosen(source, format_if_unknown):
        yield _whole(frame, frame.where)


def unread_structures(source: Source) -> Iterator[Callable[[], Atoms]]:
    """All structures of a file, whatever the index, each read and checked for disorder when it is called.

    Raises:
        StructureError: the file is empty, cut or in no format that ASE reads.
    """
    return (partial(_whole, frame, frame.where) for frame in _every(source))


def unread_labels(source: Source) -> Iterator[Callable[[], Labelled]]:
    """As :func:`unread_structures`, with what the file holds beside each structure.

    Raises:
        StructureError: the file is empty, cut or in no format that ASE reads.
    """
    return (partial(_labelled, frame) for frame in _every(source))


def _every(source: Source) -> Iterator[Frame]:
    """All frames of a file, which is closed when no more are wanted."""
    frames = frames_of(source)
    with closing(frames):
        yield from frames


def check_matter(atoms: Atoms, where: str, *, allow_close_atoms: bool = False) -> None:
    """Refuse a structure that is physically impossible.

    Raises:
        StructureError: numbers that are not finite, no cell where one is needed, atoms at distances that no matter has.
    """
    with _named(where):
        check_atoms(atoms)
        warning = check_distances(atoms, allow_close_atoms=allow_close_atoms)
    if warning is not None:
        log.warning("%s: %s", where, warning)


def read_structures(source: Path | Source, *, allow_close_atoms: bool = False) -> list[Atoms]:
    """The chosen structures of a file, by default all.

    Raises:
        StructureError: as :func:`choose_structure`, or the index chooses none.
    """
    found = []
    for frame in _chosen(source, None):
        atoms = _whole(frame, frame.where)
        check_matter(atoms, frame.where, allow_close_atoms=allow_close_atoms)
        found.append(atoms)
    if not found:
        chosen = isinstance(source, Source) and source.index is not None
        raise StructureError(f"{_path(source)} holds no structure" + (" that the index chooses" if chosen else ""))
    return found


def read_structure(
    source: Path | Source, *, allow_close_atoms: bool = False, format_if_unknown: str | None = None
) -> Atoms:
    """The atoms of :func:`choose_structure`."""
    given = source if isinstance(source, Source) else Source.of(source)
    return choose_structure(given, allow_close_atoms=allow_close_atoms, format_if_unknown=format_if_unknown).atoms


def _chosen(source: Path | Source, format_if_unknown: str | None) -> Iterator[Frame]:
    given = source if isinstance(source, Source) else Source.of(source)
    frames = frames_of(given, format_if_unknown=format_if_unknown)
    with closing(frames):
        yield from frames if given.index is None else select(frames, given.index)


def _path(source: Path | Source) -> Path:
    return source.path if isinstance(source, Source) else source


def _labelled(frame: Frame) -> Labelled:
    """The atoms of a frame, one on every site, with its results."""
    found = frame.labelled()
    with _named(frame.where):
        refuse_disorder(found.atoms)
    return found


def _whole(frame: Frame, where: str) -> Atoms:
    """The atoms of a frame, one on every site."""
    atoms = frame.parse()
    with _named(where):
        refuse_disorder(atoms)
    return atoms


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Errors of the checks, with the file and the frame."""
    try:
        yield
    except StructureError as error:
        raise type(error)(f"{where}: {error}") from error
