"""Memory allocation is a setting of the process: only the command line changes it."""

import ast
import sys
from pathlib import Path

import pytest

import alignn_ff
from alignn_ff.allocator import keep_freed_memory

PACKAGE = Path(alignn_ff.__file__).parent


def importers() -> set[str]:
    """Modules of the package that import the allocator."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "alignn_ff.allocator":
                found.add(path.relative_to(PACKAGE).parts[0])
    return found


def test_only_the_command_line_changes_the_allocator() -> None:
    assert importers() == {"cli"}


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_the_setting_is_taken() -> None:
    assert keep_freed_memory()
