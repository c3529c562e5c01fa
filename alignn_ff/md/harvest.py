"""Watches the uncertainty of a run: a warning above a threshold, and frames above it, to be labelled.

In: snapshots, and standard deviations of their calculator. Out: counts for the summary, and the harvest: extended XYZ
without energies and forces, so that no prediction is mistaken for a label. Frames that are written are at least
``harvest_gap_fs`` apart, since those of neighbouring steps are nearly the same structure.
"""

import io
import logging
from pathlib import Path
from typing import Final

import ase.io
from ase import Atoms
from pydantic import BaseModel, ConfigDict

from alignn_ff.md.config import MDConfig
from alignn_ff.runs.uncertainty import Deviations, Worst, deviations_of, worst_of
from alignn_ff.trajectory.record_file import RecordFile
from alignn_ff.trajectory.snapshot import Snapshot

log = logging.getLogger(__name__)

KEPT_ARRAYS: Final = ("initial_charges", "initial_magmoms", "tags")
"""Per-atom arrays that a harvested frame holds, where the structure has them."""


class WatchState(BaseModel):
    """What was counted so far; part of restart files.

    Attributes:
        n_checked: steps at which the uncertainty was evaluated.
        n_above: of these, the number above the threshold.
        n_harvested: frames written.
        largest: largest value of the quantity that the threshold refers to.
        unit: of it.
        last_harvest_fs: simulated time of the last frame that was written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_checked: int = 0
    n_above: int = 0
    n_harvested: int = 0
    largest: float | None = None
    unit: str | None = None
    last_harvest_fs: float | None = None


NOTHING_WATCHED: Final = WatchState()


class Watch:
    """Compares the uncertainty of snapshots with the threshold of a config; does nothing without a threshold.

    Args:
        config: of the run.
        model: name of the model, for the frames.
        state: what was counted before; None for a new run.
    """

    def __init__(self, config: MDConfig, model: str, state: WatchState | None = None) -> None:
        self._config, self._model = config, model
        self.state = state or NOTHING_WATCHED
        self.file: RecordFile | None = None

    def open(self, path: Path | None, *, keep: int | None) -> RecordFile | None:
        """Open the harvest, cut back to ``keep`` bytes where a run is resumed."""
        if path is not None:
            self.file = RecordFile(path, keep=keep)
        return self.file

    def see(self, snapshot: Snapshot) -> None:
        """Compare a snapshot, if it is its turn."""
        threshold = self._config.uncertain_above
        if threshold is None or snapshot.step % self._config.guards.uncertainty_every:
            return
        deviations = deviations_of(snapshot.atoms)
        worst = worst_of(deviations)
        if worst is None:
            return
        above = worst.value > threshold
        self._count(worst, above=above)
        if above:
            self._warn(snapshot, worst, threshold)
            self._harvest(snapshot, deviations, worst)

    def _count(self, worst: Worst, *, above: bool) -> None:
        state = self.state
        self.state = state.model_copy(
            update={
                "n_checked": state.n_checked + 1,
                "n_above": state.n_above + above,
                "largest": max(worst.value, state.largest or 0.0),
                "unit": worst.unit,
            }
        )

    def _warn(self, snapshot: Snapshot, worst: Worst, threshold: float) -> None:
        if self.state.n_above > 1:
            return
        log.warning(
            "step %d: the standard deviation at atom %d (%s) is %.3g %s, above %g; the model is uncertain there",
            snapshot.step,
            worst.atom,
            snapshot.atoms.symbols[worst.atom],
            worst.value,
            worst.unit,
            threshold,
        )

    def _harvest(self, snapshot: Snapshot, deviations: Deviations, worst: Worst) -> None:
        last = self.state.last_harvest_fs
        if self.file is None or (last is not None and snapshot.time_fs - last < self._config.harvest_gap_fs):
            return
        self.file.write(harvested_text(snapshot, deviations, worst, model=self._model))
        update = {"n_harvested": self.state.n_harvested + 1, "last_harvest_fs": snapshot.time_fs}
        self.state = self.state.model_copy(update=update)


def harvested_text(snapshot: Snapshot, deviations: Deviations, worst: Worst, *, model: str) -> str:
    """One frame of extended XYZ: positions, cell and standard deviations, no energy and no forces."""
    source = snapshot.atoms
    frame = Atoms(source.numbers, source.positions, cell=source.cell, pbc=source.pbc)
    columns = ["symbols", "positions"]
    for name in KEPT_ARRAYS:
        if source.has(name):
            frame.set_array(name, source.get_array(name))
            columns.append(name)
    for name, values in (("forces_std", deviations.forces_eV_per_A), ("energies_std", deviations.energies_eV)):
        if values is not None:
            frame.set_array(name, values)
            columns.append(name)
    frame.info = {
        "config_type": "harvest",
        "step": snapshot.step,
        "time_fs": snapshot.time_fs,
        "largest_std": worst.value,
        "largest_std_unit": worst.unit,
        "model": model,
    }
    if deviations.energy_eV is not None:
        frame.info["total_std_eV"] = deviations.energy_eV
    text = io.StringIO()
    ase.io.write(text, frame, format="extxyz", columns=columns)
    return text.getvalue()
