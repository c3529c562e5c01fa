"""Trajectories: frames written while a run is under way, and read again, also after a killed process."""

from alignn_ff.trajectory.reading import iterate_trajectory, read_trajectory
from alignn_ff.trajectory.snapshot import Snapshot

__all__ = ["Snapshot", "iterate_trajectory", "read_trajectory"]
