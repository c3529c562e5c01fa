"""Start LAMMPS with its plugins, on one process or several."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from alignn_ff.errors import ConfigError
from alignn_ff.interfaces.lammps.building import build_plugin
from alignn_ff.interfaces.lammps.finding import Lammps
from alignn_ff.interfaces.lammps.styles import STYLES


def run_lammps(lammps: Lammps, script: Path, *, processes: int = 1, threads: int = 1, words: Sequence[str] = ()) -> int:
    """Run an input file; the exit code of LAMMPS. The plugins are compiled first if they are not there yet.

    The plugins are those of the pair styles that the file names; of ``alignn`` if it names none.

    Args:
        lammps: that runs.
        script: input file.
        processes: of MPI.
        threads: of each process.
        words: further arguments of LAMMPS.

    Raises:
        ConfigError: no such file, or several processes and nothing that starts them.
        CompilerError: a plugin cannot be compiled.
    """
    if not script.is_file():
        raise ConfigError(f"no such input file: {script}")
    plugins = [build_plugin(lammps, style) for style in named_styles(script.read_text(errors="replace"))]
    command = [*start_words(lammps, processes), str(lammps.program), "-in", str(script), *words]
    return subprocess.run(command, env=environment(lammps, plugins, threads), check=False).returncode  # noqa: S603


def named_styles(text: str) -> list[str]:
    """Pair styles that an input file names."""
    found = [name for name in STYLES if re.search(rf"(?<![\w./]){re.escape(name)}(?![\w./])", text)]
    return found or ["alignn"]


def start_words(lammps: Lammps, processes: int) -> list[str]:
    """What starts LAMMPS on some processes.

    Raises:
        ConfigError: there is no mpirun.
    """
    if processes == 1:
        return []
    if processes < 1 or lammps.launcher is None:
        raise ConfigError(f"{processes} processes need a number of at least 1, and mpirun or mpiexec beside LAMMPS")
    return [str(lammps.launcher), "-np", str(processes)]


def environment(lammps: Lammps, plugins: Iterable[Path], threads: int) -> Mapping[str, str]:
    """The variables that LAMMPS finds MPI, the plugins and its number of threads by."""
    given = os.environ
    folders = ":".join(str(plugin.parent) for plugin in plugins)
    paths = {"LD_LIBRARY_PATH": str(lammps.mpi_libraries), "LAMMPS_PLUGIN_PATH": folders}
    joined = {name: ":".join(filter(None, (path, given.get(name, "")))) for name, path in paths.items()}
    return {**given, **joined, "OMP_NUM_THREADS": str(threads)}
