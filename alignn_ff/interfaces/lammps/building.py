"""Compile the plugin, once per LAMMPS, compiler and CPU, into the user's cache.

In: a LAMMPS. Out: a folder with ``alignnplugin.so``, which LAMMPS loads from the folders in LAMMPS_PLUGIN_PATH.
"""

import hashlib
import mmap
from pathlib import Path
from typing import Final

from alignn_ff.errors import AlignnError, CompilerError
from alignn_ff.interfaces.lammps.finding import Lammps, find_lammps
from alignn_ff.native import build
from alignn_ff.native.build import Recipe
from alignn_ff.native.private import make_private_folder

SOURCE: Final = Path(__file__).with_name("source")
PLUGIN: Final = "alignnplugin.so"


def build_plugin(lammps: Lammps) -> Path:
    """Compile the plugin unless it is in the cache already; the file.

    Raises:
        CompilerError: there is no compiler, it failed, or the cache is not private to this user.
    """
    compiler = build.find_compiler()
    if compiler is None:
        raise CompilerError("there is no C++ compiler (c++, g++ or clang++ on the PATH); install one, e.g. g++")
    recipe = plugin_recipe(lammps)
    path = _folder(recipe, compiler) / PLUGIN
    if not path.exists():
        make_private_folder(build.library_folder())
        build.build(path, compiler, recipe)
    return path


def plugin_recipe(lammps: Lammps) -> Recipe:
    """What the plugin is made of: the pair style, and the kernels of the smooth family."""
    kernels = [build.SOURCES / "smooth" / f"smooth_{dtype}.cpp" for dtype in ("float32", "float64")]
    return Recipe(
        sources=(*sorted(SOURCE.glob("*.cpp")), *kernels),
        folders=(SOURCE, build.SOURCES),
        includes=(lammps.include, lammps.mpi_include),
        flags=(f"-D_GLIBCXX_USE_CXX11_ABI={int(_new_strings(lammps.library))}",),
        depends=_identity(lammps),
    )


def plugin_folder() -> str:
    """Folder of the plugin for the wheel of LAMMPS in this environment, which asks for it (entry point lammps.plugins).

    Nothing is compiled: the folder may not exist yet, and LAMMPS then loads nothing from it.
    """
    compiler = build.find_compiler()
    if compiler is None:
        return str(build.library_folder())
    try:
        return str(_folder(plugin_recipe(find_lammps()), compiler))
    except AlignnError:  # LAMMPS without headers; it must start all the same
        return str(build.library_folder())


def _folder(recipe: Recipe, compiler: str) -> Path:
    return build.library_folder() / f"lammps-{build.digest(recipe, compiler)}"


def _identity(lammps: Lammps) -> str:
    """What tells this LAMMPS from another one."""
    files = [lammps.program, lammps.include / "lammps" / "pair.h", lammps.mpi_include / "mpi.h"]
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(states).encode()).hexdigest()


def _new_strings(library: Path | None) -> bool:
    """Whether LAMMPS was compiled with the strings of C++11; older wheels were not, and then names differ."""
    if library is None or not library.is_file():
        return True
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b"_ZN9LAMMPS_NS5Error3allERKNSt7__cxx11") >= 0
