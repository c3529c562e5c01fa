"""Graphs that a device makes of moving atoms by itself, in arrays whose shapes do not change.

:mod:`search` finds all pairs below a radius on the device, once for many steps. :mod:`lists` keeps them, with the
triplets that they can form. :mod:`update` makes the graph of the present positions from such a list, step after step,
without a word from the host: the arrays have room for a little more than is needed, and what is too much is reported.
:mod:`many` joins the lists of several structures, for one graph of all.
"""

from alignn_ff.graph.fixed.lists import Capacities, FixedList, capacities_for, make_fixed_list
from alignn_ff.graph.fixed.many import ManyFixed, join_lists
from alignn_ff.graph.fixed.search import PairTensors, pairs_on_device
from alignn_ff.graph.fixed.status import Status, fits
from alignn_ff.graph.fixed.update import N_CELL, FixedGraph, Moved, fixed_graph, moved_from

__all__ = [
    "N_CELL",
    "Capacities",
    "FixedGraph",
    "FixedList",
    "ManyFixed",
    "Moved",
    "PairTensors",
    "Status",
    "capacities_for",
    "fits",
    "fixed_graph",
    "join_lists",
    "make_fixed_list",
    "moved_from",
    "pairs_on_device",
]
