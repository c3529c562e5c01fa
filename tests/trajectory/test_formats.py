"""Laws of trajectory formats: all hold the same frames, and a full disk or a killed process leaves them readable."""

import itertools
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase import Atoms, units
from ase.constraints import FixAtoms

from alignn_ff.errors import OutputError, StructureError
from alignn_ff.md import MDConfig, MDFiles, Snapshot, md_files, resume_md, run_md
from alignn_ff.trajectory import FORMATS, QUANTITIES, iterate_trajectory, read_trajectory
from alignn_ff.trajectory.extended_xyz import frame_text
from alignn_ff.trajectory.h5md import H5MDFile
from tests.support.pair_crystal import Morse, morse_cluster, morse_crystal

EVERY_FORMAT = tuple(FORMATS)


@pytest.fixture
def files(tmp_path: Path) -> MDFiles:
    return md_files(Path("x"), prefix=tmp_path / "run", formats=EVERY_FORMAT)


def config(**settings: object) -> MDConfig:
    return MDConfig.model_validate({"steps": 12, "write_every": 4, "log_every": 4, "formats": EVERY_FORMAT, **settings})


def test_every_format_holds_the_same_frames(files: MDFiles) -> None:
    quantities = tuple(QUANTITIES)
    snapshots: list[Snapshot] = []

    def keep(snapshot: Snapshot) -> None:
        if snapshot.step % 4 == 0:
            snapshots.append(snapshot._replace(atoms=snapshot.atoms.copy()))

    run_md(morse_crystal(2), Morse(), config=config(quantities=quantities), files=files, on_step=keep)
    for name, path in files.frames.items():
        frames, digits = read_trajectory(path), 1e-7 if name == "extxyz" else 0.0
        assert len(frames) == 4
        for frame, snapshot in zip(frames, snapshots, strict=True):
            np.testing.assert_allclose(frame.positions, snapshot.atoms.positions, atol=digits)
            np.testing.assert_allclose(frame.get_momenta(), snapshot.atoms.get_momenta(), atol=1e-7)
            np.testing.assert_allclose(frame.get_forces(), snapshot.forces_eV_per_A, atol=digits)
            assert frame.get_potential_energy() == pytest.approx(snapshot.potential_eV, abs=1e-8)
            assert frame.get_potential_energies().sum() == pytest.approx(snapshot.potential_eV, abs=1e-6)
            assert frame.get_stress().shape == (6,)
            assert frame.pbc.all()


def test_frames_hold_only_what_was_chosen(files: MDFiles) -> None:
    run_md(morse_crystal(2), Morse(), config=config(quantities=()), files=files)
    for path in files.frames.values():
        for frame in iterate_trajectory(path):
            assert frame.get_potential_energy() < 0
            assert not frame.has("momenta")
            assert {"forces", "stress", "energies"}.isdisjoint(frame.calc.results)
    with h5py.File(files.frames["h5md"]) as file:
        assert set(file["particles/all"]) == {"box", "mass", "position", "species"}


def test_h5md_follows_its_conventions(files: MDFiles) -> None:
    run_md(morse_cluster(), Morse(), config=config(timestep_fs=2.0), files=files)
    with h5py.File(files.frames["h5md"]) as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        assert {"author", "creator", "modules"} <= set(file["h5md"])
        particles = file["particles/all"]
        assert particles["box"].attrs["dimension"] == 3
        assert list(particles["box"].attrs["boundary"]) == ["none"] * 3
        assert particles["species"][()].tolist() == [29] * 13
        assert particles["position/value"].shape == (4, 13, 3)
        assert particles["position/step"][()].tolist() == [0, 4, 8, 12]
        assert particles["velocity/time"][()].tolist() == [0.0, 8.0, 16.0, 24.0]
        assert particles["position/value"].attrs["unit"] == "Angstrom"
        kinetic = (
            0.5 * (particles["mass"][()][:, None] * (particles["velocity/value"][2] / units.fs) ** 2).sum()
        )  # eV, from u and Å/fs
        assert kinetic == pytest.approx(file["observables/kinetic_energy/value"][2])
        assert np.isnan(file["observables/pressure/value"][()]).all()


def test_frames_of_h5md_wait_for_checkpoints_and_then_open_as_usual(files: MDFiles) -> None:
    seen: list[int] = []

    def look(snapshot: Snapshot) -> None:
        if snapshot.step > 0:
            with h5py.File(files.frames["h5md"]) as file:  # while the run is under way
                seen.append(len(file["particles/all/position/step"]))

    run_md(
        morse_crystal(2), Morse(), config=config(steps=7, write_every=1, checkpoint_every=3), files=files, on_step=look
    )
    assert seen == [1, 1, 1, 4, 4, 4, 7]


