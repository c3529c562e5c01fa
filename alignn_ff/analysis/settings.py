"""How observables are computed: frozen, closed, each field with its unit."""

from typing import NamedTuple

from pydantic import Field, model_validator

from alignn_ff.errors import ConfigError
from alignn_ff.runs.config import RunConfig


class FrameReading(NamedTuple):
    """How the frames of a file are read.

    Attributes:
        format: ASE's name of its format; None: found from name and content.
        elements: of the types 1, 2, … in a file of LAMMPS that does not name them.
        skip_damaged: whether the frames before a damaged one are used, instead of an error.
    """

    format: str | None = None
    elements: tuple[str, ...] = ()
    skip_damaged: bool = False


class ObservableSettings(RunConfig):
    """Which frames of a trajectory are used, and how observables are computed from them."""

    from_fs: float = Field(0.0, ge=0, description="frames before this time are left out, as equilibration, fs")
    to_fs: float | None = Field(
        None, gt=0, description="frames after this time are left out, fs; None means the end of the trajectory"
    )
    every: int = Field(1, ge=1, description="use every so many frames")
    frame_time_fs: float | None = Field(
        None, gt=0, description="time between frames in the file, fs; None reads it from the frames"
    )
    format: str | None = Field(
        None, description="ASE's name of the format of the file; without it, the format is found from name and content"
    )
    elements: tuple[str, ...] = Field(
        (), description="elements of the types 1, 2, … in a file of LAMMPS that does not name them, such as Si,O"
    )
    skip_damaged: bool = Field(False, description="use the frames before a damaged one, instead of an error")
    n_blocks: int = Field(5, ge=2, le=50, description="blocks in time from whose scatter errors are computed")
    r_max_A: float | None = Field(
        None, gt=0, description="longest distance of the pair functions, Å; None means 6 to 12 Å, by the cell"
    )
    bin_A: float = Field(0.02, gt=0, description="bin of the pair functions, Å")
    bond_A: float | None = Field(
        None,
        gt=0,
        description="longest bond of all pairs, for coordination and angles, Å; None means the first minimum of each "
        "g(r), and only pairs of elements that are first neighbours",
    )
    angle_bin_deg: float = Field(1.0, gt=0, le=30, description="bin of the angles, degrees")
    fit_from: float = Field(0.1, ge=0, lt=1, description="start of the line through the MSD, as a fraction of a block")
    fit_to: float = Field(0.5, gt=0, le=1, description="end of the line through the MSD, as a fraction of a block")
    window_fs: float | None = Field(
        None, gt=0, description="length of the velocity autocorrelation, fs; None means 4000, or a quarter of the run"
    )
    keep_drift: bool = Field(False, description="keep the motion of the centre of mass")

    @property
    def reading(self) -> FrameReading:
        """How the file is read."""
        return FrameReading(self.format, self.elements, self.skip_damaged)

    @model_validator(mode="after")
    def _in_order(self) -> "ObservableSettings":
        if self.fit_from >= self.fit_to:
            raise ConfigError(f"fit_from is {self.fit_from} and fit_to {self.fit_to}; the fit must end after it begins")
        if self.to_fs is not None and self.to_fs <= self.from_fs:
            raise ConfigError(f"from_fs is {self.from_fs} and to_fs {self.to_fs}; nothing lies between them")
        return self
