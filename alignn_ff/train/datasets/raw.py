"""Identity of the file of a data set, by which a second run knows that reading it again would change nothing."""

import hashlib
import json
from pathlib import Path
from typing import Final

import ase

from alignn_ff.train.config import TrainingConfig
from alignn_ff.train.datasets.formats import row_of
from alignn_ff.train.datasets.keys import keys_of
from alignn_ff.train.datasets.places import located
from alignn_ff.train.labels import LABELS

READER: Final = 1
"""Raised whenever the same file gives other records than before."""


def raw_digest(config: TrainingConfig) -> str | None:
    """SHA-256 of the file of a config and of everything that decides its records.

    None where that does not lie in one file: published data sets, and tables that name structure files.

    Raises:
        DataError: there is no such file.
    """
    if config.data is None or config.dataset != "user_data":
        return None
    file, keys = located(Path(config.data), keys_of(config))
    if not row_of(file, keys).whole:
        return None
    learned = [kind for kind, label in LABELS.items() if label.weight(config.model) > 0]
    changes = (config.target_multiplication_factor, config.classification_threshold)
    options = [READER, ase.__version__, file.name, repr(keys), list(LABELS), learned]
    options += [config.model.kind, config.model.outputs.classifies, repr(changes)]
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
    digest.update(json.dumps(options).encode())
    return digest.hexdigest()
