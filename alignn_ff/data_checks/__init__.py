"""Checks of labelled data: contents, duplicates and leaks, outliers, suspicious units and signs."""

from alignn_ff.data_checks.consistency import Consistency
from alignn_ff.data_checks.contents import Contents, Range
from alignn_ff.data_checks.describe import Description, describe
from alignn_ff.data_checks.findings import DataSet, Finding
from alignn_ff.data_checks.splitting import split_without_leaks
from alignn_ff.data_checks.table import SUSPICIONS, in_each

__all__ = [
    "SUSPICIONS",
    "Consistency",
    "Contents",
    "DataSet",
    "Description",
    "Finding",
    "Range",
    "describe",
    "in_each",
    "split_without_leaks",
]


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
