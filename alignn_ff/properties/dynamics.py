"""Molecular dynamics as a piece of work of a property: the drivers of ``md``, with their files and exact restarts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from alignn_ff.errors import SimulationError
from alignn_ff.md import Ending, MDConfig, MDFiles, MDInterruptedError, Snapshot, resume_md, run_md
from alignn_ff.properties.files import restart_file
from alignn_ff.properties.work import Work

Array = NDArray[np.float64]


class Moved(NamedTuple):
    """A finished run.

    Attributes:
        atoms: the last structure, with momenta and without constraints.
        files: trajectory and log.
    """

    atoms: Atoms
    files: MDFiles

    def log(self) -> dict[str, Array]:
        """Columns of numbers of the log."""
        rows = np.genfromtxt(self.files.log, delimiter=",", names=True, dtype=None, encoding="utf-8")
        names = [name for name in rows.dtype.names or () if rows[name].dtype.kind in "if"]
        return {name: np.atleast_1d(rows[name]).astype(float) for name in names}


class StoppedError(SimulationError):
    """A signal stopped the run; its state is saved."""

    def __init__(self, name: str, error: MDInterruptedError, prefix: Path) -> None:
        self.exit_code = error.exit_code
        file = restart_file(prefix)
        super().__init__(f"{name}: stopped by a signal; everything is saved, and --restart {file} continues")


def dynamics(
    work: Work, name: str, atoms: Atoms, config: MDConfig, prefix: Path, *, ending: Ending | None = None
) -> Moved:
    """Run dynamics, or continue it where it was stopped; the same bits follow as without the stop.

    Args:
        work: has the calculator and the journal.
        name: of this piece of work, and the end of the names of its files.
        atoms: the start.
        config: of the run.
        prefix: of the files.
        ending: may end the run before its last step; None makes all steps.

    Raises:
        StoppedError: a signal stopped it.
        AlignnError: as :func:`alignn_ff.md.run_md`.
    """
    files = MDFiles(prefix.with_name(f"{prefix.name}-{name.replace(' ', '-')}"), config.formats)
    kept = work.saved(name)
    if kept is None or "positions" not in kept:
        try:
            result = _moved(work, name, atoms, files, config, ending)
        except MDInterruptedError as error:
            raise StoppedError(name, error, prefix) from error
        kept = {
            "cell": result.cell.array.tolist(),
            "positions": result.positions.tolist(),
            "momenta": result.get_momenta().tolist(),
        }
        work.save(name, kept)
    last = atoms.copy()
    last.set_constraint()
    last.set_cell(kept["cell"])
    last.positions = np.array(kept["positions"])
    last.set_momenta(np.array(kept["momenta"]))
    return Moved(last, files)


def _moved(work: Work, name: str, atoms: Atoms, files: MDFiles, config: MDConfig, ending: Ending | None) -> Atoms:
    """The last structure."""

    def show(snapshot: Snapshot) -> None:
        work.advanced(name, snapshot.step, config.steps)

    if work.saved(name) is not None and files.restart.exists():
        return resume_md(files.restart, calculator=work.calculator, on_step=show, ending=ending).atoms
    work.save(name, {"begun": True})
    return run_md(atoms, work.calculator, config=config, files=files, on_step=show, ending=ending).atoms


@contextmanager
def prefix_of(work: Work) -> Iterator[Path]:
    """A context with the prefix of files: that of the run, or one of a temporary folder."""
    if work.prefix is not None:
        work.prefix.parent.mkdir(parents=True, exist_ok=True)
        yield work.prefix
        return
    with TemporaryDirectory() as folder:
        yield Path(folder) / "run"
