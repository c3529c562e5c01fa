"""Files: structures in, structures out, and writes that are never half done."""

from alignn_ff.io.atomic import atomic_write, write_json
from alignn_ff.io.claim import check_format, claim
from alignn_ff.io.structures import iterate_structures, read_structure, read_structures, write_structure

__all__ = [
    "atomic_write",
    "check_format",
    "claim",
    "iterate_structures",
    "read_structure",
    "read_structures",
    "write_json",
    "write_structure",
]
