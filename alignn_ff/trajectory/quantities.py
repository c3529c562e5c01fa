"""What a frame holds beside positions, cell and energy, and the formats that frames are written in."""

from typing import Literal

FormatName = Literal["extxyz", "traj", "h5md"]
Quantity = Literal["velocities", "forces", "stress", "atomic_energies"]
