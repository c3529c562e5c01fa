"""Recorded results of the published package: folders of weights, graphs and numbers in ``data/published``.

Of every folder: ``config.json`` and ``best_model.pt`` as the package writes them, ``expected.npz`` with the graph
that it built of each structure and what its model returned. ``pure-n-alignn`` and ``pure-t-alignn`` were recorded
with the same package's model code on the graphs of ``pure-ff-tb``.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from alignn_ff.graph import AtomicGraph, AtomicSystem

FOLDERS = Path(__file__).parents[1] / "data" / "published"
CASES = sorted(folder.name for folder in FOLDERS.iterdir())
STRUCTURES = ("Si8", "NaCl2_strained", "Cu1", "MoS2_slab", "ethanol_box", "SiH4_short_bonds")


class Recorded(NamedTuple):
    """One structure with the results of the published package.

    Attributes:
        atoms: the structure.
        system: the same as tensors.
        graph: its graph, in our order of edges; shifts are not recorded.
        vectors: (n_edges, 3) edge vectors.
        numbers: what its model returned, by published name.
    """

    atoms: Atoms
    system: AtomicSystem
    graph: AtomicGraph
    vectors: Tensor
    numbers: dict[str, np.ndarray]


def recorded(case: str) -> dict[str, Recorded]:
    """The structures of one case, by name; without those on which the published code failed."""
    with np.load(FOLDERS / case / "expected.npz") as arrays:
        content = {key: arrays[key] for key in arrays}
    found = {}
    for name in STRUCTURES:
        fields = {key.partition("/")[2]: value for key, value in content.items() if key.startswith(f"{name}/")}
        if "out" in fields:
            found[name] = _recorded(fields)
    return found


def _recorded(fields: dict[str, np.ndarray]) -> Recorded:
    atoms = Atoms(fields["numbers"], fields["positions"], cell=fields["cell"], pbc=True)
    graph, order = _graph(fields)
    system = AtomicSystem(
        positions=torch.tensor(fields["positions"]),
        cell=torch.tensor(fields["cell"])[None],
        pbc=torch.ones(1, 3, dtype=torch.bool),
        atomic_numbers=graph.atomic_numbers,
        system_idx=graph.system_idx,
    )
    return Recorded(atoms, system, graph, torch.tensor(fields["edge_vectors"].reshape(-1, 3))[order], fields)


def _graph(fields: dict[str, np.ndarray]) -> tuple[AtomicGraph, Tensor]:
    """The graph with edges sorted by dst and angles by line_dst, and the order of the edges."""
    src, dst, line_src, line_dst = (
        torch.tensor(fields[key].astype(np.int64)) for key in ("edge_src", "edge_dst", "line_src", "line_dst")
    )
    order = torch.argsort(dst, stable=True)
    new_id = torch.empty_like(order)
    new_id[order] = torch.arange(len(order))
    line_src, line_dst = new_id[line_src], new_id[line_dst]
    line_order = torch.argsort(line_dst, stable=True)
    numbers = torch.tensor(fields["numbers"])
    graph = AtomicGraph(
        atomic_numbers=numbers,
        system_idx=torch.zeros_like(numbers),
        extra_features=None,
        edge_src=src[order],
        edge_dst=dst[order],
        edge_shift=torch.zeros(len(src), 3, dtype=torch.int32),
        line_nodes=torch.arange(len(src)),
        line_src=line_src[line_order],
        line_dst=line_dst[line_order],
        n_atoms=torch.tensor([len(numbers)]),
        n_edges=torch.tensor([len(src)]),
        n_line_nodes=torch.tensor([len(src)]),
        n_triplets=torch.tensor([len(line_src)]),
    )
    return graph, order
