"""Analysis of a trajectory: a file and an :class:`AnalysisConfig` in, an :class:`Analysis` out.

The file is read twice, frame by frame: for the times of its frames, then for the observables. A third look at a few
frames finds the length of a bond, where that was not given. No more than a bounded number of frames is in memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from ase import Atoms

from alignn_ff.analysis.bonds import Angles, Bonds, Coordination
from alignn_ff.analysis.config import AnalysisConfig, ObservableName
from alignn_ff.analysis.finding import Finding, Observable
from alignn_ff.analysis.frames import Clock, frames, iterate_frames, read_clock
from alignn_ff.analysis.mean_structure import MeanStructure
from alignn_ff.analysis.msd import MeanSquaredDisplacement
from alignn_ff.analysis.rdf import PairFunctions, first_peak_and_minimum
from alignn_ff.analysis.thermodynamics import Thermodynamics
from alignn_ff.analysis.vdos import VibrationalDensity
from alignn_ff.errors import ConfigError
from alignn_ff.log import get_logger
from alignn_ff.runs.model_record import software_versions

SAMPLE: Final = 40
"""Frames that the length of a bond is found from."""

FEWEST_FOR_TIME: Final = 10
"""Fewest frames for what goes on in time."""


@dataclass(frozen=True)
class Analysis:
    """The analysis of a trajectory.

    Attributes:
        trajectory: the file.
        config: what was measured, and how.
        clock: which frames were used.
        atoms: the first of them.
        findings: observable → result.
        left_out: observable → why there is none.
    """

    trajectory: Path
    config: AnalysisConfig
    clock: Clock
    atoms: Atoms
    findings: Mapping[ObservableName, Finding]
    left_out: Mapping[ObservableName, str]

    def to_json(self) -> dict[str, object]:
        """JSON-ready content, without the curves."""
        return {
            "trajectory": str(self.trajectory),
            "n_frames": len(self.clock.chosen),
            "first_frame": self.clock.chosen[0],
            "first_time_fs": self.clock.first_fs,
            "frame_time_fs": self.clock.frame_time_fs,
            "formula": self.atoms.get_chemical_formula(),
            "n_atoms": len(self.atoms),
            **{name: dict(finding.summary) for name, finding in self.findings.items()},
            "left_out": dict(self.left_out),
            "config": self.config.model_dump(mode="json"),
            "versions": software_versions(),
        }


@dataclass(frozen=True)
class Setting:
    """What observables are made from."""

    atoms: Atoms
    config: AnalysisConfig
    clock: Clock
    bond_lengths_A: Mapping[str, float]

    @property
    def frame_time_fs(self) -> float:
        """Time between frames, where it is known."""
        assert self.clock.frame_time_fs is not None
        return self.clock.frame_time_fs


def _bonds(setting: Setting) -> Bonds:
    return Bonds(setting.atoms, setting.bond_lengths_A)


OBSERVABLES: Final[dict[ObservableName, Callable[[Setting], Observable]]] = {
    "thermo": lambda s: Thermodynamics(frame_time_fs=s.clock.frame_time_fs, first_fs=s.clock.first_fs),
    "rdf": lambda s: pair_functions(s.atoms, s.config),
    "coordination": lambda s: Coordination(_bonds(s), n_blocks=s.config.n_blocks),
    "angles": lambda s: Angles(_bonds(s), bin_deg=s.config.angle_bin_deg, n_blocks=s.config.n_blocks),
    "msd": lambda s: MeanSquaredDisplacement(
        s.atoms,
        n_frames=len(s.clock.chosen),
        frame_time_fs=s.frame_time_fs,
        n_blocks=s.config.n_blocks,
        fit=(s.config.fit_from, s.config.fit_to),
        keep_drift=s.config.keep_drift,
    ),
    "vdos": lambda s: VibrationalDensity(
        s.atoms,
        n_frames=len(s.clock.chosen),
        frame_time_fs=s.frame_time_fs,
        window_fs=s.config.window_fs,
        keep_drift=s.config.keep_drift,
    ),
    "mean": lambda s: MeanStructure(s.atoms, keep_drift=s.config.keep_drift),
}
"""Name → observable. A new one is a new row."""

IN_TIME: Final = frozenset[ObservableName]({"msd", "vdos"})
BONDED: Final = frozenset[ObservableName]({"coordination", "angles"})


def analyze(
    trajectory: Path, *, config: AnalysisConfig | None = None, on_frame: Callable[[int, int], None] | None = None
) -> Analysis:
    """Measure observables on a trajectory.

    Args:
        trajectory: in any format: extended XYZ, .traj, H5MD, whatever ASE reads.
        config: what, and how; None measures everything.
        on_frame: called with the number of frames done and of all.

    Raises:
        StructureError: the file is missing, damaged, or no trajectory.
        ConfigError: what was asked for cannot be had from it.
    """
    config = config or AnalysisConfig()
    clock = read_clock(trajectory, config)
    atoms = next(frames(trajectory, clock, n_blocks=1)).atoms
    chosen, left_out = _possible(config, clock, len(atoms))
    lengths = _bond_lengths(trajectory, atoms, clock, config) if BONDED & set(chosen) else {}
    if BONDED & set(chosen) and not any(lengths.values()):
        reason = "no first minimum of g(r) to tell a bond by; give --bond"
        left_out |= {name: reason for name in chosen if name in BONDED}
        chosen = [name for name in chosen if name not in BONDED]
    setting = Setting(atoms, config, clock, lengths)
    observables = {name: OBSERVABLES[name](setting) for name in chosen}
    for frame in frames(trajectory, clock, n_blocks=config.n_blocks):
        for observable in observables.values():
            observable.add(frame)
        if on_frame is not None:
            on_frame(frame.number + 1, len(clock.chosen))
    findings = {name: observable.finding() for name, observable in observables.items()}
    get_logger("md").info("%s: %d frames analysed", trajectory, len(clock.chosen))
    return Analysis(trajectory, config, clock, atoms, findings, left_out)


def pair_functions(atoms: Atoms, config: AnalysisConfig) -> PairFunctions:
    """g(r) as a config asks for it."""
    return PairFunctions(atoms, r_max_A=config.r_max_A, bin_A=config.bin_A, n_blocks=config.n_blocks)


def _possible(
    config: AnalysisConfig, clock: Clock, n_atoms: int
) -> tuple[list[ObservableName], dict[ObservableName, str]]:
    """What can be measured, and why the rest cannot; an error where nothing is left, or the rest was asked for."""
    left_out: dict[ObservableName, str] = {}
    for name in config.observables:
        if name in IN_TIME and clock.frame_time_fs is None:
            left_out[name] = clock.complaint
        elif name in IN_TIME and len(clock.chosen) < FEWEST_FOR_TIME:
            left_out[name] = f"{len(clock.chosen)} frames are too few, {FEWEST_FOR_TIME} the fewest"
        elif name in {"rdf", *BONDED} and n_atoms == 1:
            left_out[name] = "there is one atom only"
    asked = "observables" in config.model_fields_set
    if left_out and (asked or len(left_out) == len(config.observables)):
        raise ConfigError("; ".join(f"no {name}: {reason}" for name, reason in left_out.items()))
    return [name for name in config.observables if name not in left_out], left_out


def _bond_lengths(trajectory: Path, atoms: Atoms, clock: Clock, config: AnalysisConfig) -> dict[str, float]:
    """Longest bond of each pair of elements: as given, or the first minimum of g(r) on a few frames; 0 without one."""
    functions = pair_functions(atoms, config)
    if config.bond_A is not None:
        return dict.fromkeys(functions.names, config.bond_A)
    sample = clock.chosen[:: max(1, len(clock.chosen) // SAMPLE)]
    for frame in islice(iterate_frames(trajectory), sample.start, sample.stop, sample.step):
        functions.add_atoms(frame, block=0)
    middles = 0.5 * (functions.edges[1:] + functions.edges[:-1])
    lengths = {}
    for name, (curve, _, _) in functions.curves().items():
        found = first_peak_and_minimum(middles, curve)
        lengths[name] = 0.0 if found is None else float(middles[found[1]])
    return lengths
