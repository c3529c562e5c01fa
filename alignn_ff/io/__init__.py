"""Files: structures in, structures out, and writes that are complete or absent."""

from alignn_ff.io.atomic import atomic_write, write_json
from alignn_ff.io.claim import check_format, claim
from alignn_ff.io.disk import FULL, disk_errors, storage_error
from alignn_ff.io.structures import (
    Chosen,
    Source,
    check_atoms,
    choose_structure,
    iterate_structures,
    read_structure,
    read_structures,
    write_structure,
)

__all__ = [
    "FULL",
    "Chosen",
    "Source",
    "atomic_write",
    "check_atoms",
    "check_format",
    "choose_structure",
    "claim",
    "disk_errors",
    "iterate_structures",
    "read_structure",
    "read_structures",
    "storage_error",
    "write_json",
    "write_structure",
]
