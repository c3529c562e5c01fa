"""The command line, run in the process of the tests."""

from collections.abc import Callable
from typing import NamedTuple


class CliResult(NamedTuple):
    """Result of a command."""

    code: int
    stdout: str
    stderr: str


CommandLine = Callable[..., CliResult]
