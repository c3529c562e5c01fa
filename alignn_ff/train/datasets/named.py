"""Published data sets by name, downloaded through jarvis-tools (an extra)."""

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

from alignn_ff.errors import ConfigError, DataError
from alignn_ff.train.datasets.keys import DataKeys
from alignn_ff.train.datasets.tables import records_of
from alignn_ff.train.records.record import Record

log = logging.getLogger(__name__)

JARVIS_NAMES: Final[dict[str, str]] = {"jdft_3d-8-18-2021": "dft_3d_2021", "hpov": "hopv", "edos_up": "edos_pdos"}
"""Names that are spelled otherwise in jarvis-tools."""

MISSING: Final = "na"
"""How these data sets write a value that is not known."""


def read_named(name: str, keys: DataKeys) -> list[Record]:
    """All records of a published data set that have the target.

    Raises:
        ConfigError: jarvis-tools is not installed, or does not have the name.
        DataError: the download failed, or the target does not exist.
    """
    entries = _download(name)
    if not any(keys.target in entry for entry in entries):
        known = sorted({key for entry in entries[:100] for key in entry} - {"atoms"})
        raise DataError(f"data set {name!r} has no {keys.target!r}; set target to one of {', '.join(known)}")
    labelled = [entry for entry in entries if not _is_missing(entry.get(keys.target))]
    left_out = len(entries) - len(labelled)
    log.info("%s: %d structures, %d without %s left out", name, len(labelled), left_out, keys.target)
    return records_of(labelled, keys, source=name, tell=log.debug)  # their other properties are known


def _download(name: str) -> list[Mapping[str, Any]]:
    try:
        from jarvis.db import figshare
    except ImportError as error:
        raise ConfigError(
            f'there are no data: give --data PATH, or "data" in the config. Without them, dataset {name!r} '
            "is taken, which comes through jarvis-tools, and that is not installed: pip install 'alignn-ff[jarvis]'"
        ) from error
    try:
        entries: list[Mapping[str, Any]] = figshare.data(JARVIS_NAMES.get(name, name))
    except OSError as error:  # requests raises subclasses of it
        raise DataError(f"data set {name!r} could not be downloaded: {error}; is there a network?") from error
    except (KeyError, ValueError) as error:
        raise ConfigError(f"this jarvis-tools does not offer the data set {name!r}: {error}") from error
    return entries


def _is_missing(value: object) -> bool:
    return value is None or value == MISSING or (isinstance(value, float) and math.isnan(value))
