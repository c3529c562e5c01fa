"""Arrays ↔ bytes, without pickles: what one entry of the cache holds, and a checksum that finds damage.

Integers are kept in the narrowest type that holds them and widened again when read; floats keep every bit.
"""

import math
import struct
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alignn_ff.errors import DataError

Array = NDArray[np.generic]

_DTYPES: Final = tuple(
    np.dtype(name) for name in ("bool", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "uint8")
)
_CODES: Final = {dtype: code for code, dtype in enumerate(_DTYPES)}
_ABSENT: Final = 255
_NARROWER: Final = {
    np.dtype("int64"): (np.dtype("int8"), np.dtype("int16"), np.dtype("int32")),
    np.dtype("int32"): (np.dtype("int8"), np.dtype("int16")),
}
_START: Final = struct.Struct("<IH")  # checksum of what follows it, number of arrays
_ARRAY: Final = struct.Struct("<BBB")  # dtype, dtype as stored, number of axes


class DamagedEntryError(DataError):
    """The bytes of an entry are not those that were written."""


def pack(arrays: Sequence[Array | None]) -> bytes:
    """Bytes of some arrays; None stays None.

    Raises:
        TypeError: a dtype that no entry can hold.
    """
    heads: list[bytes] = []
    bodies: list[bytes] = []
    for array in arrays:
        if array is None:
            heads.append(_ARRAY.pack(_ABSENT, 0, 0))
            continue
        if array.dtype not in _CODES:
            raise TypeError(f"a cache entry cannot hold {array.dtype}; allowed are {', '.join(map(str, _DTYPES))}")
        stored = _narrowed(array)
        heads.append(_ARRAY.pack(_CODES[array.dtype], _CODES[stored.dtype], array.ndim))
        heads.append(struct.pack(f"<{array.ndim}Q", *array.shape))
        bodies.append(stored.tobytes())
    content = b"".join((*heads, *bodies))
    count = struct.pack("<H", len(arrays))
    return struct.pack("<I", zlib.crc32(content, zlib.crc32(count))) + count + content


def unpack(entry: bytes | memoryview, n_first: int | None = None) -> list[Array | None]:
    """The arrays of an entry, each with memory of its own.

    Args:
        entry: as :func:`pack` made it.
        n_first: how many of them are wanted; None: all.

    Raises:
        DamagedEntryError: the checksum is wrong.
    """
    check(entry)
    (_, n_arrays), place = _START.unpack_from(entry), _START.size
    heads: list[tuple[np.dtype[np.generic], np.dtype[np.generic], tuple[int, ...]] | None] = []
    for _ in range(n_arrays):
        code, stored_code, n_axes = _ARRAY.unpack_from(entry, place)
        place += _ARRAY.size
        if code == _ABSENT:
            heads.append(None)
            continue
        heads.append((_DTYPES[code], _DTYPES[stored_code], struct.unpack_from(f"<{n_axes}Q", entry, place)))
        place += 8 * n_axes
    arrays: list[Array | None] = []
    for head in heads[:n_first]:
        if head is None:
            arrays.append(None)
            continue
        dtype, stored, shape = head
        size = math.prod(shape)
        arrays.append(np.frombuffer(entry, stored, size, place).astype(dtype).reshape(shape))
        place += size * stored.itemsize
    return arrays


def check(entry: bytes | memoryview) -> None:
    """Compare the checksum.

    Raises:
        DamagedEntryError: it is wrong.
    """
    if len(entry) < _START.size or struct.unpack_from("<I", entry)[0] != zlib.crc32(entry[4:]):
        raise DamagedEntryError("the checksum is wrong")


def _narrowed(array: Array) -> Array:
    if array.dtype not in _NARROWER or array.size == 0:
        return array
    low, high = array.min(), array.max()
    for dtype in _NARROWER[array.dtype]:
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return array.astype(dtype)
    return array
