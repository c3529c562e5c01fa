"""Structs and constants of the C++ kernels, mirrored field by field from ``native/source/``.

``LAYOUT`` is compared with the library when it is loaded, so that a mirror that does not match is an error and does not
give wrong numbers.
"""

import ctypes
from typing import Final

CHANNELS: Final = 16
"""Widths of the network are padded to multiples of this, which is a multiple of the widest vector."""
WIDEST: Final = 512
"""Largest number of channels of a published network."""
MOST_HARMONICS: Final = 15
"""Components of the moments of all orders, 3 + 5 + 7."""
VANISHING: Final = 1e-6
"""Added to the sum of gates of a gated average, so that a node without neighbours is not divided by zero."""

DONE: Final = 0
NO_MEMORY: Final = 1
FAILED: Final = 2
REFUSED: Final = 3
"""Status codes of the kernels."""


def _pointers(*names: str) -> list[tuple[str, type]]:
    return [(name, ctypes.c_void_p) for name in names]


class TableArguments(ctypes.Structure):
    """Mirror of the C++ struct ``Table``."""

    _fields_ = [
        ("low", ctypes.c_double),
        ("step", ctypes.c_double),
        ("n_pieces", ctypes.c_int64),
        ("pieces", ctypes.c_void_p),
    ]


class NormArguments(ctypes.Structure):
    """Mirror of ``Norm``."""

    _fields_ = [*_pointers("weight", "bias"), ("eps", ctypes.c_double)]


class EdgeLayerArguments(ctypes.Structure):
    """Mirror of ``EdgeLayer``."""

    _fields_ = _pointers("matrix", "bias")


class NodeLayerArguments(ctypes.Structure):
    """Mirror of ``NodeLayer``."""

    _fields_ = _pointers("matrices", "bias", "back")


class LowerArguments(ctypes.Structure):
    """Mirror of ``LowerLayer``."""

    _fields_ = [
        ("nodes", ctypes.c_void_p),
        ("projections", NodeLayerArguments),
        ("edge_norm", NormArguments),
        ("following", EdgeLayerArguments),
    ]


class AverageArguments(ctypes.Structure):
    """One gated average, forward or backward."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n_nodes", "n_members", "n_groups", "n_lone", "width")),
        *((name, ctypes.c_int64) for name in ("threads", "disjoint")),
        *_pointers("members", "lone", "targets", "starts", "groups", "sources", "entering"),
        *_pointers("leaving", "leaving_starts"),
        ("node_norm", NormArguments),
        ("edge_norm", NormArguments),
        ("projections", NodeLayerArguments),
        ("layer", EdgeLayerArguments),
        *_pointers("layer_back", "nodes", "source_rows", "gates", "states", "cosines"),
        ("gate_table", TableArguments),
        ("state_table", TableArguments),
        ("n_lower", ctypes.c_int64),
        ("lower", ctypes.POINTER(LowerArguments)),
        *_pointers("updated", "read", "new_states", "new_gates"),
        ("following", EdgeLayerArguments),
        *_pointers("d_nodes", "d_states"),
        ("states_read", ctypes.c_int64),
        *_pointers("d_cosines", "from_sources", "d_messages", "sent"),
    ]


class SmoothArguments(ctypes.Structure):
    """Mirror of the C++ struct of this name, field by field."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n_atoms", "n_edges", "n_line_nodes", "n_triplets", "n_local")),
        *((name, ctypes.c_int64) for name in ("features", "n_radial", "n_angular", "n_elements")),
        *((name, ctypes.c_int64) for name in ("angle_layers", "atom_layers", "exponent", "threads")),
        *((name, ctypes.c_int64) for name in ("moment_channels", "max_moment")),
        *((name, ctypes.c_double) for name in ("cutoff", "line_cutoff")),
        *((name, ctypes.c_void_p) for name in ("vectors", "src", "dst", "shift", "line_nodes", "line_src", "line_dst")),
        *((name, ctypes.c_void_p) for name in ("rows", "weights", "bounds", "local", "distance", "gradient")),
        ("evaluated", ctypes.c_void_p),
    ]


LAYOUT: Final[dict[str, float]] = {
    **{
        struct.__name__: ctypes.sizeof(struct)
        for struct in (
            SmoothArguments,
            AverageArguments,
            LowerArguments,
            NodeLayerArguments,
            EdgeLayerArguments,
            NormArguments,
            TableArguments,
        )
    },
    "CHANNELS": CHANNELS,
    "WIDEST": WIDEST,
    "MOST_HARMONICS": MOST_HARMONICS,
    "VANISHING": VANISHING,
    "DONE": DONE,
    "NO_MEMORY": NO_MEMORY,
    "FAILED": FAILED,
    "REFUSED": REFUSED,
}
"""Name → size in bytes, or value."""
