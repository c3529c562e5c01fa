"""Where an output goes that a user may have named: ``--output`` of the commands."""

import os
from pathlib import Path


def named_output(output: str | Path | None, default: str) -> Path:
    """The path of an output, or the beginning of the paths of several.

    Args:
        output: a path; or a folder, which exists or ends with "/": ``default`` in it; None: ``default`` in the
            current folder.
        default: name where the user gives none.
    """
    if output is None:
        return Path(default)
    separators = tuple(filter(None, (os.sep, os.altsep)))
    if str(output).endswith(separators) or Path(output).is_dir():
        return Path(output) / default
    return Path(output)
