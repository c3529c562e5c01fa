"""Which files a relaxation writes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ase import Atoms

from alignn_ff.errors import ConfigError
from alignn_ff.io import named_output, write_json, write_structure
from alignn_ff.relax.result import RelaxResult

KEPT_SUFFIXES: Final = frozenset({".vasp", ".cif", ".xyz", ".extxyz", ".traj", ".xsf"})
"""Formats in which a relaxed structure is written like its source; otherwise it is .vasp or .extxyz."""


@dataclass(frozen=True)
class RelaxFiles:
    """Files of a relaxation.

    Attributes:
        structure: relaxed.
        result: JSON, beside it.
        restart: exists if it did not converge.
        trajectory, plot: the steps and a figure of them; None if not wanted.
    """

    structure: Path
    result: Path
    restart: Path
    trajectory: Path | None = None
    plot: Path | None = None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file that may be written."""
        wanted = (path for path in (self.trajectory, self.plot) if path is not None)
        return (self.structure, self.result, self.restart, *wanted)


def relax_files(
    source: str | Path,
    atoms: Atoms,
    *,
    output: str | Path | None = None,
    trajectory: str | Path | None = None,
    plot: str | Path | None = None,
) -> RelaxFiles:
    """Files for a relaxation of ``source``.

    The structure is ``output``, or "<stem>-relaxed": in the current directory, or in a folder that ``output`` names.

    Raises:
        ConfigError: two of them have the same path.
    """
    source = Path(source)
    trajectory = None if trajectory is None else Path(trajectory)
    plot = None if plot is None else Path(plot)
    default_suffix = ".vasp" if atoms.pbc.all() else ".extxyz"
    suffix = source.suffix if source.suffix in KEPT_SUFFIXES else default_suffix
    structure = named_output(output, f"{source.stem}-relaxed{suffix}")
    restart = structure.with_name(f"{structure.stem}-restart.json")
    files = RelaxFiles(structure, structure.with_suffix(".json"), restart, trajectory, plot)
    if len({path.resolve() for path in files.all}) < len(files.all):
        raise ConfigError(
            f"{', '.join(map(str, files.all))} must be different files; choose another --output (not .json), "
            "--trajectory or --plot"
        )
    return files


def result_of(restart: Path) -> dict[str, Any] | None:
    """The JSON result beside a restart file, which need not exist; None if there is none."""
    ending = "-restart.json"
    path = restart.with_name(restart.name.removesuffix(ending) + ".json")
    if not restart.name.endswith(ending) or not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def write_relaxation(files: RelaxFiles, result: RelaxResult) -> None:
    """Write the relaxed structure and its JSON result, each file completely or not at all."""
    write_structure(files.structure, result.atoms)
    write_json(files.result, result.to_json())
