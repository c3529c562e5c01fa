"""Files: structures in, structures out, and writes that are never half done."""

from alignn_ff.io.atomic import atomic_write, write_json
from alignn_ff.io.structures import read_structure, read_structures, write_structure

__all__ = ["atomic_write", "read_structure", "read_structures", "write_json", "write_structure"]
