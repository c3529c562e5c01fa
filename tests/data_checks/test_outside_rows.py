"""A suspicion added to the table from outside the package finds its records in ``describe``."""

from collections.abc import Sequence

import pytest
from ase.build import bulk

from alignn_ff.data_checks import SUSPICIONS, DataSet, Finding, describe, in_each
from alignn_ff.train import Record


def single_atoms(data: DataSet) -> list[Finding]:
    """Structures of one atom."""
    found = [record.identifier for record in data.records if len(record.atoms) == 1]
    return [Finding("single atoms", f"{data.name}: {len(found)} structures of one atom", tuple(found))] if found else []


def unequal_sizes(sets: Sequence[DataSet]) -> list[Finding]:
    """Data sets with different numbers of records."""
    sizes = {data.name: len(data.records) for data in sets}
    return [Finding("sizes", f"sizes are {sizes}")] if len(set(sizes.values())) > 1 else []


def test_suspicions_of_ours_are_looked_for_in_each_set_and_across_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [Record(str(k), bulk("Cu", cubic=k > 0, a=3.6 + 0.1 * k), -3.5, None, None, "") for k in range(3)]
    sets = {"train": records[:2], "test": records[2:]}
    before = describe(sets).findings
    monkeypatch.setitem(SUSPICIONS, "single atoms", in_each(single_atoms))
    monkeypatch.setitem(SUSPICIONS, "sizes", unequal_sizes)
    *others, single, sizes = describe(sets).findings
    assert tuple(others) == before
    assert single == Finding("single atoms", "train: 1 structures of one atom", ("0",))
    assert sizes.sentence == "sizes are {'train': 2, 'test': 1}"
