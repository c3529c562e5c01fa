"""Keep freed memory in the process, so that large buffers are not paged in again at every step.

glibc returns large blocks to the system as soon as they are freed, and each new one is paged in again. The setting
holds for the whole process until it ends, so the library never changes it. The command line does, for its own process,
and a script that makes many evaluations may call :func:`keep_freed_memory` once.
"""

import ctypes
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
_LARGEST_MMAP_THRESHOLD: Final = 32 * 1024 * 1024
_KEEP_BYTES: Final = 2**31 - 1


def keep_freed_memory() -> bool:
    """Set glibc to reuse freed buffers until the process ends; do nothing on other systems.

    Returns:
        Whether the allocator accepted the setting.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD), (_M_TRIM_THRESHOLD, _KEEP_BYTES), (_M_TOP_PAD, 1 << 26))
    return all(mallopt(option, value) == 1 for option, value in settings)
