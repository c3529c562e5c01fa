"""The head of a restart file: all state except the arrays, typed and versioned, for every kind of run.

A kind of run declares its head, its version, and one function per older version that upgrades a head by one version.
A newer version, another kind, or a missing or wrong entry is an error that names it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from alignn_ff.errors import AlignnError, CheckpointError
from alignn_ff.runs.model_record import ModelRecord

Content = dict[str, Any]
Upgrade = Callable[[Content], Content]


class RestartHead(BaseModel):
    """Entries of every restart file.

    Attributes:
        FORMAT: name of the file format.
        VERSION: the version that this package writes.
        UPGRADES: version → function from a head of that version to the next one.
        model: that gives the forces.
        versions: of the software that wrote the file.
        command: the command that started the run; None if there was none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    FORMAT: ClassVar[str]
    VERSION: ClassVar[int]
    UPGRADES: ClassVar[Mapping[int, Upgrade]]

    model: ModelRecord
    versions: dict[str, str] = {}
    command: str | None = None

    def content(self) -> Content:
        """JSON-ready content, with format and version."""
        return {"format": self.FORMAT, "version": self.VERSION, **self.model_dump(mode="json")}


Head = TypeVar("Head", bound=RestartHead)


def read_head(path: Path, content: object, head: type[Head]) -> Head:
    """The head of a restart file, upgraded to the current version.

    Args:
        path: of the file, for messages.
        content: result of :meth:`RestartHead.content`.
        head: kind of the run.

    Raises:
        CheckpointError: another format, an unknown version, or an entry that is missing or wrong.
    """
    if not isinstance(content, dict) or content.get("format") != head.FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise CheckpointError(
            f"{path} is not a restart file of this kind: its format is {found!r}, not {head.FORMAT!r}"
        )
    entries = {name: value for name, value in content.items() if name not in ("format", "version")}
    version = content.get("version")
    if not isinstance(version, int) or version not in {*head.UPGRADES, head.VERSION}:
        raise CheckpointError(
            f"{path} has version {version!r}; this alignn-ff reads versions {min({*head.UPGRADES, head.VERSION})} to "
            f"{head.VERSION}. A newer alignn-ff wrote it, or it is damaged: install the version that wrote it"
            f"{_written_by(content)}"
        )
    try:
        for old in range(version, head.VERSION):
            entries = head.UPGRADES[old](entries)
        return head.model_validate(entries)
    except ValidationError as error:
        raise CheckpointError(f"{path} is damaged: {_first_problem(error)}{_written_by(content)}") from error
    except (AlignnError, KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"the entry {error} is missing" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(f"{path} is damaged: {what}{_written_by(content)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(str(step) for step in problem["loc"])
    if problem["type"] == "missing":
        return f"the entry {place!r} is missing"
    return f"the entry {place!r} is {problem['input']!r}; {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _written_by(content: Content) -> str:
    versions = content.get("versions")
    version = versions.get("alignn-ff") if isinstance(versions, dict) else None
    return "" if version is None else f" (it was written by alignn-ff {version})"
