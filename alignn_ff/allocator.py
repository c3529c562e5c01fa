"""Keep freed memory in the process, so that large buffers are not paged in anew at every step; ask for large pages.

glibc returns large blocks to the system as soon as they are freed, and each new one is paged in again.
Only long-running drivers ask for this, never an import.
"""

import ctypes
import mmap
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
_LARGEST_MMAP_THRESHOLD: Final = 32 * 1024 * 1024
_KEEP_BYTES: Final = 2**31 - 1
_MADV_HUGEPAGE: Final = 14
_SMALLEST_ADVISED: Final = 8 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Tell glibc to reuse freed buffers; elsewhere do nothing.

    Returns:
        Whether the allocator took the advice.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD), (_M_TRIM_THRESHOLD, _KEEP_BYTES), (_M_TOP_PAD, 1 << 26))
    return all(mallopt(option, value) == 1 for option, value in settings)


def advise_large_pages(address: int, n_bytes: int) -> None:
    """Ask for the memory of a buffer in large pages when it is first touched; elsewhere than on Linux do nothing.

    Args:
        address: where the buffer begins.
        n_bytes: its size; less than some megabytes are left alone.
    """
    if not sys.platform.startswith("linux") or n_bytes < _SMALLEST_ADVISED:
        return
    madvise = getattr(ctypes.CDLL(None), "madvise", None)
    if madvise is None:
        return
    first, last = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE, (address + n_bytes) // mmap.PAGESIZE * mmap.PAGESIZE
    madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _MADV_HUGEPAGE)
