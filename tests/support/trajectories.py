"""Trajectories with known properties for tests of analysis: boxes, moving atoms, random walks, written and analysed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.build import bulk

from alignn_ff.analysis import Analysis, AnalysisConfig, analyze

Measure = Callable[..., Analysis]


def analysed(
    folder: Path, frames: Iterator[Atoms] | list[Atoms], *, frame_fs: float | None = 1.0, **settings: object
) -> Analysis:
    """Write frames, one per fs by default, and analyse them."""
    written = list(frames)
    for number, atoms in enumerate(written):
        atoms.info = {} if frame_fs is None else {"time_fs": number * frame_fs}
    ase.io.write(folder / "t.traj", written)
    return analyze(folder / "t.traj", config=AnalysisConfig.model_validate(settings))


def box(positions: np.ndarray, length: float, *, symbol: str = "Ar", pbc: bool = True) -> Atoms:
    return Atoms(f"{symbol}{len(positions)}", positions, cell=[length] * 3, pbc=pbc)


def moving(positions: np.ndarray, velocities: np.ndarray | None = None, length: float = 10.0) -> list[Atoms]:
    """Frames of (n_frames, n_atoms, 3) Å and Å/fs, wrapped into a periodic box."""
    frames = [box(np.mod(p, length), length) for p in positions]
    if velocities is not None:
        for atoms, v in zip(frames, velocities, strict=True):
            atoms.set_velocities(v / units.fs)
    return frames


def walk(rng: np.random.Generator, *, n_frames: int, n_atoms: int, step: float) -> np.ndarray:
    return np.cumsum(rng.normal(0, step, (n_frames, n_atoms, 3)), axis=0)


def trajectory(folder: Path, name: str = "t.extxyz") -> Path:
    rng, start = np.random.default_rng(0), bulk("Ar", a=5.0, cubic=True).repeat(2).positions
    frames = moving(start + walk(rng, n_frames=40, n_atoms=32, step=0.02))
    for number, atoms in enumerate(frames):
        if name.endswith("xyz"):
            atoms.info = {"time_fs": 10.0 * number, "step": number}
    ase.io.write(folder / name, frames)
    return folder / name
