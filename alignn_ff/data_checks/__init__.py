"""Surveys of labelled data: contents, duplicates and leaks, outliers, suspicious units and signs."""

from alignn_ff.data_checks.consistency import Consistency
from alignn_ff.data_checks.contents import Contents, Range
from alignn_ff.data_checks.describe import Description, describe
from alignn_ff.data_checks.findings import Finding
from alignn_ff.data_checks.splitting import split_without_leaks

__all__ = ["Consistency", "Contents", "Description", "Finding", "Range", "describe", "split_without_leaks"]
