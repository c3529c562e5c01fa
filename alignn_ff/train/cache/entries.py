"""What the cache holds of a record: the record itself and its sample, each as one entry of plain arrays.

Both follow from the fields of their containers, so a new field of ``Record``, ``AtomicGraph`` or ``Targets``
needs no change here; caches of other fields are rebuilt, since :func:`layout` is part of their identity.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from alignn_ff.train.cache.packing import Array, pack, unpack
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.batches import Sample
from alignn_ff.train.records.record import Record

Nest = TypeVar("Nest", bound=tuple[Any, ...])
Part = type[tuple[Any, ...]] | type[dict[str, Tensor]] | None
"""What a field of a container holds."""


def pack_sample(sample: Sample) -> bytes:
    """Entry of one sample."""
    kinds = np.frombuffer(" ".join(sample.targets.values).encode(), dtype=np.uint8)
    return pack([kinds, *(None if tensor is None else tensor.numpy() for tensor in _leaves(sample))])


def unpack_sample(entry: bytes | memoryview) -> Sample:
    """Sample of one entry.

    Raises:
        DamagedEntryError: the checksum is wrong.
    """
    kinds, *arrays = unpack(entry)
    assert kinds is not None
    leaves = (None if array is None else torch.from_numpy(array) for array in arrays)
    return _nest(Sample, leaves, kinds.tobytes().decode().split())


def pack_record(record: Record) -> bytes:
    """Entry of one record."""
    words: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for name, value in record._asdict().items():
        if isinstance(value, Atoms):
            words["atoms"] = {"info": _plain(value.info)}
            arrays |= {"cell": value.cell.array, "pbc": value.pbc}
            arrays |= {f"atoms.{key}": array for key, array in value.arrays.items() if array.dtype.kind in "bif"}
        elif isinstance(value, np.ndarray):
            arrays[name] = value
        elif isinstance(value, Mapping):
            arrays |= {f"further.{kind}": label for kind, label in value.items()}
        else:
            words[name] = value
    words["arrays"] = list(arrays)
    text = np.frombuffer(json.dumps(words).encode(), dtype=np.uint8)
    return pack([text, *arrays.values()])


def unpack_record(entry: bytes | memoryview) -> Record:
    """Record of one entry.

    Raises:
        DamagedEntryError: the checksum is wrong.
    """
    text, *rest = unpack(entry)
    assert text is not None
    words: dict[str, Any] = json.loads(text.tobytes())
    arrays = dict(zip(words.pop("arrays"), rest, strict=True))
    atoms = Atoms(arrays.pop("atoms.numbers"), arrays.pop("atoms.positions"))
    atoms.set_cell(arrays.pop("cell"))
    atoms.pbc = arrays.pop("pbc")
    atoms.info.update(words.pop("atoms")["info"])
    for name in [name for name in arrays if name.startswith("atoms.")]:
        atoms.set_array(name.removeprefix("atoms."), arrays.pop(name))
    further = {name.removeprefix("further."): arrays.pop(name) for name in list(arrays) if name.startswith("further.")}
    fields: dict[str, Any] = {**words, **arrays, "atoms": atoms, "further": further}
    return Record(**fields)


def identifier_of(entry: bytes | memoryview) -> str:
    """Identifier of the record of an entry, without its arrays.

    Raises:
        DamagedEntryError: the checksum is wrong.
    """
    (text,) = unpack(entry, 1)
    assert text is not None
    return str(json.loads(text.tobytes())["identifier"])


def layout() -> str:
    """Digest of the names of all fields that entries hold."""
    names = [*_names(Sample), *LABELS, *Record._fields]
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:16]


def _leaves(value: object) -> Iterator[Tensor | None]:
    if value is None or isinstance(value, Tensor):
        yield value
        return
    assert isinstance(value, tuple | dict)
    for part in value.values() if isinstance(value, dict) else value:
        yield from _leaves(part)


def _nest(kind: type[Nest], leaves: Iterator[Tensor | None], keys: Sequence[str]) -> Nest:
    """A container filled with the leaves; its dictionaries get these keys."""
    make: Callable[..., Nest] = kind
    return make(*(_part(part, leaves, keys) for part in _parts(kind).values()))


def _part(part: Part, leaves: Iterator[Tensor | None], keys: Sequence[str]) -> object:
    if part is None:
        return next(leaves)
    return _nest(part, leaves, keys) if issubclass(part, tuple) else {key: next(leaves) for key in keys}


def _names(kind: type[tuple[Any, ...]]) -> Iterator[str]:
    for name, part in _parts(kind).items():
        yield f"{kind.__name__}.{name}"
        if part is not None and issubclass(part, tuple):
            yield from _names(part)


@cache
def _parts(kind: type[tuple[Any, ...]]) -> dict[str, Part]:
    """Field → its container, ``dict`` where it maps kinds of labels to tensors, or None where it is a tensor."""
    parts: dict[str, Part] = {}
    for name, hint in get_type_hints(kind).items():
        if get_origin(hint) is dict:
            parts[name] = dict
            continue
        options = [option for option in (get_args(hint) or (hint,)) if option is not NoneType]
        container = options[0]
        parts[name] = container if isinstance(container, type) and issubclass(container, tuple) else None
    return parts


def _plain(info: dict[str, Any]) -> dict[str, Any]:
    """Words and numbers of ``atoms.info``; values that JSON cannot hold are left out."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in info.items()}
    return {key: value for key, value in plain.items() if isinstance(value, str | int | float | bool)}
