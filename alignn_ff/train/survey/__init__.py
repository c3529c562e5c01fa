"""Surveys of labelled data: contents, duplicates and leaks, outliers, suspicious units and signs."""

from alignn_ff.train.survey.consistency import Consistency
from alignn_ff.train.survey.contents import Contents, Range
from alignn_ff.train.survey.describe import Description, describe
from alignn_ff.train.survey.findings import Finding
from alignn_ff.train.survey.splitting import split_without_leaks

__all__ = ["Consistency", "Contents", "Description", "Finding", "Range", "describe", "split_without_leaks"]
