"""Suspicions about data sets, one row each."""

from collections.abc import Callable, Sequence
from typing import Final

from alignn_ff.data_checks.copies import copies
from alignn_ff.data_checks.findings import DataSet, Finding
from alignn_ff.data_checks.label_units import energy_doubts, force_doubts, noise, stiffness_doubts, stress_doubts
from alignn_ff.data_checks.suspicions import filled_labels, net_forces, outliers, short_bonds, unlikely_energies

Suspicion = Callable[[Sequence[DataSet]], list[Finding]]
"""All data sets of a description → findings."""


def in_each(look: Callable[[DataSet], list[Finding]]) -> Suspicion:
    """A suspicion that concerns each data set by itself."""
    return lambda sets: [finding for data in sets for finding in look(data)]


SUSPICIONS: Final[dict[str, Suspicion]] = {
    "units of energies beside forces and stresses": in_each(energy_doubts),
    "units and signs of forces": in_each(force_doubts),
    "units, signs and offset of stresses": in_each(stress_doubts),
    "noise of labels": in_each(noise),
    "stiffness": in_each(stiffness_doubts),
    "units of energies": in_each(unlikely_energies),
    "labels that are zero": in_each(filled_labels),
    "net forces": in_each(net_forces),
    "outliers": in_each(outliers),
    "short bonds": in_each(short_bonds),
    "copies, leaks and contradictions": copies,
}
"""Topic → search, in the order in which findings are listed."""
