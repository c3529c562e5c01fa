"""Files: structures in, structures out, and writes that are complete or absent."""

from alignn_ff.io.atomic import atomic_write, write_json
from alignn_ff.io.claim import EarlierRun, check_format, claim, claimed
from alignn_ff.io.disk import FULL, disk_errors, storage_error
from alignn_ff.io.naming import named_output
from alignn_ff.io.sole_writer import sole_writer
from alignn_ff.io.structures import (
    Chosen,
    CloseAtomsError,
    DisorderError,
    Index,
    Labelled,
    Source,
    check_atoms,
    check_matter,
    choose_structure,
    iterate_structures,
    parse_index,
    read_structure,
    read_structures,
    select,
    unread_labels,
    unread_structures,
    write_structure,
)

__all__ = [
    "FULL",
    "Chosen",
    "CloseAtomsError",
    "DisorderError",
    "EarlierRun",
    "Index",
    "Labelled",
    "Source",
    "atomic_write",
    "check_atoms",
    "check_format",
    "check_matter",
    "choose_structure",
    "claim",
    "claimed",
    "disk_errors",
    "iterate_structures",
    "named_output",
    "parse_index",
    "read_structure",
    "read_structures",
    "select",
    "sole_writer",
    "storage_error",
    "unread_labels",
    "unread_structures",
    "write_json",
    "write_structure",
]
