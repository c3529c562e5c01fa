"""Compile a plugin, once per LAMMPS, compiler and CPU, into the user's cache.

In: a LAMMPS and a pair style. Out: a folder with the plugin, which LAMMPS loads from the folders in LAMMPS_PLUGIN_PATH.
"""

import hashlib
import mmap
from pathlib import Path

from alignn_ff.errors import AlignnError, CompilerError
from alignn_ff.interfaces.lammps.finding import Lammps, find_lammps
from alignn_ff.interfaces.lammps.styles import SOURCE, find_style
from alignn_ff.native import build
from alignn_ff.native.build import Recipe
from alignn_ff.native.private import make_private_folder


def build_plugin(lammps: Lammps, style: str = "alignn") -> Path:
    """Compile the plugin of a pair style unless it is in the cache already; the file.

    Raises:
        ConfigError: there is no such style.
        CompilerError: there is no compiler, it failed, or the cache is not private to this user.
    """
    row, compiler = find_style(style), build.find_compiler()
    if compiler is None:
        raise CompilerError("there is no C++ compiler (c++, g++ or clang++ on the PATH); install one, e.g. g++")
    recipe = plugin_recipe(lammps, style)
    path = _folder(recipe, compiler) / row.plugin
    if not path.exists():
        make_private_folder(build.library_folder())
        build.build(path, compiler, recipe)
    return path


def plugin_recipe(lammps: Lammps, style: str = "alignn") -> Recipe:
    """What a plugin is made of. Its names are hidden, so that two plugins do not use each other's."""
    new_strings = _new_strings(lammps.library)
    parts = find_style(style).parts(lammps, new_strings)
    return Recipe(
        sources=(*sorted(SOURCE.glob("*.cpp")), *parts.sources),
        folders=(SOURCE, build.SOURCES),
        includes=(lammps.include, lammps.mpi_include, *parts.includes),
        flags=(f"-D_GLIBCXX_USE_CXX11_ABI={int(new_strings)}", "-fvisibility=hidden", *parts.flags),
        libraries=parts.libraries,
        depends=f"{style} {_identity(lammps)} {parts.depends}",
    )


def plugin_folder() -> str:
    """Folder of pair_style alignn, for the wheel of LAMMPS, which asks for it (entry point ``lammps.plugins``).

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
