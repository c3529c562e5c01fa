"""Compile the C++ kernels on this machine, once, into the user's cache.

In: the sources beside this file and the system's C++ compiler. Out: a shared library whose name says which sources,
compiler and CPU it was made for, so that a home shared between machines is no trap.
"""

import hashlib
import platform
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Final

import platformdirs

from alignn_ff.errors import CompilerError
from alignn_ff.io import atomic_write
from alignn_ff.log import get_logger

SOURCES: Final = Path(__file__).with_name("source")
COMPILERS: Final = ("c++", "g++", "clang++")
"""Tried in this order."""
FLAGS: Final = (
    "-std=c++17",
    "-O3",
    "-march=native",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-shared",
    "-fPIC",
)
"""No -ffast-math: NaN stays NaN, and sums keep their order."""
THREADS: Final = ("-fopenmp",)
"""The runtime of torch itself where it is GNU's; left out where a compiler does not have it."""
LONGEST_S: Final = 300

_log = get_logger("native")


def library_folder() -> Path:
    """Where compiled kernels lie."""
    return platformdirs.user_cache_path("alignn-ff", appauthor=False) / "kernels"


def find_compiler() -> str | None:
    """Path of the system's C++ compiler, None if there is none."""
    return next((path for name in COMPILERS if (path := shutil.which(name))), None)


def library_path(compiler: str) -> Path:
    """Where the kernels for these sources, this compiler and this CPU lie once they are compiled."""
    program = Path(compiler).resolve()
    status = program.stat()
    made_for = [platform.system(), _cpu(), str(program), str(status.st_size), str(status.st_mtime_ns), *FLAGS]
    digest = hashlib.sha256("\n".join(made_for).encode() + _sources()).hexdigest()
    return library_folder() / f"kernels-{digest[:24]}.so"


def build(path: Path, compiler: str) -> None:
    """Compile to ``path``; several builders at once do the same work, and the last one's file stays.

    Raises:
        CompilerError: the compiler failed, or the cache cannot be written.
    """
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder, atomic_write(path) as temporary:
            try:
                _compile(compiler, FLAGS + THREADS, Path(folder), temporary)
            except subprocess.CalledProcessError:
                _compile(compiler, FLAGS, Path(folder), temporary)
    except subprocess.CalledProcessError as error:
        raise CompilerError(f"{compiler} could not compile the kernels:\n{error.stderr.strip()[-2000:]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompilerError(f"the kernels could not be compiled by {compiler} into {path.parent}: {error}") from error
    _log.info("compiled the C++ kernels in %.1f s: %s", time.monotonic() - start, path)


def _compile(compiler: str, flags: tuple[str, ...], folder: Path, target: Path) -> None:
    """All sources at once, then the library."""

    def run(*words: str) -> None:
        command = [compiler, *flags, *words]
        subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=True)  # noqa: S603

    sources = sorted(SOURCES.glob("*.cpp"))
    objects = [str(folder / f"{source.stem}.o") for source in sources]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda source, made: run("-c", str(source), "-o", made), sources, objects))
    run("-shared", *objects, "-o", str(target))


@cache
def _sources() -> bytes:
    return b"".join(file.name.encode() + file.read_bytes() for file in sorted(SOURCES.iterdir()))


@cache
def _cpu() -> str:
    """What -march=native depends on: model and features of the processor."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return f"{platform.machine()} {platform.processor()}"
    wanted = ("model name", "flags", "Features", "CPU part", "cpu family", "model\t", "isa")
    lines = information.read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines()
    return "\n".join([platform.machine(), *(line for line in lines if line.startswith(wanted))])
