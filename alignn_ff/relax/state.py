"""The state of a relaxation on disk, so that it goes on to the same bits as if it had never stopped.

JSON, since Python writes every float64 so that it reads back exactly; nothing in the file can run code. The space of
strains, the symmetry and the filter are made again from the start, then positions, cell and the optimiser's memory are
put back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from ase import Atoms
from ase.io.jsonio import decode, encode
from ase.optimize.optimize import Optimizer
from scipy.sparse import csr_matrix

from alignn_ff.errors import ConfigError
from alignn_ff.io import atomic_write
from alignn_ff.relax.config import RelaxConfig
from alignn_ff.relax.periodic_size import SIZE_UNITS, PeriodicSize
from alignn_ff.relax.result import RelaxStep

FORMAT: Final = "alignn-ff relaxation"
VERSION: Final = 1


@dataclass(frozen=True)
class RelaxState:
    """Where a relaxation stands.

    Attributes:
        config: how it is relaxed.
        start: the structure it began with, constraints included.
        positions, cell: now, Å.
        memory: of the optimiser, by attribute.
        steps: so far, the start included.
        model_sha256: of the model; None for a calculator that has none.
        run: whatever the caller needs to start again, such as model and files.
    """

    config: RelaxConfig
    start: Atoms
    positions: Any
    cell: Any
    memory: Mapping[str, object]
    steps: tuple[RelaxStep, ...]
    model_sha256: str | None
    run: Mapping[str, Any]


def write_state(path: Path, state: RelaxState) -> None:
    """Write a state atomically."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "config": state.config.model_dump(mode="json"),
        "start": state.start,
        "positions": state.positions,
        "cell": state.cell,
        "memory": dict(state.memory),
        "steps": [_plain_step(step) for step in state.steps],
        "model_sha256": state.model_sha256,
        "run": dict(state.run),
    }
    with atomic_write(path) as temporary:
        temporary.write_text(encode(content), encoding="utf-8")


def read_state(path: Path) -> RelaxState:
    """Read a state.

    Raises:
        ConfigError: the file is missing or holds none.
    """
    if not path.is_file():
        raise ConfigError(f"no such restart file: {path}")
    try:
        content = decode(path.read_text(encoding="utf-8"), always_array=False)
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ConfigError(
                f"{path} is {content['format']!r} version {content['version']}; this version of alignn-ff reads "
                f"{FORMAT!r} version {VERSION}"
            )
        return RelaxState(
            config=RelaxConfig.model_validate(content["config"]),
            start=content["start"],
            positions=content["positions"],
            cell=content["cell"],
            memory=content["memory"],
            steps=tuple(_step(plain) for plain in content["steps"]),
            model_sha256=content["model_sha256"],
            run=content["run"],
        )
    except (ValueError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is no restart file of a relaxation ({type(error).__name__}: {error}); `alignn-ff relax` writes "
            "one beside the structure when it is stopped or runs out of steps"
        ) from error


def memory_of(optimizer: Optimizer, names: Sequence[str]) -> dict[str, object]:
    """What an optimiser remembers, by attribute."""
    memory: dict[str, object] = {}
    for name in names:
        value: Any = optimizer
        for part in name.split("."):
            value = getattr(value, part, None)
        memory[name] = _pack(value)
    return memory


def put_back(state: RelaxState, atoms: Atoms, optimizer: Optimizer) -> None:
    """Give a freshly made relaxation the positions, cell and memory of a state, in place."""
    atoms.set_cell(np.asarray(state.cell), scale_atoms=False, apply_constraint=False)
    atoms.set_positions(np.asarray(state.positions), apply_constraint=False)
    optimizer.nsteps = state.steps[-1].step
    for name, value in state.memory.items():
        *owners, attribute = name.split(".")
        owner: Any = optimizer
        for part in owners:
            owner = getattr(owner, part)
        setattr(owner, attribute, _unpack(value))


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
