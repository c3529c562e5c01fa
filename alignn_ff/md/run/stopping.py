"""The end of a run that a guard or a signal stops: a report and an error; the last restart file is kept."""

import signal
from collections.abc import Mapping

import numpy as np

from alignn_ff.errors import SimulationError
from alignn_ff.io import write_json, write_structure
from alignn_ff.md.config import MDConfig
from alignn_ff.md.files import MDFiles
from alignn_ff.md.guards.checks import Violation
from alignn_ff.trajectory.snapshot import Snapshot

ADVICE = "Relax the structure first, use a shorter time step, or train the model on such structures"


class MDInterruptedError(SimulationError):
    """A signal stopped the run; its state is saved."""

    def __init__(self, number: int, step: int, files: MDFiles) -> None:
        self.exit_code = 128 + number
        super().__init__(
            f"stopped by {signal.Signals(number).name} after step {step}; everything is saved, and "
            f"`alignn-ff md --restart {files.restart}` resumes there"
        )


def guard_error(
    snapshot: Snapshot, guard: str, violation: Violation, *, config: MDConfig, files: MDFiles | None
) -> SimulationError:
    """The error of a run that a guard stopped; also writes its report."""
    words = f"stopped at step {snapshot.step} ({snapshot.time_fs:g} fs) by the guard {guard!r}: {violation.message}. "
    if violation.limit is not None:
        words += f"The limit is {violation.limit}. "
    if files is None:
        return SimulationError(words + ADVICE)
    written = [write_report(snapshot, guard, violation, config=config, files=files)]
    kept = f"; the last good state is in {files.restart}" if files.restart.exists() else ""
    return SimulationError(f"{words}{ADVICE}. The report is in {written[0]}{kept}")


def write_report(snapshot: Snapshot, guard: str, violation: Violation, *, config: MDConfig, files: MDFiles) -> str:
    """Write the reason of the stop, and the structure if its positions and cell are finite."""
    atoms = snapshot.atoms
    whole = bool(np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all())
    report: dict[str, object] = {
        "guard": guard,
        "step": snapshot.step,
        "time_fs": snapshot.time_fs,
        "message": violation.message,
        "limit": violation.limit,
        "value": _number(violation.value),
        "atoms": [_atom(snapshot, index) for index in violation.atoms],
        "temperature_K": _number(snapshot.temperature_K),
        "potential_eV": _number(snapshot.potential_eV),
        "guards": config.guards.model_dump(mode="json"),
        "last_good_restart": str(files.restart) if files.restart.exists() else None,
        "structure": str(files.last_frame) if whole else None,
    }
    write_json(files.report, report)
    if whole:
        bare = atoms.copy()
        bare.calc = None
        write_structure(files.last_frame, bare)
    return str(files.report)


def _atom(snapshot: Snapshot, index: int) -> Mapping[str, object]:
    return {
        "index": index,
        "element": str(snapshot.atoms.symbols[index]),
        "position_A": [_number(value) for value in snapshot.atoms.positions[index]],
        "force_eV_per_A": [_number(value) for value in snapshot.forces_eV_per_A[index]],
    }


def _number(value: float | None) -> float | None:
    """The number if it is finite, else None, for JSON."""
    return float(value) if value is not None and np.isfinite(value) else None
