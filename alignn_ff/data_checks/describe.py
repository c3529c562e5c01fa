"""Describe data sets: their contents, what looks wrong, and what they share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from alignn_ff.data_checks.consistency import Consistency, consistency_of
from alignn_ff.data_checks.contents import Contents, contents_of
from alignn_ff.data_checks.environments import environment_of
from alignn_ff.data_checks.findings import DataSet, Finding
from alignn_ff.data_checks.strain import close_pairs
from alignn_ff.data_checks.table import SUSPICIONS
from alignn_ff.train.records.record import Record, reduced_formula


class Description(NamedTuple):
    """Contents of data sets, and findings about them.

    Attributes:
        contents: set → what is in it.
        consistency: set → how energies, forces and stresses belong together.
        shared_formulas: "first & second" → structures of the second whose reduced formula the first has too.
        findings: what looks wrong.
    """

    contents: dict[str, Contents]
    consistency: dict[str, Consistency]
    shared_formulas: dict[str, int]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data, units in the names."""
        return {
            "sets": {
                name: {**_plain(contents), "consistency": self.consistency[name]._asdict()}
                for name, contents in self.contents.items()
            },
            "shared_formulas": self.shared_formulas,
            "findings": [finding._asdict() for finding in self.findings],
        }


def describe(records_of: Mapping[str, Sequence[Record]]) -> Description:
    """Check one data set or several, such as the parts of a split."""
    sets = [
        DataSet(name, records, [environment_of(record) for record in records], consistency_of(close_pairs(records)))
        for name, records in records_of.items()
    ]
    return Description(
        contents={data.name: contents_of(data.records, data.environments) for data in sets},
        consistency={data.name: data.consistency for data in sets},
        shared_formulas=_shared_formulas(records_of),
        findings=tuple(finding for look in SUSPICIONS.values() for finding in look(sets)),
    )


def _shared_formulas(sets: Mapping[str, Sequence[Record]]) -> dict[str, int]:
    counted = {name: Counter(reduced_formula(record) for record in records) for name, records in sets.items()}
    names = list(sets)
    return {
        f"{first} & {second}": sum(n for formula, n in counted[second].items() if formula in counted[first])
        for k, first in enumerate(names)
        for second in names[k + 1 :]
    }


def _plain(contents: Contents) -> dict[str, Any]:
    return {
        **contents._asdict(),
        "sizes": contents.sizes._asdict(),
        "ranges": {name: spread._asdict() for name, spread in contents.ranges.items()},
    }
