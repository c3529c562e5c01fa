"""Containers used by all parts of the package: immutable tuples of tensors without behaviour."""

from typing import NamedTuple

from torch import Tensor


class AtomicSystem(NamedTuple):
    """One structure, or several concatenated ones.

    Attributes:
        positions: (n_atoms, 3) float64, Å, unwrapped.
        cell: (n_systems, 3, 3) float64, Å, rows are lattice vectors; zero rows where there is no vector.
        pbc: (n_systems, 3) bool.
        atomic_numbers: (n_atoms,) int64.
        system_idx: (n_atoms,) int64, ascending.
    """

    positions: Tensor
    cell: Tensor
    pbc: Tensor
    atomic_numbers: Tensor
    system_idx: Tensor


class AtomicGraph(NamedTuple):
    """Bond graph and line graph of one structure, or of several concatenated ones.

    Messages flow ``edge_src`` → ``edge_dst`` along r = x[dst] + shift·cell − x[src]. Edges are in
    canonical order: by dst, then src, then shift. A triplet is a pair of edges i→j and j→k; its
    bond angle is the one at j.

    Attributes:
        atomic_numbers: (n_atoms,) int64.
        system_idx: (n_atoms,) int64, ascending.
        extra_features: (n_atoms, p) per-atom fingerprints, or None.
        edge_src: (n_edges,) int64.
        edge_dst: (n_edges,) int64, ascending within a structure.
        edge_shift: (n_edges, 3) int32, lattice translations.
        line_nodes: (n_line_nodes,) int64, ascending ids of the edges that are nodes of the line
            graph: those below ``three_body_cutoff``.
        line_src: (n_triplets,) int64, edge ids i→j.
        line_dst: (n_triplets,) int64, edge ids j→k, ascending.
        n_atoms: (n_systems,) int64.
        n_edges: (n_systems,) int64.
        n_line_nodes: (n_systems,) int64.
        n_triplets: (n_systems,) int64.
        most_edges: no atom has more edges than this; None where it was not counted.
    """

    atomic_numbers: Tensor
    system_idx: Tensor
    extra_features: Tensor | None
    edge_src: Tensor
    edge_dst: Tensor
    edge_shift: Tensor
    line_nodes: Tensor
    line_src: Tensor
    line_dst: Tensor
    n_atoms: Tensor
    n_edges: Tensor
    n_line_nodes: Tensor
    n_triplets: Tensor
    most_edges: int | None = None


class Spread(NamedTuple):
    """Standard deviations of a prediction; None where a method does not give one.

    Those of forces and stress do not depend on the axes: of a force it is the root of the variances of its three
    components added, of a stress that of its nine components.

    Attributes:
        energy: (n_systems,) float64, eV, of the total energy.
        atomic_energy: (n_atoms,) float64, eV.
        forces: (n_atoms,) float64, eV/Å.
        stress: (n_systems,) float64, eV/Å³; NaN for structures without a volume.
    """

    energy: Tensor
    atomic_energy: Tensor
    forces: Tensor | None = None
    stress: Tensor | None = None


class TensorPrediction(NamedTuple):
    """Results of a potential for one structure, or several concatenated ones.

    Attributes:
        energy: (n_systems,) float64, eV, total.
        atomic_energy: (n_atoms,) float64, eV.
        forces: (n_atoms, 3) float64, eV/Å, −∂energy/∂positions; None if not asked for.
        stress: (n_systems, 3, 3) float64, eV/Å³, symmetric, tension positive; NaN rows for
            structures without a volume; None if not asked for.
        spread: of the members of a committee; None for one model.
    """

    energy: Tensor
    atomic_energy: Tensor
    forces: Tensor | None
    stress: Tensor | None
    spread: Spread | None = None
