"""Labels as tensors: every kind of label with a mask, so that records may lack any of them.

In: records. Out: ``Targets`` of one structure, or of a batch; zero where a label is missing, never NaN.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alignn_ff.errors import DataError
from alignn_ff.train.records.record import Record


class Targets(NamedTuple):
    """Labels of a batch, float64, zero where the mask is false; never NaN.

    Attributes:
        energy: (n_systems,) eV, total. has_energy: (n_systems,) bool.
        forces: (n_atoms, 3) eV/Å. has_forces: (n_atoms,) bool.
        stress: (n_systems, 3, 3) eV/Å³, tension positive. has_stress: (n_systems,) bool.
        target: (n_systems, n) property of a structure, unit of the data; a class as its number, from 0.
            has_target: (n_systems,) bool.
        atomwise: (n_atoms, k) property of each atom. has_atomwise: (n_atoms,) bool.
        additional: (n_systems, m) further property of a structure. has_additional: (n_systems,) bool.
    """

    energy: Tensor
    has_energy: Tensor
    forces: Tensor
    has_forces: Tensor
    stress: Tensor
    has_stress: Tensor
    target: Tensor
    has_target: Tensor
    atomwise: Tensor
    has_atomwise: Tensor
    additional: Tensor
    has_additional: Tensor


class LabelWidths(NamedTuple):
    """How many numbers a label of each kind has; 0 where no record has one."""

    target: int = 0
    atomwise: int = 0
    additional: int = 0


def label_widths(records: Iterable[Record]) -> LabelWidths:
    """Widths that all records share.

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
        """Take in a record.

        Raises:
            DataError: it has another width than those before.
        """
        for kind in LabelWidths._fields:
            label = getattr(record, kind)
            if label is None:
                continue
            width, named = self._first.setdefault(kind, (label.shape[-1], record.identifier))
            if label.shape[-1] != width:
                raise DataError(
                    f"the {kind} of {record.identifier} has {label.shape[-1]} numbers, that of {named} {width}; "
                    "all records need the same"
                )

    def result(self) -> LabelWidths:
        """Widths of all records so far."""
        return LabelWidths(**{kind: width for kind, (width, _) in self._first.items()})


def targets_of(record: Record, widths: LabelWidths) -> Targets:
    """Labels of one record.

    Args:
        record: with any labels.
        widths: of the labels that other records may have and this one may lack.
    """
    n_atoms = len(record.atoms)
    parts: list[Tensor] = []
    for kind, shape in SHAPES.items():
        label: NDArray[np.float64] | float | None = getattr(record, kind)
        full = shape(n_atoms, widths)
        parts += [
            torch.zeros(full, dtype=torch.float64)
            if label is None
            else torch.tensor(label, dtype=torch.float64).reshape(full),
            torch.full(full[:1], label is not None),
        ]
    return Targets(*parts)


SHAPES: Final[dict[str, Callable[[int, LabelWidths], tuple[int, ...]]]] = {
    "energy": lambda _n_atoms, _widths: (1,),
    "forces": lambda n_atoms, _widths: (n_atoms, 3),
    "stress": lambda _n_atoms, _widths: (1, 3, 3),
    "target": lambda _n_atoms, widths: (1, widths.target),
    "atomwise": lambda n_atoms, widths: (n_atoms, widths.atomwise),
    "additional": lambda _n_atoms, widths: (1, widths.additional),
}
"""Kind of label → its shape in ``Targets``, in the order of the fields there."""
