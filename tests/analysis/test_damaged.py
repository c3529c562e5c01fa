"""Damaged trajectories: one error that names file and frame, or the frames before it if that is chosen."""

from collections.abc import Callable
from pathlib import Path

import ase.io
import numpy as np
import pytest

from alignn_ff.analysis import AnalysisConfig, analyze, iterate_frames
from alignn_ff.analysis.settings import FrameReading
from alignn_ff.errors import StructureError
from alignn_ff.md import Snapshot
from alignn_ff.trajectory.extended_xyz import frame_text
from alignn_ff.trajectory.h5md import H5MDFile
from tests.support.pair_crystal import morse_crystal


def damaged_at(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])


def test_a_cut_hdf5_file_is_named_at_once_and_its_first_frames_are_used(tmp_path: Path) -> None:
    """HDF5 fills what is missing with zeros, or waits for it without end."""
    path = tmp_path / "run.h5"
    crystal = morse_crystal(4)
    file = H5MDFile(path, ("velocities",))
    for k in range(90):
        crystal.positions[:, 0] += 0.001
        file.write(Snapshot(k, 2.0 * k, crystal, np.zeros((len(crystal), 3)), -1.0, 1.0, 300.0, 0.0))
        if k % 10 == 9:
            file.sync()
    file.close()
    whole = [frame.positions for frame in iterate_frames(path)]
    n_bytes, counts = path.stat().st_size, set()
    for share in (0.95, 0.8, 0.5, 0.3, 0.1, 0.01):
        damaged_at(path, int(share * n_bytes))
        with pytest.raises(StructureError, match=r"run\.h5.*(cut|frame)"):
            list(iterate_frames(path))
        try:
            read = [frame.positions for frame in iterate_frames(path, FrameReading(skip_damaged=True))]
        except StructureError:  # not one frame is left
            read = []
        counts.add(len(read))
        np.testing.assert_array_equal(read, whole[: len(read)])
    assert len(counts) > 2


def test_a_file_that_was_neither_closed_nor_copied_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40))
    with pytest.raises(StructureError, match=r"cannot read .*run\.h5 as HDF5"):
        list(iterate_frames(path))


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda text: text.replace("time_fs=20.0", 'time_fs="20 fs"'), "frame 2: time_fs is '20 fs'"),
        (lambda text: text.replace("time_fs=20.0", "time_fs=T"), "frame 2: time_fs is"),
        (lambda text: text + "0\n\n", "frame .* has no atoms"),
        (lambda text: text.replace("\nCu ", "\nC\xffu ", 40), "frame 0 is damaged at line 3"),
        (lambda text: text.replace("\nCu ", "\nCu nan ", 40), "not finite numbers"),
    ],
)
def test_damage_is_named_and_the_frames_before_it_can_be_used(
    tmp_path: Path, spoil: Callable[[str], str], message: str
) -> None:
    path = tmp_path / "run.extxyz"
    atoms = morse_crystal(2)
    frames = [frame_text(atoms, step=k, time_fs=10.0 * k) for k in range(6)]
    path.write_bytes(spoil("".join(frames)).encode("latin-1"))
    with pytest.raises(StructureError, match=rf"run\.extxyz.*{message}"):
        analyze(path, config=AnalysisConfig(observables=("rdf",)))


def test_a_cut_ase_trajectory_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.traj"
    ase.io.write(path, [morse_crystal(2) for _ in range(5)])
    damaged_at(path, path.stat().st_size // 2)
    with pytest.raises(StructureError, match=r"run\.traj.*cut|run\.traj, frame \d"):
        list(iterate_frames(path))


def test_frames_before_a_damaged_one_are_used_if_chosen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "run.extxyz"
    atoms = morse_crystal(2)
    frames = [frame_text(atoms, step=k, time_fs=10.0 * k) for k in range(6)]
    frames[4] = frames[4].replace(" ", " x", 1).replace("Cu", "Qq")
    path.write_text("".join(frames))
    assert len(list(iterate_frames(path, FrameReading(skip_damaged=True)))) == 4
    assert "the 4 frames before it are used" in caplog.text
