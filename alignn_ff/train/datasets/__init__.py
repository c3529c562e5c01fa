"""Data sets in every usual form, read as records: a path or a published name in, checked labels out."""

from alignn_ff.train.datasets.formats import write_records
from alignn_ff.train.datasets.keys import DataKeys, keys_of
from alignn_ff.train.datasets.raw import raw_digest
from alignn_ff.train.datasets.reading import RecordsSource, load_records, read_records, records_source
from alignn_ff.train.datasets.targets import output_width, prepare_targets

__all__ = [
    "DataKeys",
    "RecordsSource",
    "keys_of",
    "load_records",
    "output_width",
    "prepare_targets",
    "raw_digest",
    "read_records",
    "records_source",
    "write_records",
]
