"""Compiling: one build at a time, several sets of flags, errors that quote the compiler, and a private cache."""

import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from alignn_ff.errors import CompilerError
from alignn_ff.execution import choose_backend
from alignn_ff.native import Kernels, build, cached_kernels, find_kernels, kernels
from tests.support.tiny_models import tiny_header, tiny_model

BUILD = """
import sys
from pathlib import Path
from alignn_ff.native import build
build.SOURCES = Path(sys.argv[1])
build.build(Path(sys.argv[2]), sys.argv[3])
"""


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "library_folder", lambda: tmp_path / "kernels")
    return tmp_path / "kernels"


@pytest.fixture
def small_source(tmp_path, monkeypatch, empty_cache):
    """One function instead of the kernels, so that a build takes no time."""
    if build.find_compiler() is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "small.cpp").write_text('extern "C" int one() { return 1; }\n')
    monkeypatch.setattr(build, "SOURCES", folder)
    return folder


def a_compiler(folder, script):
    program = folder / "c++"
    program.write_text("#!/bin/sh\n" + textwrap.dedent(script))
    program.chmod(0o755)
    return str(program)


def test_two_processes_that_build_at_once_compile_once(tmp_path, small_source):
    real, calls = build.find_compiler(), tmp_path / "calls"
    compiler = a_compiler(tmp_path, f'echo "$$ $@" >> {calls}\nsleep 0.3\nexec {real} "$@"\n')
    path = tmp_path / "cache" / "kernels.so"
    words = [sys.executable, "-c", BUILD, str(small_source), str(path), compiler]
    both = [subprocess.Popen(words) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert [" -c " in line for line in calls.read_text().splitlines()] == [True, False]
    assert path.is_file()


def test_a_build_leaves_a_library_and_a_lock_that_only_their_owner_can_write(small_source, empty_cache):
    before = os.umask(0o002)
    try:
        path = build.library_path(build.find_compiler())
        build.build(path, build.find_compiler())
    finally:
        os.umask(before)
    assert {file.name for file in empty_cache.iterdir()} <= {path.name, "build.lock"}
    assert empty_cache.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o077 == 0


def test_flags_that_a_compiler_refuses_are_left_out_one_by_one_and_logged(tmp_path, small_source, empty_cache, caplog):
    real = build.find_compiler()
    compiler = a_compiler(
        tmp_path,
        f"""
        case "$*" in *-march=native*|*-fopenmp*) echo "error: unknown option" >&2; exit 1;; esac
        exec {real} $(echo "$@" | sed s/-mcpu=native//)
        """,
    )
    path = build.library_path(compiler)
    with caplog.at_level(logging.INFO):
        build.build(path, compiler)
    messages = [record.getMessage() for record in caplog.records if record.name.endswith("native.build")]
    assert [message.split(" with ")[1].split(":")[0] for message in messages] == [
        "-march=native -fopenmp",
        "-mcpu=native -fopenmp",
        "-fopenmp",
        "-march=native",
        "-mcpu=native",
    ]
    assert all("unknown option" in message for message in messages[:-1])


def test_a_broken_compiler_is_quoted_and_leaves_nothing(tmp_path, monkeypatch, empty_cache):
    program = a_compiler(tmp_path, "echo 'error: out of stack' >&2\nexit 1\n")
    monkeypatch.setattr(build.shutil, "which", lambda name: program)
    with pytest.raises(CompilerError, match="out of stack"):
        find_kernels()
    assert [file.name for file in empty_cache.iterdir()] in ([], ["build.lock"])


def test_without_a_compiler_nothing_is_built_and_the_error_names_what_to_install(monkeypatch, empty_cache):
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    assert cached_kernels() is None
    with pytest.raises(CompilerError, match=r"no C\+\+ compiler.*install one"):
        find_kernels()
    assert not empty_cache.exists()


# what others can write is not loaded


@pytest.fixture
def library(kernels, tmp_path, monkeypatch) -> Path:
    """A copy of the compiled kernels in the folder that the package uses."""
    folder = tmp_path / "kernels"
    folder.mkdir(mode=0o700)
    path = folder / kernels.path.name
    path.write_bytes(kernels.path.read_bytes())
    path.chmod(0o700)
    monkeypatch.setattr(build, "library_folder", lambda: folder)
    return path


def writable_library(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.chmod(0o720)


def writable_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.chmod(0o702)


def foreign(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)


@pytest.mark.skipif(os.name != "posix", reason="owners and modes are those of POSIX")
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (writable_library, r"kernels-\w+\.so can be written by other users \(mode 0720\).*chmod go-w"),
        (writable_folder, r"kernels can be written by other users \(mode 0702\).*chmod go-w"),
        (foreign, r"belongs to user \d+, but this process runs as user \d+.*Remove it"),
    ],
)
def test_a_library_that_others_can_write_is_not_loaded_and_auto_is_eager(
    library, spoil, reason, monkeypatch, caplog
) -> None:
    assert Kernels(library).path == library
    spoil(library, monkeypatch)
    for load in (find_kernels, cached_kernels):
        with pytest.raises(CompilerError, match=reason):
            load()
    caplog.clear()
    assert choose_backend("auto", "alignn_smooth", tiny_model(tiny_header())) == "eager"
    assert choose_backend("auto", "alignn_smooth", tiny_model(tiny_header())) == "eager"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_nothing_is_built_into_a_folder_that_others_can_write(small_source, empty_cache) -> None:
    empty_cache.mkdir()
    empty_cache.chmod(0o777)
    with pytest.raises(CompilerError, match="can be written by other users"):
        build.build(empty_cache / "kernels.so", build.find_compiler())
    assert list(empty_cache.iterdir()) == []


# what was compiled for other structs is not loaded


@pytest.mark.parametrize("name", sorted(kernels.LAYOUT))
def test_a_library_with_another_size_or_constant_is_refused(library, name, monkeypatch) -> None:
    monkeypatch.setitem(kernels.LAYOUT, name, 8000)
    with pytest.raises(CompilerError, match=rf"other arguments than this version passes: {name} is .*, not 8000"):
        Kernels(library)


def test_a_library_without_a_layout_is_refused(small_source, empty_cache) -> None:
    compiler = build.find_compiler()
    build.build(build.library_path(compiler), compiler)
    with pytest.raises(CompilerError, match="not a library of kernels"):
        Kernels(build.library_path(compiler))
