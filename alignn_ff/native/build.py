"""Compile the C++ kernels, once per machine, into the user's cache.

In: the sources in ``source/`` and the system's C++ compiler. Out: a shared library, private to its owner. Its name
contains a digest of sources, compiler, CPU and C library, so that machines with the same home folder do not use a
wrong library.
"""

import hashlib
import logging
import platform
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import platformdirs
from filelock import FileLock, Timeout

from alignn_ff.errors import CompilerError
from alignn_ff.native.private import PRIVATE, make_private_folder

SOURCES: Final = Path(__file__).with_name("source")
COMPILERS: Final = ("c++", "g++", "clang++")
"""Tried in this order."""
FLAGS: Final = (
    "-std=c++17",
    "-O3",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-shared",
    "-fPIC",
)
"""No -ffast-math: NaN stays NaN, and sums keep their order."""
THREADS: Final = "-fopenmp"
"""OpenMP; some compilers do not have it. A GNU OpenMP is the runtime of torch as well."""
LADDER: Final[tuple[tuple[str, ...], ...]] = (
    ("-march=native", THREADS),
    ("-mcpu=native", THREADS),
    (THREADS,),
    ("-march=native",),
    ("-mcpu=native",),
    (),
)
"""Further flags, the fastest first; the first that the compiler accepts are used."""
LONGEST_S: Final = 300
"""Time limit of one call of the compiler."""
LONGEST_WAIT_S: Final = 900
"""Longest wait for another process that compiles."""

log = logging.getLogger(__name__)


def library_folder() -> Path:
    """Folder of the compiled kernels."""
    return platformdirs.user_cache_path("alignn-ff", appauthor=False) / "kernels"


def find_compiler() -> str | None:
    """Path of the system's C++ compiler, None if there is none."""
    return next((path for name in COMPILERS if (path := shutil.which(name))), None)


class Recipe(NamedTuple):
    """What a library is made of.

    Attributes:
        sources: files that are compiled.
        folders: with headers and sources; the name of the library changes with every file in them.
        includes: further folders of headers.
        flags: further flags.
        libraries: words of the linker, after the compiled files.
        depends: anything else that the library depends on.
    """

    sources: tuple[Path, ...]
    folders: tuple[Path, ...]
    includes: tuple[Path, ...] = ()
    flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    depends: str = ""


def kernels_recipe() -> Recipe:
    """The recipe of the package's kernels."""
    return Recipe(tuple(sorted(SOURCES.rglob("*.cpp"))), (SOURCES,))


def library_path(compiler: str) -> Path:
    """Path of the kernels for these sources, this compiler, this CPU and this C library."""
    return library_folder() / f"kernels-{digest(kernels_recipe(), compiler)}.so"


def digest(recipe: Recipe, compiler: str) -> str:
    """What tells libraries apart: sources, flags, compiler, CPU and C library."""
    program = Path(compiler).resolve()
    status = program.stat()
    flags = [*FLAGS, *(" ".join(rung) for rung in LADDER)]
    machine = [platform.system(), _cpu(), _c_library(), str(program), str(status.st_size), str(status.st_mtime_ns)]
    chosen = [*recipe.flags, *map(str, recipe.includes), *recipe.libraries, recipe.depends] if recipe.includes else []
    text = "\n".join([*machine, *flags, *chosen]).encode()
    return hashlib.sha256(text + b"".join(map(_content, recipe.folders))).hexdigest()[:24]


def build(path: Path, compiler: str, recipe: Recipe | None = None) -> None:
    """Compile to ``path``, unless the file exists; only one process compiles, the others wait.

    Args:
        path: of the library.
        compiler: path of the program.
        recipe: what is compiled; None means the package's kernels.

    Raises:
        CompilerError: the compiler failed, the cache cannot be written, or it is not private to this user.
    """
    folder = path.parent
    try:
        make_private_folder(folder)
        with FileLock(folder / "build.lock", timeout=LONGEST_WAIT_S, mode=0o600):
            if not path.exists():
                _build(path, compiler, kernels_recipe() if recipe is None else recipe)
    except Timeout as error:
        raise CompilerError(
            f"another process has been compiling the kernels for {LONGEST_WAIT_S} s; if there is none, remove "
            f"{error.lock_file}"
        ) from error
    except (OSError, NotImplementedError) as error:
        raise CompilerError(f"the kernels could not be compiled by {compiler} into {folder}: {error}") from error


def _build(path: Path, compiler: str, recipe: Recipe) -> None:
    """Compile with the first flags of ``LADDER`` that the compiler accepts, in a private temporary folder."""
    start = time.monotonic()
    reason = ""
    for rung in LADDER:
        with tempfile.TemporaryDirectory(prefix=".build-", dir=path.parent) as folder:
            made = Path(folder) / path.name
            try:
                _compile(recipe, compiler, FLAGS + rung + recipe.flags, Path(folder), made)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                reason = _reason(error)
                log.warning("%s did not compile the kernels with %s: %s", compiler, _words(rung), _last_line(reason))
                continue
            made.chmod(PRIVATE)
            made.replace(path)
        log.info("compiled the C++ kernels in %.1f s with %s: %s", time.monotonic() - start, _words(rung), path)
        return
    raise CompilerError(f"{compiler} could not compile the kernels:\n{reason}")


def _compile(recipe: Recipe, compiler: str, flags: tuple[str, ...], folder: Path, target: Path) -> None:
    """Compile all sources in parallel, then link the library."""

    def run(*words: str) -> None:
        command = [compiler, *flags, *(f"-I{place}" for place in (*recipe.folders, *recipe.includes)), *words]
        subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=True)  # noqa: S603

    objects = [str(folder / f"{source.stem}.o") for source in recipe.sources]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda source, made: run("-c", str(source), "-o", made), recipe.sources, objects))
    run("-shared", *objects, "-o", str(target), *recipe.libraries)


def _reason(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took more than {LONGEST_S} s"
    return str(error.stderr).strip()[-2000:] or f"it ended with exit code {error.returncode}"


def _words(rung: tuple[str, ...]) -> str:
    return " ".join(rung) or "no further flags"


def _last_line(text: str) -> str:
    return text.splitlines()[-1]


@cache
def _content(folder: Path) -> bytes:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return b"".join(str(file.relative_to(folder)).encode() + file.read_bytes() for file in files)


@cache
def _c_library() -> str:
    """Name and version of the C library; a compiled library depends on it."""
    return " ".join(platform.libc_ver())


@cache
def _cpu() -> str:
    """Model and features of the processor, on which -march=native depends."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part", "cpu family", "model\t", "isa")
    lines = information.read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
    return "\n".join([platform.machine(), *(line for line in lines if line.startswith(wanted))])
