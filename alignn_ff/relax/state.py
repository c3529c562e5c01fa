"""The state of a relaxation on disk, so that it goes on to the same bits as if it had never stopped.

JSON, since Python writes every float64 so that it reads back exactly; nothing in the file can run code. The space of
strains, the symmetry and the filter are made again from the start, then positions, cell and the optimiser's memory are
put back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from ase import Atoms
from ase.io.jsonio import decode, encode
from ase.optimize.optimize import Optimizer
from scipy.sparse import csr_matrix

from alignn_ff.errors import CheckpointError
from alignn_ff.io import atomic_write
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.periodic_size import SIZE_UNITS, PeriodicSize
from alignn_ff.relax.result import RelaxStep
from alignn_ff.runs import object_state
from alignn_ff.runs.model_record import ModelRecord, software_versions
from alignn_ff.runs.restart_head import Content, RestartHead, Upgrade, read_head


def _from_version_1(content: Content) -> Content:
    """Version 1 held only the hash of the model, and its name where the command line wrote it."""
    run = dict(content["run"])
    execution = {name: run[name] for name in ("dtype", "device", "backend") if name in run}
    model = {"name": run.get("model", "unknown"), "sha256": content["model_sha256"], **execution}
    entries = {name: value for name, value in content.items() if name != "model_sha256"}
    return {**entries, "model": model}


class RelaxHead(RestartHead):
    """Head of a restart file of a relaxation.

    Attributes:
        config: of the relaxation.
        steps: so far, the start included, JSON-ready.
        run: what the caller needs to start again, such as model and files.
    """

    FORMAT: ClassVar[str] = "alignn-ff relaxation"
    VERSION: ClassVar[int] = 3
    UPGRADES: ClassVar[Mapping[int, Upgrade]] = {
        1: _from_version_1,
        2: lambda content: content,  # 3 adds what happens outside of the training data, with a default
    }

    config: RelaxConfig
    steps: list[dict[str, Any]]
    run: dict[str, Any]


@dataclass(frozen=True)
class RelaxState:
    """The state of a relaxation.

    Attributes:
        config: how it is relaxed.
        start: the structure it began with, constraints included.
        positions, cell: now, Å.
        memory: of the optimiser, by attribute.
        steps: so far, the start included.
        model: behind the forces.
        run: what the caller needs to start again, such as model and files.
    """

    config: RelaxConfig
    start: Atoms
    positions: Any
    cell: Any
    memory: Mapping[str, object]
    steps: tuple[RelaxStep, ...]
    model: ModelRecord
    run: Mapping[str, Any]


ARRAYS: Final = ("start", "positions", "cell", "memory")
"""Entries of the file beside its head."""


def write_state(path: Path, state: RelaxState) -> None:
    """Write a state atomically.

    Raises:
        OutputError: the disk is full or failing; the file that was there is untouched.
    """
    head = RelaxHead(
        config=state.config,
        steps=[_plain_step(step) for step in state.steps],
        run=dict(state.run),
        model=state.model,
        versions=software_versions(),
    )
    arrays = {"start": state.start, "positions": state.positions, "cell": state.cell, "memory": dict(state.memory)}
    with atomic_write(path) as temporary:
        temporary.write_text(encode({**head.content(), **arrays}), encoding="utf-8")


def read_state(path: str | Path) -> RelaxState:
    """Read a state.

    Raises:
        CheckpointError: the file is missing, damaged, something else, or of an unknown version.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no such restart file: {path}")
    try:
        content = decode(path.read_text(encoding="utf-8"), always_array=False)
        assert isinstance(content, dict)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        raise CheckpointError(
            f"{path} is not a restart file of a relaxation ({type(error).__name__}: {error}); `alignn-ff relax` writes "
            "one beside the structure when it is stopped or runs out of steps"
        ) from error
    head = read_head(path, {name: value for name, value in content.items() if name not in ARRAYS}, RelaxHead)
    try:
        return RelaxState(
            config=head.config,
            **{name: content[name] for name in ARRAYS},
            steps=tuple(_step(plain) for plain in head.steps),
            model=head.model,
            run=head.run,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged: the entry {error} is missing or wrong") from error


def memory_of(optimizer: Optimizer, names: Sequence[str]) -> dict[str, object]:
    """What an optimiser keeps between steps, by attribute."""
    return {name: _pack(value) for name, value in object_state.take(optimizer, names).items()}


def put_back(state: RelaxState, atoms: Atoms, optimizer: Optimizer) -> None:
    """Give a freshly made relaxation the positions, cell and memory of a state, in place."""
    atoms.set_cell(np.asarray(state.cell), scale_atoms=False, apply_constraint=False)
    atoms.set_positions(np.asarray(state.positions), apply_constraint=False)
    optimizer.nsteps = state.steps[-1].step
    object_state.put(optimizer, {name: _unpack(value) for name, value in state.memory.items()})


def _pack(value: Any) -> object:
    if isinstance(value, csr_matrix):
        return {"csr": [value.data, value.indices, value.indptr, list(value.shape)]}
    if isinstance(value, list):
        return [_pack(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpack(value: Any) -> object:
    if isinstance(value, dict) and "csr" in value:
        data, indices, indptr, shape = value["csr"]
        return csr_matrix((data, indices, indptr), shape=tuple(shape))
    return value


def _plain_step(step: RelaxStep) -> dict[str, object]:
    plain = step._asdict()
    size = plain.pop("size")
    if size is not None:
        dimension = next(d for d, units in SIZE_UNITS.items() if units == size.units)
        size = {"dimension": dimension, "size": size.size, "stress": size.stress}
    return {**plain, "extent": size}


def _step(plain: dict[str, Any]) -> RelaxStep:
    step = dict(plain)
    size = step.pop("extent")
    if size is not None:
        stress = None if size["stress"] is None else tuple(size["stress"])
        size = PeriodicSize(SIZE_UNITS[size["dimension"]], size["size"], stress)
    return RelaxStep(**step, size=size)
