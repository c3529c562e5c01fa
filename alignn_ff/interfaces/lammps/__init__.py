"""LAMMPS: the pair styles compiled for the LAMMPS of this machine, and LAMMPS started with them.

In: a LAMMPS with headers, and a C++ compiler. Out: a plugin in the user's cache, or a run of an input file.
"""

from alignn_ff.interfaces.lammps.building import build_plugin, plugin_folder
from alignn_ff.interfaces.lammps.finding import Lammps, find_lammps
from alignn_ff.interfaces.lammps.running import run_lammps
from alignn_ff.interfaces.lammps.styles import STYLES

__all__ = ["STYLES", "Lammps", "build_plugin", "find_lammps", "plugin_folder", "run_lammps"]
