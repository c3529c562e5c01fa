"""Labels as tensors: every kind of label with a mask, so that records may lack any of them.

In: records. Out: ``Targets`` of one structure, or of a batch; zero where a label is missing, never NaN.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from alignn_ff.errors import DataError
from alignn_ff.train.labels import LABELS, properties
from alignn_ff.train.records.record import Record


class Targets(NamedTuple):
    """Labels of a batch, by their kind in ``LABELS``.

    Attributes:
        values: float64, one row per structure or per atom as the kind has it; zero where the mask is false, never NaN:
            energy (n_systems,) eV, total; forces (n_atoms, 3) eV/Å; stress (n_systems, 3, 3) eV/Å³, tension positive;
            any other (n, width) in the unit of the data, a class as its number, from 0.
        known: mask of the rows, bool.
    """

    values: dict[str, Tensor]
    known: dict[str, Tensor]

    def with_values(self, kind: str, values: Tensor) -> "Targets":
        """The same with other values of one kind."""
        return self._replace(values={**self.values, kind: values})


class LabelShape(NamedTuple):
    """How the labels of one kind are laid out: rows per atom or per structure, and the shape of a row."""

    per_atom: bool
    row: tuple[int, ...]


LabelShapes = Mapping[str, LabelShape]
"""Kind → its layout, for all kinds of ``LABELS``; plain data, which processes that build graphs take along."""


def label_shapes(records: Iterable[Record]) -> LabelShapes:
    """Layout that all records share.

    Raises:
        DataError: records have labels of different widths; one of each is named.
    """
    widths = RunningWidths()
    for record in records:
        widths.add(record)
    return widths.result()


class RunningWidths:
    """Widths of the labels of records that come one by one."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, str]] = {}

    def add(self, record: Record) -> None:
        """Add a record.

        Raises:
            DataError: it has another width than those before.
        """
        for kind in properties():
            label = record.label(kind)
            if label is None or isinstance(label, float):
                continue
            width, named = self._first.setdefault(kind, (label.shape[-1], record.identifier))
            if label.shape[-1] != width:
                raise DataError(
                    f"the {kind} of {record.identifier} has {label.shape[-1]} numbers, that of {named} {width}; "
                    "all records need the same"
                )

    def result(self) -> LabelShapes:
        """Layout of all records so far; width 0 where no record has the label."""
        rows = {
            kind: (self._first[kind][0] if kind in self._first else 0,) if label.row_shape is None else label.row_shape
            for kind, label in LABELS.items()
        }
        return {kind: LabelShape(LABELS[kind].rows == "atom", row) for kind, row in rows.items()}


def targets_of(record: Record, shapes: LabelShapes) -> Targets:
    """Labels of one record.

    Args:
        record: with any labels.
        shapes: of the labels that other records may have and this one may lack.
    """
    values, known = dict[str, Tensor](), dict[str, Tensor]()
    for kind, shape in shapes.items():
        label, n_rows = record.label(kind), len(record.atoms) if shape.per_atom else 1
        full = (n_rows, *shape.row)
        zeros = torch.zeros(full, dtype=torch.float64)
        values[kind] = zeros if label is None else torch.tensor(label, dtype=torch.float64).reshape(full)
        known[kind] = torch.full((n_rows,), label is not None)
    return Targets(values, known)
