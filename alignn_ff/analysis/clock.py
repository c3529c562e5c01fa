"""Which frames of a trajectory are used, and the time between them."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from alignn_ff.analysis.frames import AS_IT_IS, FloatArray, iterate_frames
from alignn_ff.analysis.settings import FrameReading
from alignn_ff.errors import ConfigError, StructureError

ROUNDING_FS: Final = 1e-6
NO_TIMES: Final = "the frames have no times; give --frame-time"


class Clock(NamedTuple):
    """Which frames are used, and their times.

    Attributes:
        chosen: indices in the file.
        frame_time_fs: between frames that are used; None if it is unknown, or varies.
        first_fs: time of the first frame that is used.
        problem: why there is no time between frames.
    """

    chosen: range
    frame_time_fs: float | None
    first_fs: float
    problem: str


class Interval(NamedTuple):
    """Which frames to use.

    Attributes:
        from_fs, to_fs: earliest and latest time; None means the end.
        every: use every so many frames.
        frame_time_fs: time between frames in the file; None reads it from the frames.
    """

    from_fs: float = 0.0
    to_fs: float | None = None
    every: int = 1
    frame_time_fs: float | None = None


def read_clock(path: Path, interval: Interval, reading: FrameReading = AS_IT_IS) -> Clock:
    """Read a file once, for the number of frames and their times.

    Raises:
        StructureError: the file is missing, damaged or empty.
        ConfigError: no frame lies in the chosen interval, or the interval needs times that are unknown.
    """
    given = [atoms.info.get("time_fs") for atoms in iterate_frames(path, reading)]
    if not given:
        raise StructureError(f"{path} holds no frame")
    times = _times(given, interval.frame_time_fs, path)
    if times is None:
        if interval.from_fs > 0.0 or interval.to_fs is not None:
            raise ConfigError(f"{path} has no times; give the time between its frames with --frame-time")
        return Clock(range(0, len(given), interval.every), None, 0.0, NO_TIMES)
    last = np.inf if interval.to_fs is None else interval.to_fs
    inside = np.flatnonzero((times > interval.from_fs - ROUNDING_FS) & (times < last + ROUNDING_FS))
    if len(inside) == 0:
        raise ConfigError(
            f"no frame is left of the {len(given)} in {path}, from {times[0]:g} to {times[-1]:g} fs; choose another "
            "--from or --to"
        )
    return _regular(range(int(inside[0]), int(inside[-1]) + 1, interval.every), times)


def _times(given: list[object], frame_time_fs: float | None, path: Path) -> FloatArray | None:
    if frame_time_fs is not None:
        return frame_time_fs * np.arange(len(given), dtype=np.float64)
    if any(time is None for time in given):
        return None
    return np.array([_time(time, f"{path}, frame {index}") for index, time in enumerate(given)])


def _time(given: object, where: str) -> float:
    """A time in fs, as a number."""
    number = float(given) if isinstance(given, int | float | np.number) and not isinstance(given, bool) else np.nan
    if not np.isfinite(number):
        raise StructureError(
            f"{where}: time_fs is {given!r}, which is not a number of fs; write time_fs=12.5, or give the time between "
            "frames with --frame-time"
        )
    return number


def _regular(chosen: range, times: FloatArray) -> Clock:
    """The clock of chosen frames; the last frame is left out if the run ended between two regular frames."""
    first = float(times[chosen[0]])
    steps = np.diff(times[np.array(chosen)])
    if len(steps) > 1 and 0.0 < steps[-1] < steps[0] - ROUNDING_FS:
        chosen, steps = chosen[:-1], steps[:-1]
    if len(steps) == 0:
        return Clock(chosen, None, first, "there is only one frame")
    if steps[0] <= 0 or not np.allclose(steps, steps[0], rtol=1e-6):
        spread = f"steps of {steps.min():g} to {steps.max():g} fs"
        return Clock(chosen, None, first, f"the frames are not equally spaced in time ({spread}); see --from and --to")
    return Clock(chosen, float(steps[0]), first, "")
