"""Which files a relaxation writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ase import Atoms

from alignn_ff.errors import ConfigError
from alignn_ff.io import write_json, write_structure
from alignn_ff.relax.result import RelaxResult

KEPT_SUFFIXES: Final = frozenset({".vasp", ".cif", ".xyz", ".extxyz", ".traj", ".xsf"})
"""Formats in which a relaxed structure is written like its source; others become .vasp or .extxyz."""


@dataclass(frozen=True)
class RelaxFiles:
    """Files of a relaxation.

    Attributes:
        structure: relaxed.
        result: JSON, beside it.
        restart: there if it did not converge.
        trajectory, plot: the steps and a figure of them, if asked for.
    """

    structure: Path
    result: Path
    restart: Path
    trajectory: Path | None = None
    plot: Path | None = None

    @property
    def all(self) -> tuple[Path, ...]:
        """Every file that may be written."""
        asked = (path for path in (self.trajectory, self.plot) if path is not None)
        return (self.structure, self.result, self.restart, *asked)


def relax_files(
    source: Path,
    atoms: Atoms,
    *,
    output: Path | None = None,
    trajectory: Path | None = None,
    plot: Path | None = None,
) -> RelaxFiles:
    """Where a relaxation of ``source`` goes: ``output``, or "<stem>-relaxed" in the current directory.

    Raises:
        ConfigError: two of them would be one file.
    """
    default_suffix = ".vasp" if atoms.pbc.all() else ".extxyz"
    suffix = source.suffix if source.suffix in KEPT_SUFFIXES else default_suffix
    structure = Path(f"{source.stem}-relaxed{suffix}") if output is None else output
    restart = structure.with_name(f"{structure.stem}-restart.json")
    files = RelaxFiles(structure, structure.with_suffix(".json"), restart, trajectory, plot)
    if len({path.resolve() for path in files.all}) < len(files.all):
        raise ConfigError(
            f"{', '.join(map(str, files.all))} must be different files; choose another --output (not .json), "
            "--trajectory or --plot"
        )
    return files


def write_relaxation(files: RelaxFiles, result: RelaxResult) -> None:
    """Write the relaxed structure and its JSON result, each whole or not at all."""
    write_structure(files.structure, result.atoms)
    write_json(files.result, result.to_json())
