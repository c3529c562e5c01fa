"""Analysis of a trajectory: a file and an :class:`AnalysisConfig` in, an :class:`Analysis` out.

The file is read twice, frame by frame: for the times of its frames, then for the observables. If an observable needs
bond lengths that were not given, some frames are read once more. The number of frames in memory is limited.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from alignn_ff.analysis.clock import Clock, Interval, read_clock
from alignn_ff.analysis.config import AnalysisConfig
from alignn_ff.analysis.context import Context
from alignn_ff.analysis.frames import frames
from alignn_ff.analysis.result import ObservableResult
from alignn_ff.analysis.table import OBSERVABLES, ObservableName
from alignn_ff.display import Displayed, Sheet, plotted
from alignn_ff.errors import ConfigError
from alignn_ff.runs.model_record import software_versions

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Analysis(Displayed):
    """The analysis of a trajectory.

    Attributes:
        trajectory: the file.
        config: what was computed, and how.
        clock: which frames were used.
        atoms: the first of them.
        results: observable → result.
        left_out: observable → why it was not computed.
    """

    trajectory: Path
    config: AnalysisConfig
    clock: Clock
    atoms: Atoms
    results: Mapping[ObservableName, ObservableResult]
    left_out: Mapping[ObservableName, str]

    def brief(self) -> str:
        """The structure, the frames, and what was computed."""
        frames = f"{len(self.clock.chosen)} frames"
        return f"{self.atoms.get_chemical_formula()}, {frames}: {', '.join(self.results)}"

    def sheet(self) -> Sheet:
        """Numbers of each observable, and a figure for each table of curves."""
        facts: dict[str, object] = {
            "trajectory": str(self.trajectory),
            "frames": len(self.clock.chosen),
            "frame_time_fs": self.clock.frame_time_fs,
        }
        for result in self.results.values():
            facts |= {name: value for name, value in result.summary.items() if isinstance(value, str | int | float)}
        notes = [f"{name} was left out: {reason}" for name, reason in self.left_out.items()]
        return Sheet(facts, notes=notes, figures=plotted(self))

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
            **{name: dict(result.summary) for name, result in self.results.items()},
            "left_out": dict(self.left_out),
            "config": self.config.model_dump(mode="json"),
            "versions": software_versions(),
        }


def analyze(
    trajectory: str | Path, *, config: AnalysisConfig | None = None, on_frame: Callable[[int, int], None] | None = None
) -> Analysis:
    """Compute observables of a trajectory.

    Args:
        trajectory: in any format of ``FORMATS``, or any that ASE reads.
        config: what, and how; None computes everything that is possible.
        on_frame: called with the number of frames done and the number of all frames.

    Raises:
        StructureError: the file is missing, damaged, or not a trajectory.
        ConfigError: an observable that was chosen is impossible for this trajectory, or none is possible.
    """
    trajectory = Path(trajectory)
    config = config or AnalysisConfig()
    interval = Interval(config.from_fs, config.to_fs, config.every, config.frame_time_fs)
    clock = read_clock(trajectory, interval, config.reading)
    atoms = next(frames(trajectory, clock.chosen, n_blocks=1, reading=config.reading)).atoms
    context = Context(trajectory, atoms, config, clock)
    left_out = _impossible(config, context)
    observables = {name: OBSERVABLES[name].build(context) for name in config.observables if name not in left_out}
    for frame in frames(trajectory, clock.chosen, n_blocks=config.n_blocks, reading=config.reading):
        for observable in observables.values():
            observable.add(frame)
        if on_frame is not None:
            on_frame(frame.number + 1, len(clock.chosen))
    results = {name: _as_declared(name, observable.result()) for name, observable in observables.items()}
    logger.info("%s: %d frames analysed", trajectory, len(clock.chosen))
    return Analysis(trajectory, config, clock, atoms, results, left_out)


def _impossible(config: AnalysisConfig, context: Context) -> dict[ObservableName, str]:
    """Observables that are impossible, and why.

    Raises:
        ConfigError: one of them was chosen, or nothing is left.
    """
    left_out: dict[ObservableName, str] = {}
    for name in config.observables:
        reasons = (need(context) for need in OBSERVABLES[name].needs)
        reason = next((reason for reason in reasons if reason is not None), None)
        if reason is not None:
            left_out[name] = reason
    chosen = "observables" in config.model_fields_set
    if left_out and (chosen or len(left_out) == len(config.observables)):
        raise ConfigError("; ".join(f"no {name}: {reason}" for name, reason in left_out.items()))
    return left_out


def _as_declared(name: ObservableName, result: ObservableResult) -> ObservableResult:
    """A result, after a check that its row declares the files for it."""
    row = OBSERVABLES[name]
    undeclared = [*(result.tables.keys() - row.tables.keys())]
    undeclared += ["a structure"] if result.structure is not None and not row.gives_structure else []
    if undeclared:
        raise TypeError(
            f"the observable {name!r} gives {', '.join(undeclared)}, which its row does not declare; its tables are "
            f"{', '.join(row.tables) or 'none'}, and gives_structure is {row.gives_structure}"
        )
    return result
