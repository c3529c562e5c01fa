"""Every writer that uses io raises the same error if the disk is full, and a command then has exit code 5."""

import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import ase.io
import pytest
from ase import Atoms
from ase.build import bulk

from alignn_ff import checkpoint, zoo
from alignn_ff.errors import OutputError, StorageError
from alignn_ff.io import FULL, atomic_write, disk_errors, write_json, write_structure
from alignn_ff.io.tensors import write_tensors
from alignn_ff.zoo import archive
from tests.support.command_line import CommandLine
from tests.support.tiny_models import tiny_header, tiny_model

SILICON = bulk("Si")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="finds the path of a handle in /proc")


def text(path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("x" * 100)


def model(path: Path) -> None:
    checkpoint.save(path, tiny_header(), tiny_model(tiny_header()).state_dict())


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "text": ("a.txt", text),
    "json": ("a.json", lambda path: write_json(path, {"a": 1})),
    "tensors": ("a.pt", lambda path: write_tensors(path, {"a": 1})),
    "model": ("model.pt", model),
    "extxyz": ("a.extxyz", lambda path: write_structure(path, SILICON)),
    "POSCAR": ("a.vasp", lambda path: write_structure(path, SILICON)),
    "cif": ("a.cif", lambda path: write_structure(path, SILICON)),
    "traj": ("a.traj", lambda path: write_structure(path, SILICON)),
}


@pytest.fixture(params=sorted(FULL), ids=errno.errorcode.get)
def full_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """No file can be flushed to the disk, as with delayed allocation."""

    def refuse(_handle: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(os, "fsync", refuse)
    return int(request.param)


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file can be created."""
    create = os.open

    def refuse(path: object, flags: int, *rest: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return create(path, flags, *rest)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", refuse)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_one_error_and_the_old_file_stays(tmp_path: Path, kind: str, full_disk: int) -> None:
    name, write = WRITERS[kind]
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(StorageError, match=os.strerror(full_disk)) as raised:
        write(tmp_path / name)
    assert raised.value.exit_code == 5
    assert "the file that was there is untouched" in str(raised.value)
    assert isinstance(raised.value, OutputError)
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.usefixtures("no_room")
def test_a_disk_without_room_for_a_new_file_is_the_same_error(tmp_path: Path, kind: str) -> None:
    name, write = WRITERS[kind]
    with pytest.raises(StorageError, match=f"cannot write {tmp_path / name}: No space left on device. Free some"):
        write(tmp_path / name)


@pytest.mark.usefixtures("full_disk")
def test_a_model_is_not_half_added_to_a_zoo(tmp_path: Path, si_model_file: Path) -> None:
    with pytest.raises(StorageError):
        zoo.add(si_model_file, name="mine", zoo=tmp_path / "zoo")
    assert list((tmp_path / "zoo").iterdir()) == []


def test_a_download_without_room_is_not_blamed_on_the_server(
    tmp_path: Path, si_model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive.shutil, "copy", refuse)
    with pytest.raises(StorageError, match=r"model\.pt: No space left"):
        archive.unpack_model(si_model_file, tmp_path)


def test_an_error_while_closing_does_not_hide_a_full_disk(tmp_path: Path) -> None:
    """Raises as zipfile does when an entry cannot be written."""

    def write(path: Path) -> None:
        with atomic_write(path):
            try:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                raise ValueError("cannot close")

    with pytest.raises(StorageError, match="No space left on device"):
        write(tmp_path / "a.npz")


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "missing").read_text()


def test_the_command_ends_with_5(
    tmp_path: Path, si_model_file: Path, command_line: CommandLine, full_disk: int
) -> None:
    ase.io.write(tmp_path / "si.vasp", SILICON)
    result = command_line("relax", tmp_path / "si.vasp", "--model", si_model_file, "--steps", 1, "--device", "cpu")
    assert result.code == 5
    assert "cannot write" in result.stderr


def test_a_new_file_has_the_permissions_of_the_process_whatever_other_threads_write(tmp_path: Path) -> None:
    """Reading the umask by setting it to 0 lets files of other threads be created with permissions for all."""
    before = os.umask(0o077)
    modes = set()
    try:

        def write(number: int) -> None:
            for index in range(20):
                text(tmp_path / f"{number}-{index}.txt")
                plain = tmp_path / f"{number}-{index}.plain"
                plain.touch()
                modes.update(path.stat().st_mode & 0o777 for path in (plain, tmp_path / f"{number}-{index}.txt"))

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        os.umask(before)
    assert modes == {0o600}


def test_the_umask_is_never_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "umask", lambda _mask: pytest.fail("the umask belongs to all threads"))
    text(tmp_path / "a.txt")


def path_of(handle: int) -> Path:
    return Path(f"/proc/self/fd/{handle}").readlink()


@LINUX
def test_file_and_folder_are_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(path_of(handle)))
    text(tmp_path / "a.txt")
    assert [path.parent if path.suffix else path for path in flushed] == [tmp_path, tmp_path]
    assert flushed[0].suffix == ".txt"
    assert flushed[1] == tmp_path


@LINUX
def test_a_system_that_cannot_flush_folders_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def refuse_folders(handle: int) -> None:
        if path_of(handle).is_dir():
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(handle)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    text(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").is_file()


def test_a_folder_that_is_not_writable_is_named_with_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object, *_rest: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError) as raised:
        text(tmp_path / "a.txt")
    assert raised.value.filename == str(tmp_path / "a.txt")


def test_atoms_are_written_and_read_back(tmp_path: Path) -> None:
    write_structure(tmp_path / "si.vasp", SILICON)
    again = ase.io.read(tmp_path / "si.vasp")
    assert isinstance(again, Atoms)
    assert len(again) == len(SILICON)
