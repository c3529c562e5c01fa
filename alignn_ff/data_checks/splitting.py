"""Splits without leaks: the same structures stay in one part, and strata are spread evenly."""

import random
from collections import defaultdict
from collections.abc import Sequence

from alignn_ff.data_checks.environments import environment_of
from alignn_ff.data_checks.likeness import alike, connected
from alignn_ff.errors import DataError
from alignn_ff.train.records.record import Record, reduced_formula
from alignn_ff.train.records.split import Split


def split_without_leaks(
    records: Sequence[Record],
    ratios: tuple[float, float, float],
    *,
    keep_together: str | None = None,
    stratify_by: str | None = None,
    seed: int = 123,
) -> Split:
    """Train, validation and test records.

    Structures that are the same are never in two parts.

    Args:
        records: all.
        ratios: of the parts; they sum to 1 at most.
        keep_together: "formula", or a key of the records whose values must not be in two parts; None: only the same
            structures stay together.
        stratify_by: key whose values are spread over the parts in proportion; None: at random.
        seed: of the shuffling.

    Raises:
        DataError: a part with a ratio above 0 would be empty, or records lack a key.
    """
    clusters = _clusters(records, keep_together)
    strata: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for cluster in clusters:
        strata["" if stratify_by is None else _key(records[cluster[0]], stratify_by)].append(cluster)
    parts: tuple[list[int], ...] = ([], [], [])
    for name in sorted(strata):
        random.Random(f"{seed}/{name}").shuffle(strata[name])  # noqa: S311 - not for secrets
        _deal(strata[name], ratios, parts)
    empty = [name for name, part, ratio in zip(Split._fields, parts, ratios, strict=True) if ratio > 0 and not part]
    if empty:
        raise DataError(
            f"{', '.join(empty)} would be empty: {len(records)} records in {len(clusters)} clusters that must stay "
            "together; take larger ratios, more data, or keep less together"
        )
    return Split(*(tuple(sorted(part)) for part in parts))


def _deal(clusters: Sequence[tuple[int, ...]], ratios: Sequence[float], parts: tuple[list[int], ...]) -> None:
    """Give each cluster, large ones first, to the part that lacks most of its share of all given so far."""
    wanted = [ratio / max(sum(ratios), 1e-12) for ratio in ratios]
    for cluster in sorted(clusters, key=len, reverse=True):
        total = sum(map(len, parts)) + len(cluster)
        lacking = [share * total - len(part) for share, part in zip(wanted, parts, strict=True)]
        parts[lacking.index(max(lacking))].extend(cluster)


def _clusters(records: Sequence[Record], keep_together: str | None) -> list[tuple[int, ...]]:
    """Sets of records that must stay in one part."""
    environments = [environment_of(record) for record in records]
    links = [(group[0], other) for group in alike(records, environments) for other in group[1:]]
    if keep_together is not None:
        first: dict[str, int] = {}
        for index, record in enumerate(records):
            links.append((first.setdefault(_key(record, keep_together), index), index))
    return connected(len(records), links)


def _key(record: Record, name: str) -> str:
    if name == "formula":
        return reduced_formula(record)
    if name == "config_type":
        return record.group
    if name not in record.atoms.info:
        known = ", ".join(["formula", "config_type", *sorted(map(str, record.atoms.info))])
        raise DataError(f"{record.identifier} has no {name!r}; it has {known}")
    return str(record.atoms.info[name])
