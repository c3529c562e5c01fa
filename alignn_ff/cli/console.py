"""Where the command line prints: results to stdout, everything else to stderr."""

from rich.console import Console

results = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
