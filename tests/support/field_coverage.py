"""Tests of each field of the training config, read from the marker ``config_field``; nothing is run."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from alignn_ff.train.config.reference import field_names

TESTS = Path(__file__).parents[1]
MARKER = "config_field"


@cache
def covered_fields() -> dict[str, list[str]]:
    """Field → tests that are marked with it, "room/test_x.py::test_y"."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                for name in dict.fromkeys(_marked(function)):
                    found[name].append(f"{path.relative_to(TESTS)}::{function.name}")
    return dict(found)


def coverage_table() -> str:
    """Markdown: one row per field."""
    covered = covered_fields()
    rows = [f"| `{name}` | {' · '.join(f'`{test}`' for test in covered.get(name, []))} |" for name in field_names()]
    return "\n".join(["| field | tests |", "|---|---|", *rows, ""])


def _marked(function: ast.FunctionDef) -> Iterator[str]:
    """Names in the markers of a test, also in those of its parameter sets."""
    for decorator in function.decorator_list:
        for node in ast.walk(decorator):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == MARKER:
                yield from (str(ast.literal_eval(argument)) for argument in node.args)
