"""Frames of a trajectory, one at a time, in any format: with times, unwrapped positions and velocities.

Positions are unwrapped by the shortest step from frame to frame, in fractions of the cell, so a cell that breathes
carries no atom along. Each step is then a length again by the cell of its frame.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import ase.io
import numpy as np
from ase import Atoms, units
from ase.io.formats import UnknownFileTypeError
from numpy.typing import NDArray

from alignn_ff.analysis.config import AnalysisConfig
from alignn_ff.errors import ConfigError, StructureError
from alignn_ff.log import get_logger
from alignn_ff.trajectory.reading import iterate_trajectory

FARTHEST_STEP: Final = 0.4
"""A step between frames longer than this part of the cell may have been unwrapped the wrong way round."""

ROUNDING_FS: Final = 1e-6

FloatArray = NDArray[np.float64]


class Frame(NamedTuple):
    """One frame.

    Attributes:
        number: from 0, among the frames that are used.
        block: in time, from 0.
        atoms: as in the file.
        fractional: (n_atoms, 3) unwrapped, in units of the cell (missing vectors completed).
        positions: (n_atoms, 3) Å, unwrapped.
        velocities: (n_atoms, 3) Å/fs; None without momenta in the file.
    """

    number: int
    block: int
    atoms: Atoms
    fractional: FloatArray
    positions: FloatArray
    velocities: FloatArray | None


class Clock(NamedTuple):
    """Which frames are used, and their times.

    Attributes:
        chosen: indices in the file.
        frame_time_fs: between frames that are used; None if nobody knows, or it varies.
        first_fs: time of the first one that is used.
        complaint: why there is no time between frames.
    """

    chosen: range
    frame_time_fs: float | None
    first_fs: float
    complaint: str


Reader = Callable[[Path], Iterator[Atoms]]


def read_with_ase(path: Path) -> Iterator[Atoms]:
    """Frames of any format that ASE reads.

    Raises:
        StructureError: it does not.
    """
    try:
        yield from ase.io.iread(path, index=":")
    except UnknownFileTypeError as error:
        raise StructureError(
            f"cannot tell the format of {path} ({error}); extended XYZ, .traj, H5MD and every trajectory that ASE "
            "reads are allowed"
        ) from error
    except Exception as error:  # ASE's readers raise anything on junk
        raise StructureError(f"cannot read {path} as a trajectory: {type(error).__name__}: {error}") from error


READERS: Final[dict[str, Reader]] = dict.fromkeys((".extxyz", ".xyz", ".traj", ".h5"), iterate_trajectory)
"""Suffix → reader; ASE reads the rest."""


def iterate_frames(path: Path) -> Iterator[Atoms]:
    """Frames of a file as they stand there, one at a time.

    Raises:
        StructureError: the file is missing or damaged, or frames differ in their atoms.
    """
    if not path.is_file():
        raise StructureError(f"no such trajectory: {path}")
    first: Atoms | None = None
    for index, atoms in enumerate(READERS.get(path.suffix.lower(), read_with_ase)(path)):
        first = first or atoms
        if not np.array_equal(atoms.numbers, first.numbers):
            raise StructureError(
                f"{path}, frame {index} has {len(atoms)} atoms, {atoms.get_chemical_formula()}; frame 0 has "
                f"{len(first)}, {first.get_chemical_formula()}: a trajectory keeps its atoms and their order"
            )
        if not np.isfinite(atoms.positions).all():
            raise StructureError(f"{path}, frame {index}: positions are no finite numbers")
        yield atoms


def read_clock(path: Path, config: AnalysisConfig) -> Clock:
    """Look through a file once, for the number of frames and their times.

    Raises:
        StructureError: the file is missing, damaged or empty.
        ConfigError: no frame lies in the chosen interval, or times are asked for that nobody knows.
    """
    said = [atoms.info.get("time_fs") for atoms in iterate_frames(path)]
    if not said:
        raise StructureError(f"{path} holds no frame")
    times = _times(said, config)
    if times is None:
        if config.from_fs > 0.0 or config.to_fs is not None:
            raise ConfigError(f"{path} says nothing about time; give the time between its frames by --frame-time")
        return Clock(
            range(0, len(said), config.every), None, 0.0, "the frames say nothing about time; give --frame-time"
        )
    last = np.inf if config.to_fs is None else config.to_fs
    inside = np.flatnonzero((times > config.from_fs - ROUNDING_FS) & (times < last + ROUNDING_FS))
    if len(inside) == 0:
        raise ConfigError(
            f"no frame is left of the {len(said)} in {path}, from {times[0]:g} to {times[-1]:g} fs; choose another "
            "--from or --to"
        )
    return _regular(range(int(inside[0]), int(inside[-1]) + 1, config.every), times)


def _times(said: list[float | None], config: AnalysisConfig) -> FloatArray | None:
    if config.frame_time_fs is not None:
        return config.frame_time_fs * np.arange(len(said), dtype=np.float64)
    known = [float(time) for time in said if time is not None]
    return np.array(known) if len(known) == len(said) else None


def _regular(chosen: range, times: FloatArray) -> Clock:
    """The clock of chosen frames; the last one is left out if a run ended between two frames."""
    first = float(times[chosen[0]])
    steps = np.diff(times[np.array(chosen)])
    if len(steps) > 1 and 0.0 < steps[-1] < steps[0] - ROUNDING_FS:
        chosen, steps = chosen[:-1], steps[:-1]
    if len(steps) == 0:
        return Clock(chosen, None, first, "there is one frame only")
    if steps[0] <= 0 or not np.allclose(steps, steps[0], rtol=1e-6):
        spread = f"steps of {steps.min():g} to {steps.max():g} fs"
        return Clock(chosen, None, first, f"the frames are not equally spaced in time ({spread}); see --from and --to")
    return Clock(chosen, float(steps[0]), first, "")


def frames(path: Path, clock: Clock, *, n_blocks: int) -> Iterator[Frame]:
    """The chosen frames, unwrapped."""
    fractional = positions = None
    before: FloatArray | None = None
    warned = False
    chosen = islice(iterate_frames(path), clock.chosen.start, clock.chosen.stop, clock.chosen.step)
    for index, atoms in enumerate(chosen):
        cell = atoms.cell.complete().array
        now = atoms.positions @ np.linalg.inv(cell)
        if before is None or fractional is None or positions is None:
            fractional, positions = now, atoms.positions.copy()
        else:
            step = now - before
            step -= np.where(atoms.pbc, np.round(step), 0.0)
            warned = warned or _warn_of_long_steps(step[:, atoms.pbc], path, index)
            fractional, positions = fractional + step, positions + step @ cell
        before = now
        block = index * n_blocks // len(clock.chosen)
        yield Frame(index, block, atoms, fractional, positions, _velocities(atoms))


def _warn_of_long_steps(step: FloatArray, path: Path, index: int) -> bool:
    if step.size == 0 or np.abs(step).max() < FARTHEST_STEP:
        return False
    get_logger("md").warning(
        "%s, frame %d: an atom moves %.2f of the cell between frames; unwrapping may go wrong, write frames more often",
        path,
        index,
        np.abs(step).max(),
    )
    return True


def _velocities(atoms: Atoms) -> FloatArray | None:
    return np.asarray(atoms.get_velocities() * units.fs, dtype=np.float64) if atoms.has("momenta") else None


def drift(frame: Frame, first: Frame) -> FloatArray:
    """(3,) Å: how far the centre of mass has moved; zero for a structure with fixed atoms, or a single one."""
    if len(frame.atoms) == 1 or first.atoms.constraints:
        return np.zeros(3)
    masses = first.atoms.get_masses()
    return np.asarray(masses @ (frame.positions - first.positions) / masses.sum(), dtype=np.float64)
