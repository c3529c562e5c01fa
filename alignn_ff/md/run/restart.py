"""Restart files of dynamics: the complete state of a run in one file, with numbers in binary form.

In and out: a typed head and named arrays, both in one NumPy archive. Nothing in the file is executed.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from ase import Atoms
from ase.constraints import dict2constraint
from numpy.typing import NDArray
from pydantic import Field

from alignn_ff.errors import CheckpointError, ConfigError, StructureError
from alignn_ff.io import atomic_write, check_atoms
from alignn_ff.md.config import MDConfig
from alignn_ff.md.files import previous
from alignn_ff.md.guards.checks import Baseline
from alignn_ff.md.harvest import NOTHING_WATCHED, WatchState
from alignn_ff.md.run.propagator import StageProgress
from alignn_ff.md.run.record import RunRecordState
from alignn_ff.runs.restart_head import Content, RestartHead, Upgrade, read_head
from alignn_ff.trajectory.record_file import disk_failed

Arrays = Mapping[str, NDArray[Any]]


def _from_version_1(content: Content) -> Content:
    """Version 1 stored the progress as "place", and the series of a run under private names."""
    stages = [
        {**stage, "series": {name: _public_names(series) for name, series in stage["series"].items()}}
        for stage in content["record"]["stages"]
    ]
    entries = {name: value for name, value in content.items() if name != "place"}
    return {**entries, "progress": content["place"], "record": {**content["record"], "stages": stages}}


def _public_names(series: Content) -> Content:
    return {name.removeprefix("_"): value for name, value in series.items()}


class MDHead(RestartHead):
    """Head of a restart file of dynamics.

    Attributes:
        config: of the run.
        progress: its position in the schedule.
        rng: state of the random numbers.
        baseline: reference values of the guards.
        record: data of the summary so far.
        outputs: output file → its length, in bytes or frames.
        prefix: first part of the names of the output files.
        constraints: in the JSON form of ASE.
        watch: what was counted of the uncertainty.
        ending: state of what may end the run early; empty without such.
    """

    FORMAT: ClassVar[str] = "alignn-ff restart"
    VERSION: ClassVar[int] = 5
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {
        1: _from_version_1,
        2: lambda content: content,  # 3 adds what happens outside of the training data, with a default
        3: lambda content: content,  # 4 adds the uncertainty, with defaults
        4: lambda content: content,  # 5 adds the ending, empty by default
    }

    config: MDConfig
    progress: StageProgress
    rng: dict[str, Any]
    baseline: Baseline
    record: RunRecordState
    outputs: dict[str, int]
    prefix: str
    constraints: list[dict[str, Any]]
    watch: WatchState = NOTHING_WATCHED
    ending: dict[str, Any] = Field({})


class RestartContent(NamedTuple):
    """Content of a restart file.

    Attributes:
        head: typed and JSON-ready.
        atoms: with momenta, constraints and all arrays.
        integrator: its state between two steps.
    """

    head: MDHead
    atoms: Atoms
    integrator: dict[str, NDArray[np.float64]]


def write_restart(path: Path, content: RestartContent) -> None:
    """Write a restart file atomically; an existing one is kept as ``previous(path)``.

    Raises:
        OutputError: the disk is full or failing; an existing file is unchanged.
    """
    atoms = content.atoms
    arrays = {
        **{f"atoms/{name}": array for name, array in atoms.arrays.items()},
        **{f"integrator/{name}": array for name, array in content.integrator.items()},
        "cell": atoms.cell.array,
        "pbc": atoms.pbc,
        "head": np.array(json.dumps(content.head.content())),
    }
    try:
        if path.exists():
            with atomic_write(previous(path)) as temporary:
                shutil.copyfile(path, temporary)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise disk_failed(path, error) from error


def read_restart(path: Path) -> RestartContent:
    """The content of a restart file.

    Raises:
        CheckpointError: the file is missing, damaged, not a restart file, or of a newer version.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        described = json.loads(str(arrays["head"]))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"no such restart file: {path}; a run with --output PREFIX writes PREFIX.restart"
        ) from error
    except OSError as error:
        raise CheckpointError(f"cannot read the restart file {path}: {error.strerror or error}") from error
    except Exception as error:  # NumPy's reader raises anything on junk
        older = f"; {previous(path)} is the one before it" if previous(path).exists() else ""
        raise CheckpointError(f"{path} is damaged or not a restart file of alignn-ff md{older}") from error
    head = read_head(path, described, MDHead)
    try:
        return RestartContent(head, _atoms(arrays, head), _named(arrays, "integrator/"))
    except (KeyError, TypeError, ValueError, StructureError) as error:
        raise CheckpointError(f"{path} is damaged: its arrays do not describe a structure ({error})") from error


def constraints_to_json(atoms: Atoms) -> list[dict[str, Any]]:
    """Constraints in the JSON form of ASE.

    Raises:
        ConfigError: a constraint has no such form, so a restart could not restore it.
    """
    described = []
    for constraint in atoms.constraints:
        try:
            described.append(json.loads(json.dumps(constraint.todict(), default=_plain)))
        except (AttributeError, NotImplementedError, TypeError) as error:
            raise ConfigError(
                f"the constraint {type(constraint).__name__} cannot be saved in a restart file; remove it, or run "
                "without output files"
            ) from error
    return described


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _atoms(arrays: Arrays, head: MDHead) -> Atoms:
    own = _named(arrays, "atoms/")
    atoms = Atoms(own.pop("numbers"), own.pop("positions"), cell=arrays["cell"], pbc=arrays["pbc"])
    for name, array in own.items():
        atoms.set_array(name, array)
    check_atoms(atoms)
    atoms.set_constraint([dict2constraint(described) for described in head.constraints])
    return atoms


def _named(arrays: Arrays, prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
