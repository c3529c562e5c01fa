"""Labels that look filled in: zero where a computed number would hardly be zero.

Used while a training set is gone through, and by ``alignn-ff data describe``.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from alignn_ff.train.records.record import Record

SYMMETRIC: Final = frozenset({"forces"})
"""Kinds that are zero in perfect crystals, so that they are doubted only where they are zero in all records."""


class ZeroLabels:
    """Records whose energy, forces or stress are exactly zero, gathered one record at a time."""

    def __init__(self) -> None:
        self._zero: dict[str, list[str]] = {"energy": [], "forces": [], "stress": []}
        self._labelled = dict.fromkeys(self._zero, 0)

    def add(self, record: Record) -> None:
        """Add a record; the force on a lone atom is not counted."""
        for kind, names in self._zero.items():
            label = record.label(kind)
            if label is None or (kind == "forces" and len(record.atoms) == 1):
                continue
            self._labelled[kind] += 1
            if not np.any(label):
                names.append(record.identifier)

    def result(self) -> dict[str, tuple[str, ...]]:
        """Kind of label → the records in which it is zero, where that is doubtful."""
        return {
            kind: tuple(names)
            for kind, names in self._zero.items()
            if names and (kind not in SYMMETRIC or (len(names) == self._labelled[kind] > 1))
        }


def zero_labels(records: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    """Kind of label → the records in which it is doubtful that it is zero."""
    found = ZeroLabels()
    for record in records:
        found.add(record)
    return found.result()


def zero_sentences(found: Mapping[str, tuple[str, ...]], where: str) -> list[str]:
    """A sentence for each kind; ``where`` names the records that were gone through."""
    sentences = []
    for kind, names in found.items():
        named = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        sentences.append(
            f"the label {kind} is exactly zero in {len(names)} {where} ({named}); if it was not computed, leave it "
            "out: a record may lack any label"
        )
    return sentences
