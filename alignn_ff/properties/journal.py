"""The journal of a property run: each finished piece of work is one line of a file, so that a killed run loses little.

The first line identifies the run. A restart with another structure, config or model is refused. Each line has a
checksum; work whose line is torn or damaged is done again. Numbers read back to the same bits.
"""

import hashlib
import json
import logging
from pathlib import Path
from typing import IO, Any, Final, Self

from alignn_ff.errors import CheckpointError, ConfigError
from alignn_ff.io.seal import OPEN, is_whole, sealed

log = logging.getLogger(__name__)

FORMAT: Final = "alignn-ff property journal"
VERSION: Final = 2
VERSIONS: Final = (1, 2)  # 2 adds a checksum to each line; those of 1 are read without


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
        head = {"format": FORMAT, "version": VERSION, "identity": identity or {}, "checksum": OPEN}
        if resume:
            self._done = _read(path, head)
        self._file = path.open("w", encoding="utf-8")
        self._file.write(sealed(json.dumps(head)) + "\n")
        self._file.writelines(_line(name, content) for name, content in self._done.items())
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
            self._file.write(_line(name, content))
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


def _line(name: str, content: Any) -> str:
    return sealed(json.dumps([name, content, OPEN])) + "\n"


def _head(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.readline().rstrip("\n")
        head: dict[str, Any] = json.loads(text)
        if head.get("format") != FORMAT:
            raise ValueError("it has another format")
    except OSError as error:
        raise CheckpointError(f"cannot read the restart file {path}: {error.strerror or error}") from error
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is not the restart file of a property: {error}") from error
    if head.get("version") not in VERSIONS:
        raise CheckpointError(
            f"{path} has version {head.get('version')!r}, this alignn-ff reads versions 1 to {VERSION}; start again "
            "without --restart"
        )
    if (head["version"] > 1 and not is_whole(text)) or not isinstance(head.get("identity"), dict):
        raise CheckpointError(f"{path} is damaged: its first line has changed; start again without --restart")
    return head


def _read(path: Path, head: dict[str, Any]) -> dict[str, Any]:
    """The work that is done, by name."""
    found = _head(path)
    wanted = json.loads(json.dumps(head))
    if found["identity"] != wanted["identity"]:
        different = [key for key in wanted["identity"] if found["identity"].get(key) != wanted["identity"][key]]
        raise ConfigError(f"{path} is of another run: {', '.join(different) or 'its content'} differ; start without it")
    done, damaged = dict[str, Any](), 0
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[1:]:
        piece = _piece(line, checked=found["version"] > 1)
        if piece is not None:
            done[piece[0]] = piece[1]
        elif line:
            damaged += 1
    if damaged:
        log.warning("%s: %d line(s) are torn or damaged; that work is done again", path, damaged)
    return done


def _piece(line: str, *, checked: bool) -> tuple[str, Any] | None:
    """Name and result in a line; None where it is torn or damaged."""
    if checked and not is_whole(line):
        return None
    try:
        piece = json.loads(line)
    except ValueError:
        return None
    is_one = isinstance(piece, list) and len(piece) > 1 and isinstance(piece[0], str)
    return (piece[0], piece[1]) if is_one else None
