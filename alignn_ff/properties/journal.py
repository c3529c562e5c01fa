"""The journal of a property run: each finished piece of work is one line of a file, so that a killed run loses little.

The first line identifies the run. A restart with another structure, config or model is refused; a torn last line is
ignored. Numbers read back to the same bits.
"""

import hashlib
import json
from pathlib import Path
from typing import IO, Any, Final, Self

from alignn_ff.errors import CheckpointError, ConfigError

FORMAT: Final = "alignn-ff property journal"
VERSION: Final = 1


class Journal:
    """Finished work by name; in memory where no file is given.

    Args:
        path: of the file; None keeps nothing on disk.
        identity: what decides the numbers: property, structures, config, model.
        resume: whether the work in the file is read; otherwise the file is written anew.

    Raises:
        CheckpointError: the file is not a journal, or of another run.
    """

    def __init__(
        self, path: Path | None = None, identity: dict[str, Any] | None = None, *, resume: bool = False
    ) -> None:
        self._done: dict[str, Any] = {}
        self._file: IO[str] | None = None
        if path is None:
            return
        head = {"format": FORMAT, "version": VERSION, "identity": identity or {}}
        kept = _read(path, head) if resume else [json.dumps(head)]
        for line in kept[1:]:
            name, content = json.loads(line)
            self._done[name] = content
        self._file = path.open("w", encoding="utf-8")
        self._file.writelines(f"{line}\n" for line in kept)
        self._file.flush()

    @property
    def n_done(self) -> int:
        """Number of pieces of work that are done."""
        return len(self._done)

    def read(self, name: str) -> Any:
        """The result of a piece of work; None where it is not done."""
        return self._done.get(name)

    def write(self, name: str, content: Any) -> None:
        """Keep the result of a piece of work."""
        if self._file is not None:
            self._done[name] = content
            self._file.write(json.dumps([name, content]) + "\n")
            self._file.flush()

    def __enter__(self) -> Self:
        """The journal itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def read_identity(path: Path) -> dict[str, Any]:
    """What a journal is of.

    Raises:
        CheckpointError: it is not a journal that this version reads.
    """
    head = _head(path)
    identity: dict[str, Any] = head["identity"]
    return identity


def digest(content: object) -> str:
    """SHA-256 of JSON-ready content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _head(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            head = json.loads(file.readline())
        if head.get("format") != FORMAT:
            raise ValueError("it has another format")
    except OSError as error:
        raise CheckpointError(f"cannot read the restart file {path}: {error.strerror or error}") from error
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is not the restart file of a property: {error}") from error
    if head.get("version") != VERSION:
        raise CheckpointError(
            f"{path} has version {head.get('version')!r}, this alignn-ff reads version {VERSION}; start again without "
            "--restart"
        )
    content: dict[str, Any] = head
    return content


def _read(path: Path, head: dict[str, Any]) -> list[str]:
    """The lines that are whole."""
    found = _head(path)
    wanted = json.loads(json.dumps(head))
    if found["identity"] != wanted["identity"]:
        different = [key for key in wanted["identity"] if found["identity"].get(key) != wanted["identity"][key]]
        raise ConfigError(f"{path} is of another run: {', '.join(different) or 'its content'} differ; start without it")
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            json.loads(line)
        except ValueError:
            break
        lines.append(line)
    return lines
