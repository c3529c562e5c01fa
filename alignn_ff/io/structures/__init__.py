"""The door of structures: every file with atoms is read here, with one set of checks.

In: a path, and how to read it (:class:`Source`). Out: ASE's ``Atoms``, whole and physically possible, or an error that
names the file, the structure in it and the line.
"""

from alignn_ff.io.structures.closeness import CloseAtomsError
from alignn_ff.io.structures.disorder import DisorderError
from alignn_ff.io.structures.door import (
    Chosen,
    check_matter,
    choose_structure,
    iterate_structures,
    read_structure,
    read_structures,
    unread_labels,
    unread_structures,
)
from alignn_ff.io.structures.frame import Labelled
from alignn_ff.io.structures.index import Index, parse_index, select
from alignn_ff.io.structures.source import Source
from alignn_ff.io.structures.validity import check_atoms
from alignn_ff.io.structures.writing import write_structure

__all__ = [
    "Chosen",
    "CloseAtomsError",
    "DisorderError",
    "Index",
    "Labelled",
    "Source",
    "check_atoms",
    "check_matter",
    "choose_structure",
    "iterate_structures",
    "parse_index",
    "read_structure",
    "read_structures",
    "select",
    "unread_labels",
    "unread_structures",
    "write_structure",
]
