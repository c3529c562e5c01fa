"""The command line: parse, call one function, print one summary."""

from alignn_ff.cli.app import main

__all__ = ["main"]