def test_a_file_killed_while_frames_are_appended_is_readable_and_can_be_continued(tmp_path: Path) -> None:
    """HDF5 marks a file that was not closed; its frames are still readable."""
    path = tmp_path / "torn.h5"
    kept = h5py.File
    writer = H5MDFile(path, ("velocities",))
    run = config(steps=3, formats=("extxyz",))
    run_md(morse_crystal(2), Morse(), config=run, on_step=writer.write)
    writer.sync()
    code = (
        "import h5py, os, signal, sys\n"
        f"file = h5py.File({str(path)!r}, 'r+', libver='latest'); file.swmr_mode = True\n"
        "data = file['particles/all/position/value']; data.resize(9, axis=0); data.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    with pytest.raises(OSError, match="already open for write"), kept(path):
        pass
    assert [frame.info["step"] for frame in iterate_trajectory(path)] == [0, 1, 2, 3]
    again = H5MDFile(path, ("velocities",), keep=2)
    run_md(morse_crystal(2), Morse(), config=run, on_step=again.write)
    again.close()
    with h5py.File(path) as file:
        assert file["particles/all/position/step"][()].tolist() == [0, 1, 0, 1, 2, 3]
        assert file["particles/all/position/value"].shape[0] == 6


def torn(text: bytes) -> Iterator[bytes]:
    """The file of a killed process, cut at every byte of its last line."""
    lengths = (*range(0, len(text) - 100, 7), *range(len(text) - 100, len(text) + 1))
    yield from (text[:length] for length in lengths)


def test_a_torn_end_never_hides_or_alters_earlier_frames(tmp_path: Path) -> None:
    pair = Atoms("CuAu", [[0, 0, 0], [1.5, 1.5, 1.25]], cell=[4, 4, 4], pbc=True)
    frames = []
    for step in range(2):
        pair.positions[1, 2] += 0.125
        pair.set_momenta(np.full((2, 3), 0.25 * step))
        frames.append(frame_text(pair, step=step, time_fs=float(step)))
    path = tmp_path / "torn.extxyz"
    ends = [0, *itertools.accumulate(len(frame.encode()) for frame in frames)]
    for content in torn("".join(frames).encode()):
        path.write_bytes(content)
        whole = sum(end - 1 <= len(content) for end in ends[1:])  # the final newline may be missing
        read = read_trajectory(path)
        assert [frame.info["step"] for frame in read] == list(range(whole))
        assert all(frame.positions[1, 2] == 1.375 + 0.125 * step for step, frame in enumerate(read))


def test_a_damaged_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "damaged.extxyz"
    frame = frame_text(Atoms("Cu"), step=0)
    path.write_text(frame + "junk\n" + frame)
    with pytest.raises(StructureError, match="frame 1"):
        read_trajectory(path)


def test_frames_keep_fixed_atoms_and_masses(tmp_path: Path) -> None:
    atoms = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.5]], constraint=FixAtoms([1]), masses=[63.5, 65.0])
    path = tmp_path / "frame.extxyz"
    path.write_text(frame_text(atoms, step=0))
    (frame,) = read_trajectory(path)
    np.testing.assert_array_equal(frame.constraints[0].index, [1])
    np.testing.assert_array_equal(frame.get_masses(), [63.5, 65.0])


@contextmanager
def disk_of(n_bytes: int) -> Iterator[None]:
    """Limit of the size of files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_full_disk_stops_the_run_cleanly_and_it_resumes_when_there_is_space(name: str, tmp_path: Path) -> None:
    files, whole = (md_files(Path("x"), prefix=tmp_path / stem, formats=(name,)) for stem in ("full", "whole"))
    run = config(
        steps=220 if name == "h5md" else 60,
        formats=(name,),
        write_every=1,
        checkpoint_every=20 if name == "h5md" else 4,
        log_every=1,
        quantities=("velocities",),
    )
    with (
        disk_of(1_200_000 if name == "h5md" else 60_000),
        pytest.raises(OutputError, match=r"cannot write .*full.*free some space") as stopped,
    ):
        run_md(morse_crystal(2), Morse(), config=run, files=files)
    assert stopped.value.exit_code == 5
    steps = [frame.info.get("step") for frame in iterate_trajectory(files.trajectory)]
    assert len(steps) > 2
    assert files.log.read_text().endswith("\n")
    resume_md(files.restart, calculator=Morse())
    run_md(morse_crystal(2), Morse(), config=run, files=whole)
    assert files.log.read_bytes() == whole.log.read_bytes()
    for left, right in zip(*(read_trajectory(each.trajectory) for each in (files, whole)), strict=True):
        np.testing.assert_array_equal(left.positions, right.positions)
