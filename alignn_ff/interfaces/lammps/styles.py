"""The pair styles: one table, name → what its plugin is made of.

In: a LAMMPS. Out: sources, headers and libraries. All plugins share the pair style itself; each opens its own kind of
file.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from alignn_ff.errors import CompilerError, ConfigError
from alignn_ff.interfaces.lammps.finding import Lammps
from alignn_ff.native import build

SOURCE: Final = Path(__file__).with_name("source")


class Parts(NamedTuple):
    """What a plugin has beside the pair style.

    Attributes:
        sources: files that are compiled.
        includes: folders of headers.
        flags: of the compiler.
        libraries: words of the linker.
        depends: anything else that tells plugins apart.
    """

    sources: tuple[Path, ...]
    includes: tuple[Path, ...] = ()
    flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    depends: str = ""


class Style(NamedTuple):
    """One pair style.

    Attributes:
        plugin: name of the file; LAMMPS loads those that end in ``plugin.so``.
        parts: (LAMMPS, whether it has the strings of C++11) → what the plugin has beside the pair style.
        help: what it runs.
    """

    plugin: str
    parts: Callable[[Lammps, bool], Parts]
    help: str


def _kernels(lammps: Lammps, new_strings: bool) -> Parts:  # noqa: ARG001 - as for all styles
    kernels = [build.SOURCES / "smooth" / f"smooth_{dtype}.cpp" for dtype in ("float32", "float64")]
    kernels.append(build.SOURCES / "gated" / "gated_average.cpp")
    return Parts((*sorted((SOURCE / "kernels").glob("*.cpp")), *kernels))


def _torch(lammps: Lammps, new_strings: bool) -> Parts:
    """Headers and libraries of the installed torch.

    Raises:
        CompilerError: its C++ interface does not fit to that of LAMMPS.
    """
    import torch  # takes seconds, and only this style needs it

    if torch.compiled_with_cxx11_abi() != new_strings:
        raise CompilerError(
            f"torch {torch.__version__} and {lammps.program} were compiled with different strings of C++ "
            "(_GLIBCXX_USE_CXX11_ABI), so no plugin fits to both; take the wheel lammps[mpi] from 2025.7.22.4.0 on, or "
            "compile LAMMPS with the compiler of this machine"
        )
    folder = Path(torch.__file__).parent
    libraries = folder / "lib"
    return Parts(
        sources=tuple(sorted((SOURCE / "torch").glob("*.cpp"))),
        includes=(folder / "include", folder / "include" / "torch" / "csrc" / "api" / "include"),
        flags=("-std=c++20",),
        libraries=(f"-L{libraries}", "-ltorch", "-ltorch_cpu", "-lc10", f"-Wl,-rpath,{libraries}"),
        depends=torch.__version__,
    )


STYLES: Final[dict[str, Style]] = {
    "alignn": Style("alignnplugin.so", _kernels, "files of `--to lammps`, on the C++ kernels"),
    "alignn/torch": Style("alignntorchplugin.so", _torch, "files of `--to lammps-torch`, on libtorch"),
}
"""Name → pair style."""


def find_style(name: str) -> Style:
    """The row of a pair style.

    Raises:
        ConfigError: there is no such style.
    """
    if name not in STYLES:
        raise ConfigError(f"the pair style is {name!r}; allowed are {', '.join(STYLES)}")
    return STYLES[name]
