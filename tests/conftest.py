"""Fixtures of several test files: tiny models on disk, and the command line run in this process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from alignn_ff import checkpoint
from alignn_ff.native import Kernels, build, find_kernels
from tests.support.command_line import CliResult, CommandLine
from tests.support.tiny_models import tiny_header, tiny_model

torch.set_num_threads(int(os.environ.get("TEST_THREADS", "1")))  # the models here are too small for more than one


@pytest.fixture(scope="session")
def si_model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file with random weights that covers only silicon."""
    path = tmp_path_factory.mktemp("models") / "tiny-si.pt"
    header = tiny_header((14,))
    checkpoint.save(path, header, tiny_model(header).state_dict())
    return path


@pytest.fixture(scope="session")
def compiled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the C++ kernels, compiled once per session if there is a compiler; all workers share it."""
    if build.find_compiler() is None:
        pytest.skip("no C++ compiler")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kernels"
    folder.mkdir(mode=0o700, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "library_folder", lambda: folder)
        find_kernels()
    return folder


@pytest.fixture
def kernels(compiled_folder: Path, _own_folders: None, monkeypatch: pytest.MonkeyPatch) -> Kernels:
    """The compiled kernels; with this fixture the package also finds them."""
    monkeypatch.setattr(build, "library_folder", lambda: compiled_folder)
    return find_kernels()


@pytest.fixture(scope="session", autouse=True)
def _no_folders_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures of modules and classes do not use models or compiled kernels of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        _move_folders(tmp_path_factory.mktemp("session"), patch)
        yield


@pytest.fixture(autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own."""
    _move_folders(tmp_path_factory.mktemp("home"), monkeypatch)


def _move_folders(home: Path, patch: pytest.MonkeyPatch) -> None:
    from alignn_ff.zoo import places

    patch.setattr(places, "user_zoo", lambda: home / "zoo")
    patch.setattr(places, "download_cache", lambda: home / "cache")
    patch.setattr(build, "library_folder", lambda: home / "kernels")


@pytest.fixture
def command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Run ``alignn-ff`` with the given arguments, in this process and the current folder."""
    from alignn_ff.cli import main

    def run(*words: object, columns: int = 200) -> CliResult:
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return CliResult(int(stop.value.code or 0), captured.out, captured.err)

    return run
