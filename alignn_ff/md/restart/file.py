"""Restart files: everything that a run needs to go on bit for bit, in one file, numbers in binary.

In and out: a JSON-ready description and named arrays. A NumPy archive holds both; nothing in it is executed.
"""

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from ase import Atoms
from ase.constraints import dict2constraint
from numpy.typing import NDArray

from alignn_ff.errors import CheckpointError, ConfigError
from alignn_ff.io import atomic_write
from alignn_ff.trajectory.record_file import disk_failed

FORMAT: Final = "alignn-ff restart"
VERSION: Final = 1
Arrays = Mapping[str, NDArray[Any]]


class RestartContent(NamedTuple):
    """What a restart file holds.

    Attributes:
        description: JSON-ready.
        atoms: with momenta, constraints and all arrays.
        integrator: what the integrator remembers.
    """

    description: dict[str, Any]
    atoms: Atoms
    integrator: dict[str, NDArray[np.float64]]


def write_restart(path: Path, content: RestartContent) -> None:
    """Write a restart file atomically; the one that was there stays as ``previous(path)``.

    Raises:
        OutputError: the disk is full or failing; the file that was there is untouched.
    """
    atoms = content.atoms
    head = {
        "format": FORMAT,
        "version": VERSION,
        "constraints": constraints_to_json(atoms),
        **content.description,
    }
    arrays = {
        **{f"atoms/{name}": array for name, array in atoms.arrays.items()},
        **{f"integrator/{name}": array for name, array in content.integrator.items()},
        "cell": atoms.cell.array,
        "pbc": atoms.pbc,
        "head": np.array(json.dumps(head)),
    }
    try:
        if path.exists():
            with atomic_write(previous(path)) as temporary:
                shutil.copyfile(path, temporary)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise disk_failed(path, error) from error


def previous(path: Path) -> Path:
    """Where the restart file before the last one is kept."""
    return path.with_name(f"{path.stem}-previous{path.suffix}")


def read_restart(path: Path) -> RestartContent:
    """The content of a restart file.

    Raises:
        CheckpointError: the file is missing, damaged, something else, or of a newer version.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        head = json.loads(str(arrays["head"]))
        assert head["format"] == FORMAT
    except FileNotFoundError as error:
        raise CheckpointError(
            f"no such restart file: {path}; a run with --output PREFIX writes PREFIX.restart"
        ) from error
    except OSError as error:
        raise CheckpointError(f"cannot read the restart file {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, AssertionError, TypeError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        older = f"; {previous(path)} is the one before it" if previous(path).exists() else ""
        raise CheckpointError(f"{path} is damaged or no restart file of alignn-ff md{older}") from error
    if head["version"] > VERSION:
        raise CheckpointError(
            f"{path} has version {head['version']}, this alignn-ff reads up to {VERSION}; install a newer alignn-ff"
        )
    return RestartContent(head, _atoms(arrays, head), _named(arrays, "integrator/"))


def constraints_to_json(atoms: Atoms) -> list[dict[str, Any]]:
    """Constraints as ASE describes them.

    Raises:
        ConfigError: one that cannot be described, so that no restart could obey it.
    """
    described = []
    for constraint in atoms.constraints:
        try:
            described.append(json.loads(json.dumps(constraint.todict(), default=_plain)))
        except (AttributeError, NotImplementedError, TypeError) as error:
            raise ConfigError(
                f"the constraint {type(constraint).__name__} cannot be kept in a restart file; remove it, or run "
                "without files"
            ) from error
    return described


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _atoms(arrays: Arrays, head: Mapping[str, Any]) -> Atoms:
    own = _named(arrays, "atoms/")
    atoms = Atoms(own.pop("numbers"), own.pop("positions"), cell=arrays["cell"], pbc=arrays["pbc"])
    for name, array in own.items():
        atoms.set_array(name, array)
    atoms.set_constraint([dict2constraint(described) for described in head["constraints"]])
    return atoms


def _named(arrays: Arrays, prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
