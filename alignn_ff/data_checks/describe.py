"""Describe data sets: what is in them, what looks wrong, and what they share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from alignn_ff.data_checks.consistency import Consistency, consistency_of, doubts
from alignn_ff.data_checks.contents import Contents, contents_of
from alignn_ff.data_checks.environments import Environment, environment_of
from alignn_ff.data_checks.findings import Finding, named
from alignn_ff.data_checks.likeness import alike
from alignn_ff.data_checks.strain import close_pairs
from alignn_ff.data_checks.suspicions import net_forces, outliers, short_bonds, unlikely_energies
from alignn_ff.train.records.record import Record, reduced_formula

UP_TO: Final = "up to origin, orientation, mirror image and supercell"

CONTRADICTION_EV: Final = 0.005
"""Energies per atom of one structure that differ by more contradict each other."""


class Description(NamedTuple):
    """A survey of data sets.

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


def describe(sets: Mapping[str, Sequence[Record]]) -> Description:
    """Survey one data set or several, such as the parts of a split."""
    findings: list[Finding] = []
    consistency = {}
    environments = {name: [environment_of(record) for record in records] for name, records in sets.items()}
    for name, records in sets.items():
        consistency[name] = consistency_of(close_pairs(records))
        findings += doubts(consistency[name], name)
        for look in (unlikely_energies, net_forces, outliers):
            findings += look(records, name)
        findings += short_bonds(records, environments[name], name)
    findings += _likenesses(sets, environments)
    return Description(
        contents={name: contents_of(records, environments[name]) for name, records in sets.items()},
        consistency=consistency,
        shared_formulas=_shared_formulas(sets),
        findings=tuple(findings),
    )


def _likenesses(
    sets: Mapping[str, Sequence[Record]], environments: Mapping[str, Sequence[Environment]]
) -> list[Finding]:
    """Structures that are there twice: within a set, in two sets, with different energies."""
    owners = [(name, record) for name, records in sets.items() for record in records]
    labels = [f"{name}/{record.identifier}" if len(sets) > 1 else record.identifier for name, record in owners]
    within: list[int] = []
    across: list[int] = []
    contradicting: list[int] = []
    for group in alike([record for _, record in owners], [e for known in environments.values() for e in known]):
        names = {owners[i][0] for i in group}
        if len(names) > 1:
            across.extend(group)
        if len(names) < len(group):
            within.extend(group)
        energies = [r.energy / len(r.atoms) for r in (owners[i][1] for i in group) if r.energy is not None]
        if energies and max(energies) - min(energies) > CONTRADICTION_EV:
            contradicting.extend(group)
    sentences: tuple[tuple[list[int], Any, str], ...] = (
        (across, "leak", "structures are in several sets: {}; what is tested on must not be trained on"),
        (within, "duplicates", f"structures are there more than once, {UP_TO}: {{}}"),
        (contradicting, "contradiction", f"structures, {UP_TO}, are there with different energies: {{}}"),
    )
    found = [(kind, text, [labels[i] for i in members]) for members, kind, text in sentences if members]
    return [Finding(kind, f"{len(who)} {text.format(named(who))}", tuple(who)) for kind, text, who in found]


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
