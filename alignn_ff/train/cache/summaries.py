"""The summary of a training set beside the graphs that it was made from, so that a second run need not go through them.

A file per training set in the folder of the cache; one that is damaged, or cannot be written, costs a pass over the
graphs.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alignn_ff.errors import StorageError
from alignn_ff.io import atomic_write
from alignn_ff.train.cache.packing import Array, DamagedEntryError, pack, unpack
from alignn_ff.train.labels import LABELS
from alignn_ff.train.records.environments import Environments
from alignn_ff.train.records.properties import Moments
from alignn_ff.train.records.statistics import TrainingSetSummary

log = logging.getLogger(__name__)

VERSION: Final = 2
"""Raised whenever the same training set gives another summary than before."""
SUFFIX: Final = ".summary"
ARRAYS: Final = ("composition", "energies", "volumes")


def summary_name(cache_digest: str, chosen: Sequence[int], elements: Sequence[int]) -> str:
    """Name of the file for some of the records of a cache."""
    content = json.dumps([VERSION, cache_digest, list(chosen), list(elements), list(LABELS)])
    return hashlib.sha256(content.encode()).hexdigest()[:24] + SUFFIX


def remembered_summary(file: Path, summarise: Callable[[], TrainingSetSummary]) -> TrainingSetSummary:
    """The summary in a file; where there is none, ``summarise`` makes it and the file is written."""
    try:
        return _unpacked(file.read_bytes())
    except OSError:
        pass
    except (DamagedEntryError, ValueError, TypeError, KeyError) as error:
        log.warning("%s is damaged, the training set is gone through again: %s", file, error)
    found = summarise()
    try:
        with atomic_write(file) as temporary:
            temporary.write_bytes(_packed(found))
    except (OSError, StorageError) as error:
        log.info("%s cannot be written, so the next run goes through the training set again: %s", file, error)
    return found


def _packed(found: TrainingSetSummary) -> bytes:
    words: dict[str, Any] = {name: value for name, value in found._asdict().items() if name not in ARRAYS}
    words["environments"] = found.environments._asdict()
    words["properties"] = {kind: (moments.lowest, moments.highest) for kind, moments in found.properties.items()}
    moments = [array for one in found.properties.values() for array in (one.mean, one.covariance)]
    text = np.frombuffer(json.dumps(words).encode(), dtype=np.uint8)
    return pack([text, found.composition.astype(np.int64), found.energies, found.volumes, *moments])


def _unpacked(content: bytes) -> TrainingSetSummary:
    text, composition, energies, volumes, *moments = [_present(array) for array in unpack(content)]
    words: dict[str, Any] = json.loads(text.tobytes())
    environments = words.pop("environments")
    pairs = zip(words.pop("properties").items(), moments[::2], moments[1::2], strict=True)
    return TrainingSetSummary(
        **{**words, "elements": tuple(words["elements"]), "zero": {k: tuple(v) for k, v in words["zero"].items()}},
        composition=composition.astype(np.int16),
        energies=_exact(energies),
        volumes=_exact(volumes),
        environments=Environments(**environments),
        properties={
            kind: Moments(mean.astype(np.float64), covariance.astype(np.float64), *ends)
            for (kind, ends), mean, covariance in pairs
        },
    )


def _present(array: Array | None) -> Array:
    if array is None:
        raise ValueError("an array is missing")
    return array


def _exact(array: Array) -> NDArray[np.float64]:
    return array.astype(np.float64)
