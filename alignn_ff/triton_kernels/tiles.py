"""What the kernels share: where the edges of a row begin and end, and how many of them a program takes at a time."""

from typing import Final

import triton
import triton.language as tl

TILE: Final = 256
"""Numbers of an array that a warp holds at a time, eight per thread; tiles of one edge may have more."""
MOST_EDGES: Final = 16
"""Largest number of edges in a tile: with more, most of a tile would be masked."""


def power_of_two(size: int) -> int:
    """The smallest power of two that is not smaller; Triton's tiles have no other sizes."""
    return 1 << max(size - 1, 0).bit_length()


def tile(width: int) -> dict[str, int]:
    """Tile of a kernel whose edges hold rows of some width, as keyword arguments of its call."""
    padded = power_of_two(width)
    edges = max(1, min(MOST_EDGES, TILE // padded))
    return {"EDGES": edges, "WIDTH": padded, **options(edges * padded)}


def options(size: int) -> dict[str, int]:
    """Options of the compiler for a program with a tile of this size.

    Products and sums are fused by name, since versions of triton differ in what they do without a word.
    """
    return {"num_warps": warps(size), "enable_fp_fusion": True}


def warps(size: int) -> int:
    """Warps of a program with a tile of this size, at most eight."""
    return max(1, min(8, size // TILE))


@triton.jit
def segment(starts, n_rows, n_entries):
    """The row of this program, and where its entries begin and end; int64, as products with it exceed 2³¹."""
    row = tl.program_id(0).to(tl.int64)
    begin = tl.load(starts + row)
    end = tl.load(starts + row + 1, mask=row + 1 < n_rows, other=n_entries)
    return row, begin, end
